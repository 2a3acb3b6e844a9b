/* Linked with each program: says that it has come to its end. Wine's exit status does not: that is 0 for a program whose wineserver dies.
   SPDX-License-Identifier: MIT OR Apache-2.0 */
#include <stdio.h>

__attribute__((destructor)) static void ended(void) {
    puts("ended");
    fflush(stdout);
}
