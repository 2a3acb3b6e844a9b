/* The suite on Zephyr.
   SPDX-License-Identifier: MIT OR Apache-2.0 */
#include <zephyr/irq_offload.h>
#include <zephyr/kernel.h>

#include "cocancel_zephyr.h"
#include "conformance.h"

/* Zephyr's uptime begins at 0; where it does not, it may wrap. */
#ifndef CONFORMANCE_WRAPS_WITHIN_MS
#define CONFORMANCE_WRAPS_WITHIN_MS 0
#endif
#ifndef CONFORMANCE_LATE_MS
#define CONFORMANCE_LATE_MS 22
#endif

enum { STACK = 2048 };

typedef struct thread {
    struct k_thread state;
    void (*run)(void *argument);
    void *argument;
    shared_word is_taken;
} thread;

static thread threads[CONFORMANCE_THREADS];
static K_THREAD_STACK_ARRAY_DEFINE(stacks, CONFORMANCE_THREADS, STACK);

static void run_thread(void *argument, void *two, void *three) {
    thread *self = (thread *)argument;
    (void)two, (void)three;
    self->run(self->argument);
    cocancel_zephyr_exit();
}

static void *start(void (*run)(void *argument), void *argument) {
    unsigned n = 0;
    while (get(&threads[n].is_taken)) n++;
    set(&threads[n].is_taken, 1);
    threads[n].run = run;
    threads[n].argument = argument;
    (void)k_thread_create(&threads[n].state, stacks[n], K_THREAD_STACK_SIZEOF(stacks[n]), run_thread, &threads[n], NULL, NULL,
                          K_PRIO_PREEMPT(5), 0, K_NO_WAIT);
    return &threads[n];
}

static void join(void *argument) {
    thread *it = (thread *)argument;
    (void)k_thread_join(&it->state, K_FOREVER);
    set(&it->is_taken, 0);
}

static void sleep_ms(uint32_t ms) { k_sleep(K_MSEC(ms)); }

static void (*handler)(void *argument);

static void handle(const void *argument) { handler((void *)(uintptr_t)argument); }

static void interrupt(void (*run)(void *argument), void *argument) {
    handler = run;
    irq_offload(handle, argument);
}

static void say(const char *text) { printk("%s", text); }

int main(void) {
    conformance_host host = {.start = start, .join = join, .sleep = sleep_ms, .interrupt = interrupt, .say = say};
    unsigned broken;
    host.port = cocancel_zephyr_port;
    host.late_ms = CONFORMANCE_LATE_MS;
    host.wraps_within_ms = CONFORMANCE_WRAPS_WITHIN_MS;
    broken = conformance_run(&host);
    printk("%u clauses are broken\n", broken);
    return (int)broken;
}
