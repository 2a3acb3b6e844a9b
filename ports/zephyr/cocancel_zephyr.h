/* The port of cocancel to Zephyr: what an application calls.
   SPDX-License-Identifier: MIT OR Apache-2.0

   As a module of Zephyr (packaging/zephyr), or these two files with -DCONFIG_COCANCEL_THREADS=8 and CONFIG_THREAD_LOCAL_STORAGE=y. For threads
   in supervisor mode and interrupt handlers; several cores where the archive's target has a compare-exchange. Nothing is allocated.

   Never compiled with Zephyr's own headers so far: with stand-ins for the few functions that are used (packaging/zephyr/README.md). */

#ifndef COCANCEL_ZEPHYR_H
#define COCANCEL_ZEPHYR_H

#include <zephyr/kernel.h>

#include "cocancel.h"

#ifdef __cplusplus
extern "C" {
#endif

/* The port's functions, for cocancel_init. `hooks` is all zero and the caller's to fill in. There is one word for each thread, so one runtime
   at a time; it must be the default one (cocancel_set_default), which is where threads are taken out. */
extern const cocancel_port cocancel_zephyr_port;

/* Sets up the default runtime on this port. `hooks` may be NULL; `wake` among them is never called, and `retire` also gets the contexts of
   threads that blocked, which are the port's. Returns as cocancel_init. */
int32_t cocancel_zephyr_init(void *storage, size_t size, size_t calls, size_t threads, const cocancel_hooks *hooks);

/* The id by which others name a thread (NULL: the calling one) to cocancel_cancel_thread: also ahead of time, before it runs. Living threads never
   have the same; a thread's record gives out 2^24 others before it repeats one. 0: more than CONFIG_COCANCEL_THREADS threads. Not from
   interrupt handlers: keep the id where they can read it. Never blocks. */
uint32_t cocancel_zephyr_id(k_tid_t thread);

/* The calling thread's wake context, for cocancel_call_options.context: it is woken from cocancel_zephyr_sleep whenever there is something
   new to poll. NULL: more than CONFIG_COCANCEL_THREADS threads. */
void *cocancel_zephyr_context(void);

/* Sleeps until the calling thread's context is woken, or for so many milliseconds (COCANCEL_INFINITE: for ever); may come back without reason. */
void cocancel_zephyr_sleep(uint32_t ms);

/* Takes the calling thread out of the library: its calls are given up, what it serves fails. Each thread that used the library calls it before it
   ends: Zephyr tells nobody of a thread's end. The thread may come back by using the library again, with another id. */
void cocancel_zephyr_exit(void);

/* The same for a thread that has ended without it: after k_thread_abort or k_thread_join, before its memory is used again. One that was aborted
   inside the library leaves behind what it was doing at that instant: at most one slot, its thread's or a call's, stays in use for good. */
void cocancel_zephyr_gone(k_tid_t thread);

#ifdef __cplusplus
}
#endif

#endif
