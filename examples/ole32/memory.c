/* What the archive without a port, and the compiler, leave to the host: an ole32 without a C runtime has these anyway.
   SPDX-License-Identifier: MIT OR Apache-2.0 */
#include <stddef.h>

/* volatile: else an optimising compiler may see what such a loop does, and make a call of memset out of memset itself */
typedef volatile unsigned char byte;
typedef const volatile unsigned char constant_byte;

void *memset(void *to, int value, size_t size) {
    byte *each = (byte *)to;
    while (size--) *each++ = (unsigned char)value;
    return to;
}

void *memcpy(void *to, const void *from, size_t size) {
    byte *target = (byte *)to;
    constant_byte *source = (constant_byte *)from;
    while (size--) *target++ = *source++;
    return to;
}

void *memmove(void *to, const void *from, size_t size) {
    byte *target = (byte *)to;
    constant_byte *source = (constant_byte *)from;
    if (target < source) return memcpy(to, from, size); /* ours goes upwards */
    while (size--) target[size] = source[size];
    return to;
}

int memcmp(const void *one, const void *other, size_t size) {
    constant_byte *left = (constant_byte *)one, *right = (constant_byte *)other;
    for (; size--; left++, right++) {
        int difference = *left - *right;
        if (difference) return difference;
    }
    return 0;
}
