/* The suite on FreeRTOS: its threads are tasks in static storage.
   SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "conformance.h"

#include "board.h"
#include "cocancel_freertos.h"

enum { STACK = 176 };

typedef struct thread {
    StaticTask_t state;
    StackType_t stack[STACK];
    void (*run)(void *argument);
    void *argument;
    shared_word is_free, is_over;
} thread;

static thread threads[CONFORMANCE_THREADS];
static StaticTask_t suite_state;
static StackType_t suite_stack[STACK];

static void run_thread(void *argument) {
    thread *self = (thread *)argument;
    self->run(self->argument);
    set(&self->is_over, 1);
    vTaskDelete(NULL);
}

/* More urgent than the suite, so that it is off for ever once it has said that it is over. */
static void *start(void (*run)(void *argument), void *argument) {
    thread *it = threads;
    while (!get(&it->is_free)) it++;
    set(&it->is_free, 0);
    set(&it->is_over, 0);
    it->run = run;
    it->argument = argument;
    (void)xTaskCreateStatic(run_thread, "thread", STACK, it, 3, it->stack, &it->state);
    return it;
}

static void join(void *argument) {
    thread *it = (thread *)argument;
    uint32_t seen;
    while (!get(&it->is_over)) vTaskDelay(1);
    /* the idle task has still to clean up after it */
    seen = board_idle_rounds;
    while (board_idle_rounds - seen < 2) vTaskDelay(1);
    set(&it->is_free, 1);
}

static void sleep(uint32_t ms) { vTaskDelay((TickType_t)(((uint64_t)ms * configTICK_RATE_HZ + 999) / 1000)); }

static void (*volatile handler)(void *argument);
static void *volatile handlers_argument;

void interrupt_handler(void) {
    handler(handlers_argument);
    handler = NULL;
}

static void interrupt(void (*run)(void *argument), void *argument) {
    handlers_argument = argument;
    handler = run;
    board_interrupt_now();
    while (handler != NULL) {
    }
}

static void run_suite(void *unused) {
    conformance_host host = {.start = start, .join = join, .sleep = sleep, .interrupt = interrupt, .say = board_say};
    (void)unused;
    host.port = cocancel_freertos_port;
    host.late_ms = 2 + 2 * (1000 + configTICK_RATE_HZ - 1) / configTICK_RATE_HZ;
    host.preempts = 1;
    host.wraps_within_ms = CONFORMANCE_WRAPS_WITHIN_MS;
    board_exit(conformance_run(&host));
}

int main(void) {
    int n;
    for (n = 0; n < CONFORMANCE_THREADS; n++) threads[n].is_free = 1;
    (void)xTaskCreateStatic(run_suite, "suite", STACK, NULL, 2, suite_stack, &suite_state);
    vTaskStartScheduler();
    board_fail("the scheduler did not start");
}
