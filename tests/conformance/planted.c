/* Each defect is one function of the port, put between the suite and the real one.
   SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "planted.h"

#include <stdlib.h>
#include <string.h>

/* Longer than any wait of a clause that is woken. */
enum { FOR_EVER_MS = 2000, CONTEXTS = 8 };

int exit_is_forgotten;
static conformance_host real;

/* ---- who and when ---- */

static uint32_t zero(void *user) {
    (void)user;
    return 0;
}

static uint32_t one(void *user) { return real.port.in_interrupt(user) ? 0 : 1; }

static uint32_t another_each_time(void *user) {
    static uint32_t last;
    return real.port.in_interrupt(user) ? 0 : __atomic_add_fetch(&last, 1, __ATOMIC_RELAXED);
}

static uint32_t one_in_handlers(void *user) { return real.port.in_interrupt(user) ? 1 : real.port.thread_id(user); }

static uint32_t slow(void *user) { return 0xFFFFFF00 + (real.port.tick(user) - 0xFFFFFF00) / 2; }

static uint32_t of_31_bits(void *user) { return real.port.tick(user) & 0x7FFFFFFF; }

/* ---- the local word ---- */

static void *shared;

static void *get_shared(void *user) {
    (void)user;
    return __atomic_load_n(&shared, __ATOMIC_ACQUIRE);
}

static void set_shared(void *user, void *value) {
    (void)user;
    __atomic_store_n(&shared, value, __ATOMIC_RELEASE);
}

static void forget(void *user, void *value) {
    (void)user;
    (void)value;
}

/* ---- waits ---- */

static void *last_waiter;

static void watched_wait(void *user, const cocancel_wait_point *point, uint32_t ms) {
    uint32_t start = real.port.tick(user);
    __atomic_store_n(&last_waiter, point->context, __ATOMIC_RELEASE);
    real.port.wait(user, point, ms == COCANCEL_INFINITE ? FOR_EVER_MS : ms);
    if (ms != COCANCEL_INFINITE || real.port.tick(user) - start < FOR_EVER_MS) return;
    real.say("\n    asleep for ever\n    BROKEN\n");
    exit(1);
}

static void wait_without_end(void *user, const cocancel_wait_point *point, uint32_t ms) {
    (void)ms;
    watched_wait(user, point, COCANCEL_INFINITE);
}

static void return_at_once(void *user, const cocancel_wait_point *point, uint32_t ms) {
    (void)user;
    (void)point;
    (void)ms;
}

static void wait_16_bits(void *user, const cocancel_wait_point *point, uint32_t ms) {
    watched_wait(user, point, ms == COCANCEL_INFINITE ? ms : (uint16_t)ms);
}

/* ---- wakes ---- */

static void lose(void *user, const cocancel_wait_point *point) {
    (void)user;
    (void)point;
}

static void wake_the_last(void *user, const cocancel_wait_point *point) {
    cocancel_wait_point other = *point;
    other.context = __atomic_load_n(&last_waiter, __ATOMIC_ACQUIRE);
    if (other.context != NULL) real.port.wake(user, &other);
}

/* As a port whose wake object is used up. */
static void wake_three_times(void *user, const cocancel_wait_point *point) {
    static struct {
        void *context;
        uint32_t wakes;
    } seen[CONTEXTS];
    int n = 0;
    while (n < CONTEXTS - 1 && seen[n].context != NULL && seen[n].context != point->context) n++;
    seen[n].context = point->context;
    if (seen[n].wakes++ < 3) real.port.wake(user, point);
}

/* ---- the library, linked with --wrap=cocancel_storage_size ---- */

static size_t more;

size_t __real_cocancel_storage_size(size_t calls, size_t threads);
size_t __wrap_cocancel_storage_size(size_t calls, size_t threads);

size_t __wrap_cocancel_storage_size(size_t calls, size_t threads) { return __real_cocancel_storage_size(calls, threads) + more; }

int plant(const char *defect, conformance_host *host) {
    cocancel_port *port = &host->port;
    if (strcmp(defect, "none") == 0) return 1;
    real = *host;
    port->wait = watched_wait;
    if (strcmp(defect, "no wake") == 0) port->wake = NULL;
    else if (strcmp(defect, "no size") == 0) port->size = 0;
    else if (strcmp(defect, "id is zero") == 0) port->thread_id = zero;
    else if (strcmp(defect, "one id") == 0) port->thread_id = one;
    else if (strcmp(defect, "id changes") == 0) port->thread_id = another_each_time;
    else if (strcmp(defect, "handlers have ids") == 0) port->thread_id = one_in_handlers;
    else if (strcmp(defect, "handlers are unknown") == 0) port->in_interrupt = zero;
    else if (strcmp(defect, "tick is slow") == 0) port->tick = slow;
    else if (strcmp(defect, "tick has 31 bits") == 0) port->tick = of_31_bits;
    else if (strcmp(defect, "local is shared") == 0) port->local = get_shared, port->set_local = set_shared;
    else if (strcmp(defect, "local is forgotten") == 0) port->set_local = forget;
    else if (strcmp(defect, "wait has no end") == 0) port->wait = wait_without_end;
    else if (strcmp(defect, "wait does not sleep") == 0) port->wait = return_at_once;
    else if (strcmp(defect, "wait has 16 bits") == 0) port->wait = wait_16_bits;
    else if (strcmp(defect, "wake is lost") == 0) port->wake = lose;
    else if (strcmp(defect, "wake of another") == 0) port->wake = wake_the_last;
    else if (strcmp(defect, "wakes are used up") == 0) port->wake = wake_three_times;
    else if (strcmp(defect, "exit is forgotten") == 0) exit_is_forgotten = 1;
    else if (strcmp(defect, "size differs") == 0) more = COCANCEL_STORAGE_ALIGN;
    else return 0;
    return 1;
}
