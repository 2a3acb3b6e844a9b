/* Debian's musl-gcc links GCC's unwinder as built for glibc, which asks this of the loader. There is no such loader; a library that never
   unwinds needs no answer. A toolchain made for musl has no use for this file. SPDX-License-Identifier: MIT OR Apache-2.0 */
int _dl_find_object(void *address, void *result);

int _dl_find_object(void *address, void *result) {
    (void)address;
    (void)result;
    return -1;
}
