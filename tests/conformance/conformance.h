/* Does a port in C keep its contract? The clauses are those of docs/porting.md. Any port can run this: it brings a `host`.
   SPDX-License-Identifier: MIT OR Apache-2.0 */
#ifndef CONFORMANCE_H
#define CONFORMANCE_H

#include "cocancel.h"

/* How many threads `start` must be able to run at once, besides the one that runs the suite. */
enum { CONFORMANCE_THREADS = 3 };

/* What the suite needs beside the port. */
typedef struct conformance_host {
    /* The port under test. Its hooks are not used but for `user`. Its tick should be set so that it wraps during the suite. */
    cocancel_port port;
    /* Runs `run(argument)` in a new thread, and all that the port does when a thread ends. The handle is for `join`. */
    void *(*start)(void (*run)(void *argument), void *argument);
    /* Waits until that thread has ended altogether. Each is joined once. */
    void (*join)(void *thread);
    /* Lets `ms` milliseconds pass for the calling thread, by the host's own means and not by the port's. */
    void (*sleep)(uint32_t ms);
    /* Runs `run(argument)` in an interrupt or signal handler and returns when that is over. NULL: there are none. */
    void (*interrupt)(void (*run)(void *argument), void *argument);
    /* Prints. */
    void (*say)(const char *text);
    /* By how many milliseconds a wait or a tick may be late. COCANCEL_INFINITE where the machine's speed comes in. */
    uint32_t late_ms;
    /* A thread of `start` runs at once when it is woken, before the waker, or whom a waking handler interrupted, goes on. */
    int preempts;
    /* The tick wraps within so many milliseconds; 0: it does not. */
    uint32_t wraps_within_ms;
    /* The names of the clauses to run, up to a NULL; the runtime is set up for those that need one. NULL: all. */
    char **only;
} conformance_host;

/* Runs all clauses; prints a line for each. Returns how many are not kept. A lost wake shows as a clause that never ends: its name stands last.
   Makes its own runtime the default one. Not called twice at once. */
unsigned conformance_run(const conformance_host *host);

/* ---- within the suite ---- */

extern const conformance_host *under_test;

/* A clause has its name and what breaks it. */
typedef struct clause {
    const char *name;
    void (*run)(void);
} clause;

/* The port's functions, each by itself; no runtime exists. */
extern const clause port_clauses[];
/* The library on top of the port. */
extern const clause runtime_clauses[];

/* Notes that the clause is broken, and why; `text` is the condition that does not hold. */
void conformance_require(int holds, const char *text, int line);
#define REQUIRE(condition) conformance_require((condition) != 0, #condition, __LINE__)

/* What threads and handlers tell each other. What was written before `set` is seen after a `get` of that value. */
typedef uint32_t shared_word;
static inline uint32_t get(const shared_word *from) { return __atomic_load_n(from, __ATOMIC_ACQUIRE); }
static inline void set(shared_word *to, uint32_t value) { __atomic_store_n(to, value, __ATOMIC_RELEASE); }

/* Sleeps until it is not 0. */
void await_word(const shared_word *from);

uint32_t tick_now(void);

#endif
