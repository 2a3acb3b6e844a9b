/* Defects of a port, planted to see that a clause finds them.
   SPDX-License-Identifier: MIT OR Apache-2.0 */
#ifndef PLANTED_H
#define PLANTED_H

#include "conformance.h"

/* Gives the host's port, or the library, the defect of that name; "none" is none. 0: there is no such defect. A wait without end that nothing ends in a few
   seconds breaks the clause that runs, and the program ends. */
int plant(const char *defect, conformance_host *host);

/* Threads end without a word to the library. */
extern int exit_is_forgotten;

#endif
