/* Each function of a port, by itself.
   SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "conformance.h"

static uint32_t thread_id(void) { return under_test->port.thread_id(under_test->port.hooks.user); }
static void *get_local(void) { return under_test->port.local(under_test->port.hooks.user); }
static void set_local(void *value) { under_test->port.set_local(under_test->port.hooks.user, value); }
static void *waiter(void) { return under_test->port.waiter(under_test->port.hooks.user); }

static uint32_t in_interrupt(void) {
    return under_test->port.in_interrupt != NULL ? under_test->port.in_interrupt(under_test->port.hooks.user) : 0;
}

/* ---- 1. thread_id ---- */

typedef struct named {
    shared_word is_known, may_end;
    uint32_t id, again;
} named;

static void name_itself(void *argument) {
    named *self = (named *)argument;
    self->id = thread_id();
    set(&self->is_known, 1);
    await_word(&self->may_end);
    self->again = thread_id();
}

static void ids(void) {
    named living[2] = {{0, 0, 0, 0}, {0, 0, 0, 0}};
    named next = {0, 1, 0, 0};
    uint32_t own = thread_id();
    void *threads[2];
    int n;
    for (n = 0; n < 2; n++) {
        threads[n] = under_test->start(name_itself, &living[n]);
        await_word(&living[n].is_known);
    }
    REQUIRE(own != 0 && living[0].id != 0 && living[1].id != 0);
    REQUIRE(own != living[0].id && own != living[1].id && living[0].id != living[1].id);
    set(&living[0].may_end, 1);
    under_test->join(threads[0]);
    REQUIRE(living[0].again == living[0].id);
    under_test->join(under_test->start(name_itself, &next));
    REQUIRE(next.id != 0 && next.id != own && next.id != living[1].id);
    set(&living[1].may_end, 1);
    under_test->join(threads[1]);
    REQUIRE(living[1].again == living[1].id);
    REQUIRE(thread_id() == own);
}

static void ask_in_interrupt(void *argument) {
    uint32_t *answers = (uint32_t *)argument;
    answers[0] = in_interrupt();
    answers[1] = thread_id();
    answers[2] = tick_now();
}

static void interrupts(void) {
    uint32_t answers[3] = {0, 1, 0};
    uint32_t before = tick_now();
    REQUIRE(in_interrupt() == 0);
    if (under_test->interrupt == NULL) return;
    under_test->interrupt(ask_in_interrupt, answers);
    REQUIRE(answers[0] != 0);
    REQUIRE(answers[1] == 0);
    REQUIRE(answers[2] - before <= tick_now() - before);
    REQUIRE(in_interrupt() == 0);
}

/* ---- 2. tick ---- */

static uint32_t late_by(uint32_t ms) {
    return under_test->late_ms == COCANCEL_INFINITE ? 0x7FFFFFFF : ms + under_test->late_ms;
}

static void read_tick(void *argument) { *(uint32_t *)argument = tick_now(); }

static void tick_counts_milliseconds(void) {
    uint32_t n, others;
    uint32_t last = tick_now();
    for (n = 1; n <= 20; n++) {
        uint32_t now;
        under_test->sleep(n);
        now = tick_now();
        REQUIRE(now - last >= n && now - last <= late_by(n));
        last = now;
    }
    under_test->join(under_test->start(read_tick, &others));
    REQUIRE(others - last <= tick_now() - last);
}

static void tick_wraps_at_32_bits(void) {
    uint32_t start = tick_now();
    uint32_t last = start;
    if (under_test->wraps_within_ms == 0) return;
    REQUIRE(start >= 0x80000000 || start < under_test->wraps_within_ms);
    while (last >= 0x80000000 && last - start <= under_test->wraps_within_ms) {
        uint32_t now;
        under_test->sleep(5);
        now = tick_now();
        REQUIRE(now - last >= 5 && now - last < 60000);
        last = now;
    }
    REQUIRE(last < 60000);
    tick_counts_milliseconds();
}

/* ---- 3. local ---- */

static void keep_local(void *argument) {
    named *self = (named *)argument;
    (void)thread_id(); /* the library asks for it first */
    self->id = get_local() == NULL;
    set_local(self);
    set(&self->is_known, 1);
    await_word(&self->may_end);
    self->again = get_local() == self;
}

static void local_is_per_thread(void) {
    named living[2] = {{0, 0, 0, 0}, {0, 0, 0, 0}};
    named next = {0, 1, 0, 0};
    void *threads[2];
    int n, own = 0;
    if (under_test->port.local == NULL) return;
    REQUIRE(get_local() == NULL);
    set_local(&own);
    for (n = 0; n < 2; n++) {
        threads[n] = under_test->start(keep_local, &living[n]);
        await_word(&living[n].is_known);
        REQUIRE(living[n].id);
    }
    REQUIRE(get_local() == &own);
    for (n = 0; n < 2; n++) {
        set(&living[n].may_end, 1);
        under_test->join(threads[n]);
        REQUIRE(living[n].again);
    }
    /* what a dead thread had is not found by its successor */
    under_test->join(under_test->start(keep_local, &next));
    REQUIRE(next.id && next.again);
    REQUIRE(get_local() == &own);
    set_local(NULL);
    REQUIRE(get_local() == NULL);
}

/* ---- 4. wait and wake ---- */

/* A word as the library has it: it changes before each wake. Two sides may sleep on it. */
static shared_word word;

typedef struct sleeper {
    uint32_t side, ms;
    void *context;
    shared_word is_known, is_due, is_over;
    uint32_t returns;
} sleeper;

static void wait_on(uint32_t value, uint32_t side, void *context, uint32_t ms) {
    cocancel_wait_point point;
    point.word = &word;
    point.value = value;
    point.side = side;
    point.context = context;
    under_test->port.wait(under_test->port.hooks.user, &point, ms);
}

static void wake(uint32_t side, void *context) {
    cocancel_wait_point point;
    set(&word, get(&word) + 1);
    point.word = &word;
    point.value = 0;
    point.side = side;
    point.context = context;
    under_test->port.wake(under_test->port.hooks.user, &point);
}

static void wake_sleeper(void *argument) {
    sleeper *whose = (sleeper *)argument;
    set(&whose->is_due, 1);
    wake(whose->side, whose->context);
}

static void sleep_until_due(void *argument) {
    sleeper *self = (sleeper *)argument;
    self->context = waiter();
    set(&self->is_known, 1);
    for (;;) {
        uint32_t value = get(&word);
        if (get(&self->is_due)) break;
        wait_on(value, self->side, self->context, self->ms);
        self->returns++;
    }
    set(&self->is_over, 1);
}

static int can_wait(void) { return under_test->port.waiter != NULL; }

static void wake_before_wait(void) {
    sleeper self = {COCANCEL_CLIENT, COCANCEL_INFINITE, NULL, 0, 0, 0, 0};
    uint32_t value = get(&word);
    if (!can_wait()) return;
    self.context = waiter();
    wake_sleeper(&self);
    wait_on(value, COCANCEL_CLIENT, self.context, COCANCEL_INFINITE);
    /* the same from another thread */
    value = get(&word);
    under_test->join(under_test->start(wake_sleeper, &self));
    wait_on(value, COCANCEL_CLIENT, self.context, COCANCEL_INFINITE);
    if (under_test->interrupt == NULL) return;
    value = get(&word);
    under_test->interrupt(wake_sleeper, &self);
    wait_on(value, COCANCEL_CLIENT, self.context, COCANCEL_INFINITE);
}

static void wake_ends_wait(void) {
    uint32_t n;
    if (!can_wait()) return;
    /* the shorter the pause, the closer to the moment when it falls asleep */
    for (n = 0; n < 12; n++) {
        sleeper it = {COCANCEL_CLIENT, COCANCEL_INFINITE, NULL, 0, 0, 0, 0};
        void *thread = under_test->start(sleep_until_due, &it);
        await_word(&it.is_known);
        if (n >= 4) under_test->sleep(n);
        if (n % 2 != 0 && under_test->interrupt != NULL) under_test->interrupt(wake_sleeper, &it);
        else wake_sleeper(&it);
        REQUIRE(get(&it.is_over) || !under_test->preempts);
        under_test->join(thread);
        REQUIRE(get(&it.is_over));
    }
}

static void each_side_is_woken(void) {
    int first;
    if (!can_wait()) return;
    for (first = 0; first < 2; first++) {
        sleeper both[2] = {{COCANCEL_CLIENT, COCANCEL_INFINITE, NULL, 0, 0, 0, 0}, {COCANCEL_CANCELLER, COCANCEL_INFINITE, NULL, 0, 0, 0, 0}};
        void *threads[2];
        int n;
        for (n = 0; n < 2; n++) {
            threads[n] = under_test->start(sleep_until_due, &both[n]);
            await_word(&both[n].is_known);
        }
        under_test->sleep(5);
        wake_sleeper(&both[first]);
        under_test->join(threads[first]);
        under_test->sleep(5);
        REQUIRE(!get(&both[1 - first].is_over));
        wake_sleeper(&both[1 - first]);
        under_test->join(threads[1 - first]);
    }
}

static void wait_keeps_the_time(void) {
    static const uint32_t times[] = {1, 2, 7, 30, 50};
    void *own;
    unsigned n;
    if (!can_wait()) return;
    own = waiter();
    for (n = 0; n < sizeof times / sizeof *times; n++) {
        uint32_t start = tick_now();
        uint32_t passed, returns = 0;
        while ((passed = tick_now() - start) < times[n]) {
            wait_on(get(&word), COCANCEL_CLIENT, own, times[n] - passed);
            returns++;
        }
        REQUIRE(passed <= late_by(times[n]));
        /* it slept, where it might have come back at once for ever */
        REQUIRE(returns <= 5);
    }
}

/* Also those whose product with a tick rate does not fit into 32 bits. */
static void long_waits_sleep(void) {
    static const uint32_t times[] = {65536, 4294968, 42949673, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFE, COCANCEL_INFINITE};
    unsigned n;
    if (!can_wait()) return;
    for (n = 0; n < sizeof times / sizeof *times; n++) {
        sleeper it = {COCANCEL_CLIENT, times[n], NULL, 0, 0, 0, 0};
        void *thread = under_test->start(sleep_until_due, &it);
        await_word(&it.is_known);
        under_test->sleep(20);
        wake_sleeper(&it);
        under_test->join(thread);
        REQUIRE(it.returns <= 3);
    }
}

static void give_context(void *argument) {
    sleeper *self = (sleeper *)argument;
    self->context = waiter();
}

/* A waker may be late: the context outlives its thread, and does no more than wake the next one for no reason. */
static void wake_after_the_threads_end(void) {
    sleeper gone = {COCANCEL_CLIENT, COCANCEL_INFINITE, NULL, 0, 0, 0, 0};
    sleeper next = {COCANCEL_CLIENT, COCANCEL_INFINITE, NULL, 0, 0, 0, 0};
    void *thread;
    if (!can_wait()) return;
    under_test->join(under_test->start(give_context, &gone));
    wake_sleeper(&gone);
    if (under_test->interrupt != NULL) under_test->interrupt(wake_sleeper, &gone);
    thread = under_test->start(sleep_until_due, &next);
    await_word(&next.is_known);
    under_test->sleep(5);
    wake_sleeper(&gone);
    under_test->sleep(5);
    REQUIRE(!get(&next.is_over));
    wake_sleeper(&next);
    under_test->join(thread);
    REQUIRE(get(&next.is_over));
}

static void has_what_it_needs(void) {
    const cocancel_port *port = &under_test->port;
    REQUIRE(port->size == sizeof *port);
    REQUIRE(port->thread_id != NULL && port->tick != NULL);
    REQUIRE((port->local == NULL) == (port->set_local == NULL));
    REQUIRE(port->waiter == NULL || (port->wait != NULL && port->wake != NULL));
}

const clause port_clauses[] = {
    {"the functions are there", has_what_it_needs},
    {"1 ids differ and stay", ids},
    {"1 an interrupt handler is known and has no id", interrupts},
    {"2 the tick counts milliseconds", tick_counts_milliseconds},
    {"2 the tick wraps at 32 bits", tick_wraps_at_32_bits},
    {"3 the local word is each thread's own", local_is_per_thread},
    {"4 a wake before its wait is kept", wake_before_wait},
    {"4 a wake ends a wait", wake_ends_wait},
    {"4 each side of a word is woken", each_side_is_woken},
    {"4 a wait keeps the time of the tick", wait_keeps_the_time},
    {"4 a long wait sleeps", long_waits_sleep},
    {"6 a wake after its thread's end is harmless", wake_after_the_threads_end},
    {NULL, NULL},
};
