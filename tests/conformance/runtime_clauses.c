/* The library on top of the port: calls that block, are answered, are cancelled, and threads that come and go.
   SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "conformance.h"

enum { CALLS = 4, THREADS = CONFORMANCE_THREADS + 1 };

static COCANCEL_STORAGE(storage, CALLS, THREADS);
static cocancel_runtime *runtime;

/* ---- the hooks count ---- */

static shared_word retired, records_orphaned, told;

static void count(shared_word *counter) { (void)__atomic_fetch_add(counter, 1, __ATOMIC_ACQ_REL); }

static void retire(void *user, void *context) {
    (void)user;
    (void)context;
    count(&retired);
}

static void orphaned(void *user, void *host) {
    (void)user;
    (void)host;
    count(&records_orphaned);
}

static void cancel_requested(void *user, cocancel_call call, void *context, uint32_t remaining_ms) {
    (void)user;
    (void)call;
    (void)context;
    (void)remaining_ms;
    count(&told);
}

static void set_up(void) {
    static cocancel_port port; /* the library keeps a pointer to it */
    port = under_test->port;
    port.hooks.retire = retire;
    port.hooks.orphaned = orphaned;
    port.hooks.cancel_requested = cancel_requested;
    REQUIRE(cocancel_init(COCANCEL_ABI_VERSION, storage, sizeof storage, CALLS, THREADS, &port, &runtime) == COCANCEL_S_OK);
    REQUIRE(cocancel_set_default(runtime) == COCANCEL_S_OK);
}

static void storage_has_its_size(void) {
    size_t size = cocancel_storage_size(CALLS, THREADS);
    /* the array's size is rounded up to its alignment by some compilers */
    REQUIRE(sizeof storage >= size && sizeof storage - size < COCANCEL_STORAGE_ALIGN);
}

static void *user(void) { return under_test->port.hooks.user; }
static int can_wait(void) { return under_test->port.waiter != NULL; }

/* ---- a client in a thread of its own ---- */

typedef struct client {
    uint32_t timeout_ms;
    int forgets; /* ends without finishing */
    uint32_t id, start, passed;
    cocancel_call call;
    shared_word has_begun;
    int32_t began, waited, finished;
} client;

static void run_client(void *argument) {
    client *self = (client *)argument;
    cocancel_call_options options = {self, NULL, self->timeout_ms, 0};
    /* now and not in cocancel_wait, which may come after the call's end and then needs none */
    options.context = under_test->port.waiter(user());
    REQUIRE(cocancel_enable(NULL) == COCANCEL_S_OK);
    self->id = under_test->port.thread_id(user());
    self->start = tick_now();
    self->began = cocancel_begin(NULL, &options, &self->call);
    set(&self->has_begun, 1);
    self->waited = cocancel_wait(NULL, self->call);
    self->passed = tick_now() - self->start;
    if (!self->forgets) self->finished = cocancel_finish(NULL, self->call);
}

static void *start_client(client *it) {
    void *thread = under_test->start(run_client, it);
    await_word(&it->has_begun);
    REQUIRE(it->began == COCANCEL_S_OK);
    return thread;
}

static size_t calls_left(void) {
    size_t calls = 0;
    REQUIRE(cocancel_snapshot(NULL, NULL, &calls) == COCANCEL_S_OK);
    return calls;
}

static void end(client *it, void *thread, int32_t outcome) {
    under_test->join(thread);
    REQUIRE(it->waited == outcome);
    REQUIRE(it->finished == (it->forgets ? 0 : outcome));
}

/* As `end`; and what the whole call left behind is nothing, and one retired context. */
static void end_cleanly(client *it, void *thread, int32_t outcome, uint32_t retired_before) {
    end(it, thread, outcome);
    REQUIRE(calls_left() == 0);
    REQUIRE(get(&retired) == retired_before + 1);
}

/* ---- answered ---- */

static void complete_in_interrupt(void *argument) {
    client *it = (client *)argument;
    REQUIRE(cocancel_complete(NULL, it->call, NULL) == COCANCEL_S_OK);
}

static void answered(void) {
    uint32_t n;
    if (!can_wait()) return;
    for (n = 0; n < 6; n++) {
        client it = {0};
        uint32_t before = get(&retired);
        void *thread = start_client(&it);
        under_test->sleep(n);
        if (n % 2 != 0 && under_test->interrupt != NULL) under_test->interrupt(complete_in_interrupt, &it);
        else complete_in_interrupt(&it);
        end_cleanly(&it, thread, COCANCEL_S_OK, before);
    }
}

/* ---- cancelled ---- */

typedef struct canceller {
    uint32_t id, timeout_ms;
    int32_t answer;
} canceller;

static void cancel(void *argument) {
    canceller *self = (canceller *)argument;
    self->answer = cocancel_cancel_thread(NULL, self->id, self->timeout_ms, 0);
}

static void give_up_serving(client *it) {
    void *orphan = NULL;
    REQUIRE(cocancel_complete(NULL, it->call, &orphan) == COCANCEL_RPC_E_CALL_CANCELED);
    REQUIRE(orphan == it);
}

static void cancelled_at_once(void) {
    uint32_t n;
    if (!can_wait()) return;
    for (n = 0; n < 4; n++) {
        client it = {0};
        canceller by = {0};
        uint32_t before = get(&retired), told_before = get(&told);
        void *thread = start_client(&it);
        under_test->sleep(5);
        by.id = it.id;
        if (n % 2 != 0 && under_test->interrupt != NULL) under_test->interrupt(cancel, &by);
        else cancel(&by);
        REQUIRE(by.answer == COCANCEL_S_OK);
        end(&it, thread, COCANCEL_RPC_E_CALL_CANCELED);
        REQUIRE(get(&told) == told_before + 1);
        /* the server's side still has the call: its context is not retired, but then it is, once */
        REQUIRE(get(&retired) == before && calls_left() == 1);
        give_up_serving(&it);
        REQUIRE(get(&retired) == before + 1 && calls_left() == 0);
    }
}

static void check_passed(const client *it, uint32_t ms) {
    REQUIRE(it->passed >= ms);
    REQUIRE(under_test->late_ms == COCANCEL_INFINITE || it->passed <= ms + 2 + under_test->late_ms);
}

/* A handler does not wait, so the client has to keep the time, which it learns while it sleeps. */
static void grace_from_an_interrupt(void) {
    client it = {0};
    canceller by = {0};
    void *thread;
    if (!can_wait() || under_test->interrupt == NULL) return;
    thread = start_client(&it);
    under_test->sleep(5);
    by.id = it.id;
    by.timeout_ms = 30;
    under_test->interrupt(cancel, &by);
    REQUIRE(by.answer == COCANCEL_S_OK);
    end(&it, thread, COCANCEL_RPC_E_CALL_CANCELED);
    REQUIRE(it.passed >= 30);
    give_up_serving(&it);
}

static void own_timeout(void) {
    client it = {0};
    void *thread;
    if (!can_wait()) return;
    it.timeout_ms = 40;
    thread = start_client(&it);
    end(&it, thread, COCANCEL_RPC_E_CALL_CANCELED);
    check_passed(&it, 40);
    give_up_serving(&it);
}

static void canceller_waits(void) {
    int answers;
    if (!can_wait()) return;
    for (answers = 0; answers < 2; answers++) {
        client it = {0};
        canceller by = {0};
        void *threads[2];
        uint32_t start, passed;
        uint32_t before = get(&retired);
        threads[0] = start_client(&it);
        by.id = it.id;
        by.timeout_ms = answers ? COCANCEL_INFINITE : 30;
        start = tick_now();
        threads[1] = under_test->start(cancel, &by);
        while (cocancel_test_call(NULL, it.call) != COCANCEL_RPC_E_CALL_CANCELED) under_test->sleep(1);
        under_test->sleep(10);
        if (answers) complete_in_interrupt(&it);
        under_test->join(threads[1]);
        passed = tick_now() - start;
        end(&it, threads[0], answers ? COCANCEL_S_OK : COCANCEL_RPC_E_CALL_CANCELED);
        REQUIRE(by.answer == (answers ? COCANCEL_RPC_E_CALL_COMPLETE : COCANCEL_S_OK));
        if (!answers) {
            REQUIRE(passed >= 30);
            give_up_serving(&it);
        }
        /* the client's and, if it came to sleep, the canceller's */
        REQUIRE(get(&retired) - before >= 1 && get(&retired) - before <= 2 && calls_left() == 0);
    }
}

static void in_interrupt(void *argument) {
    client *it = (client *)argument;
    REQUIRE(cocancel_wait(NULL, it->call) == COCANCEL_E_NOTIMPL);
    REQUIRE(cocancel_cancel_thread(NULL, 0, 0, 0) == COCANCEL_E_NOINTERFACE);
    REQUIRE(cocancel_poll(NULL, it->call, NULL) == COCANCEL_RPC_S_CALLPENDING);
    REQUIRE(cocancel_test_call(NULL, it->call) == COCANCEL_RPC_S_CALLPENDING);
}

static void refused_in_an_interrupt(void) {
    client it = {0};
    void *thread;
    if (!can_wait() || under_test->interrupt == NULL) return;
    thread = start_client(&it);
    under_test->interrupt(in_interrupt, &it);
    complete_in_interrupt(&it);
    end(&it, thread, COCANCEL_S_OK);
}

/* ---- threads end ---- */

/* Many more than there are slots, with and without finishing what they began, and nobody calls anything for them. */
static void threads_come_and_go(void) {
    uint32_t n;
    for (n = 0; n < 3 * THREADS; n++) {
        client it = {0};
        void *thread;
        uint32_t orphans = get(&records_orphaned);
        if (!can_wait()) return;
        it.forgets = n % 2 != 0;
        thread = start_client(&it);
        complete_in_interrupt(&it);
        end(&it, thread, COCANCEL_S_OK);
        REQUIRE(calls_left() == 0);
        REQUIRE(get(&records_orphaned) == orphans + (it.forgets ? 1 : 0));
        REQUIRE(cocancel_cancel_thread(NULL, it.id, 0, 0) == COCANCEL_E_NOINTERFACE);
    }
}

static void serve_and_end(void *argument) {
    client *of = (client *)argument;
    cocancel_call frame;
    REQUIRE(cocancel_enter(NULL, of->call, &frame, NULL) == COCANCEL_S_OK);
    REQUIRE(cocancel_test(NULL) == COCANCEL_RPC_S_CALLPENDING);
}

static void server_ends(void) {
    client it = {0};
    void *thread;
    if (!can_wait()) return;
    thread = start_client(&it);
    under_test->join(under_test->start(serve_and_end, &it));
    end(&it, thread, COCANCEL_RPC_E_SERVER_DIED);
    REQUIRE(calls_left() == 0);
}

static void take_down(void) {
    REQUIRE(cocancel_thread_exit(NULL) == COCANCEL_S_OK);
    REQUIRE(cocancel_set_default(NULL) == COCANCEL_S_OK);
    REQUIRE(cocancel_deinit(runtime) == COCANCEL_S_OK);
}

const clause runtime_clauses[] = {
    {"a runtime is set up", set_up},
    {"storage has the size that the header says", storage_has_its_size},
    {"a call is answered", answered},
    {"a call is cancelled at once; its context is retired once", cancelled_at_once},
    {"a call is cancelled with a grace time by an interrupt handler", grace_from_an_interrupt},
    {"a call's own timeout", own_timeout},
    {"a canceller waits", canceller_waits},
    {"an interrupt handler does not wait", refused_in_an_interrupt},
    {"threads come and go", threads_come_and_go},
    {"a server's thread ends", server_ends},
    {"nothing is left", take_down},
    {NULL, NULL},
};
