/* A remote call from task to task: the smallest transport that shows who owns what.
   SPDX-License-Identifier: MIT OR Apache-2.0 */
#ifndef TRANSPORT_H
#define TRANSPORT_H

#include <stdint.h>

#include "cocancel.h"

typedef enum method {
    ADD,   /* answers at once: a + b */
    WORK,  /* works for `a` milliseconds, but stops when it is asked to; answers 1 if it was */
    STUCK, /* works for `a` milliseconds and never looks up; answers 0 */
} method;

/* Before the scheduler is started. */
void transport_init(void);

/* Calls the server from a client's task; `timeout_ms` 0: none. S_OK: `*reply` is the answer. Otherwise why there is none. */
int32_t transport_call(method method, int32_t a, int32_t b, uint32_t timeout_ms, int32_t *reply);

/* The server's task. Never returns. */
void transport_serve(void *unused);

/* Records that calls have out, and how many came back to the server's side because their client was gone. */
uint32_t transport_records_out(void);
uint32_t transport_orphans(void);
/* How many calls a stub has run for. */
uint32_t transport_stubs_run(void);
/* For cocancel_hooks: nobody is left to own that record. */
void transport_orphaned(void *user, void *record);

#endif
