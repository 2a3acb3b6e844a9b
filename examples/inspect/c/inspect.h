/* The table of cocancel-inspect for a host without Rust: every call that is out, whose it is, how old, how long it has left, who keeps its
   slot. Two files to copy; they need no C library, allocate nothing and take no lock, so they also work in a signal or interrupt handler.
   SPDX-License-Identifier: MIT OR Apache-2.0 */
#ifndef COCANCEL_INSPECT_H
#define COCANCEL_INSPECT_H

#include <stddef.h>
#include <stdint.h>

#include "cocancel.h"

/* Where a line goes: with a newline and a 0 at its end, `length` without the 0. `to` is the caller's. */
typedef void cocancel_inspect_line(void *to, const char *line, size_t length);

/* Prints the calls of a runtime (NULL: the default one).

   `now` is the port's tick in milliseconds, which the ages are counted to. `room` holds the snapshot meanwhile, `capacity` calls of it:
   what does not fit is counted in the last line and not shown.

   Returns how many calls are in use, shown or not; a negative code of cocancel_snapshot where there is none. Callers: threads, interrupt and
   signal handlers, as far as `line` may be called there. Never blocks. */
int32_t cocancel_inspect_print(cocancel_runtime *runtime, uint32_t now, cocancel_call_info *room, size_t capacity, cocancel_inspect_line *line,
                               void *to);

/* To be called by the event hook, with the port's tick: the library itself keeps no time of beginning. Where it is not called, and on 32-bit
   targets, which have no room for the times, the ages are "-". Callers: as the hook's. Never blocks. */
void cocancel_inspect_event(uint32_t kind, cocancel_call call, uint32_t now);

#endif
