/* The port of cocancel to FreeRTOS: what an application calls.
   SPDX-License-Identifier: MIT OR Apache-2.0

   In FreeRTOSConfig.h:

     configNUM_THREAD_LOCAL_STORAGE_POINTERS   1 or more; the port uses COCANCEL_FREERTOS_TLS_INDEX (0)
     configTASK_NOTIFICATION_ARRAY_ENTRIES     2 or more, so that the port has one of its own, COCANCEL_FREERTOS_NOTIFY_INDEX (the last one).
                                               With 1 it shares the application's: whoever waits in cocancel_wait then swallows those
     INCLUDE_xTaskGetCurrentTaskHandle         1
     void cocancel_freertos_deleted(void *task);
     #define traceTASK_DELETE(task) cocancel_freertos_deleted(task)

     #define COCANCEL_FREERTOS_IN_INTERRUPT()  Only where the kernel's port has no xPortIsInsideInterrupt (RISC-V, older ones for Cortex-M0) and
                                               is not ESP-IDF's: an expression, not 0 in an interrupt handler. On a Cortex-M0 the lower 6 bits
                                               of IPSR; on RISC-V a variable that is set while freertos_risc_v_application_interrupt_handler
                                               or the tick hook runs. May also be given with -D for cocancel_freertos.c

   FreeRTOS 10.4 or later (run with 11.2). The kernel's tick may have any rate and width (run with 100, 1000, 1024 and 10,000 a second, with
   16 and 32 bits). Nothing is allocated. One core. Interrupt handlers that use the library must be allowed to call the kernel: their priority is
   not above configMAX_SYSCALL_INTERRUPT_PRIORITY. */

#ifndef COCANCEL_FREERTOS_H
#define COCANCEL_FREERTOS_H

#if defined(ESP_PLATFORM)
#include "freertos/FreeRTOS.h"
#include "freertos/task.h"
#else
#include "FreeRTOS.h"
#include "task.h"
#endif

#include "cocancel.h"

/* How many tasks may use the library at once: 12 bytes each. At least the `threads` of cocancel_freertos_init, and one for each other task
   that waits in a cancelling function. */
#ifndef COCANCEL_FREERTOS_TASKS
#define COCANCEL_FREERTOS_TASKS 8
#endif

#ifdef __cplusplus
extern "C" {
#endif

/* The port's functions, for cocancel_init. `hooks` is all zero and the caller's to fill in. There is one word of thread-local storage, so
   one runtime at a time; it must be the default one (cocancel_set_default), which is where a deleted task is taken out. */
extern const cocancel_port cocancel_freertos_port;

/* Sets up the default runtime on this port. `hooks` may be NULL; `wake` among them is never called, and `retire` also gets the contexts of tasks
   that blocked, which are the port's. May be called before the scheduler is started, as nothing else here may but cocancel_freertos_id.
   Returns as cocancel_init. */
int32_t cocancel_freertos_init(void *storage, size_t size, size_t calls, size_t threads, const cocancel_hooks *hooks);

/* The id by which other tasks and interrupt handlers name a task (NULL: the calling one) to cocancel_cancel_thread. Living tasks never have
   the same; a task's record gives out 2^24 others before it repeats one. 0: more than COCANCEL_FREERTOS_TASKS tasks. The task must exist.
   Not from interrupt handlers: keep the id where they can read it. Never blocks. */
uint32_t cocancel_freertos_id(TaskHandle_t task);

/* The calling task's wake context, for cocancel_call_options.context: the port's notification wakes it whenever there is something new to
   poll. NULL: more than COCANCEL_FREERTOS_TASKS tasks. */
void *cocancel_freertos_context(void);

/* Takes the calling task out of the library, before it deletes itself: its calls are given up, what it serves fails. Deletion does the
   same, but with interrupts masked meanwhile, also while hooks run. The task may come back by using the library again, with another id. */
void cocancel_freertos_exit(void);

/* For traceTASK_DELETE only. A task that another one deletes while it is inside the library leaves behind what it was doing at that instant, as
   it does everywhere else: at most one slot, its thread's or a call's, stays in use for good. */
void cocancel_freertos_deleted(void *task);

#ifdef __cplusplus
}
#endif

#endif
