/* Clients that poll, on a port that cannot block: which of them is woken, when, and how often. SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "hand_port.h"

static hand_port port;
static cocancel_runtime *runtime;
static COCANCEL_STORAGE(storage, 4, 2);

static char a[] = "a", b[] = "b"; /* wake contexts: their names are what the log shows */

static cocancel_call begin(char *context, uint32_t timeout_ms) {
    cocancel_call_options options = {0};
    cocancel_call call;
    options.context = context;
    options.timeout_ms = timeout_ms;
    CHECK(cocancel_begin(runtime, &options, &call), COCANCEL_S_OK);
    return call;
}

static void check_pending(cocancel_call call, uint32_t expected) {
    uint32_t remaining = 12345;
    CHECK(cocancel_poll(runtime, call, &remaining), COCANCEL_RPC_S_CALLPENDING);
    if (remaining == expected) return;
    failures++;
    printf("%lu ms remain, expected %lu\n", (unsigned long)remaining, (unsigned long)expected);
}

static void check_nothing_left(void) {
    CHECK_TRUE(slots_in_use(runtime) == 0);
    CHECK_WAKES(&port, "");
    CHECK_TOLD(&port, "");
    *port.life = 0;
}

static void reply(void) {
    cocancel_call call = begin(a, 0);
    CHECK(cocancel_wait(runtime, call), COCANCEL_E_NOTIMPL);
    check_pending(call, COCANCEL_INFINITE);
    check_pending(call, COCANCEL_INFINITE);
    CHECK(cocancel_complete(runtime, call, NULL), COCANCEL_S_OK);
    CHECK_WAKES(&port, "a");
    CHECK(cocancel_poll(runtime, call, NULL), COCANCEL_S_OK);
    CHECK(cocancel_wait(runtime, call), COCANCEL_S_OK);
    CHECK_WAKES(&port, "");
    CHECK(cocancel_finish(runtime, call), COCANCEL_S_OK);
    CHECK_WAKES(&port, "retire a");
    CHECK_LIFE(&port, "begun completed finished");
    check_nothing_left();
}

/* Only who has looked since the last wake is woken. */
static void nobody_looked(void) {
    cocancel_call call = begin(a, 0);
    CHECK(cocancel_cancel_call(runtime, call, 50, 0), COCANCEL_S_OK);
    CHECK(cocancel_abandon(runtime, call, COCANCEL_E_FAIL, NULL), COCANCEL_S_OK);
    CHECK_WAKES(&port, "");
    CHECK(cocancel_poll(runtime, call, NULL), COCANCEL_E_FAIL);
    CHECK(cocancel_finish(runtime, call), COCANCEL_E_FAIL);
    CHECK_WAKES(&port, "retire a");
    CHECK_TOLD(&port, "51");
    CHECK_LIFE(&port, "begun requested failed finished");
    check_nothing_left();
}

/* A client without a context is never woken: it polls by the clock. */
static void without_a_context(void) {
    cocancel_call call = begin(NULL, 0);
    check_pending(call, COCANCEL_INFINITE);
    CHECK(cocancel_cancel_call(runtime, call, 50, 0), COCANCEL_S_OK);
    check_pending(call, 51);
    CHECK(cocancel_complete(runtime, call, NULL), COCANCEL_S_OK);
    CHECK(cocancel_finish(runtime, call), COCANCEL_S_OK);
    CHECK_TOLD(&port, "51");
    check_nothing_left();
}

static void a_wake_for_each_request_with_a_deadline(void) {
    cocancel_call call = begin(a, 0);
    check_pending(call, COCANCEL_INFINITE);
    CHECK(cocancel_cancel_call(runtime, call, 1000, 0), COCANCEL_S_OK);
    CHECK_WAKES(&port, "a");
    CHECK_TOLD(&port, "1001");
    check_pending(call, 1001);
    /* later, sooner, sooner still: look again, for the one who asked before may have died over it */
    CHECK(cocancel_cancel_call(runtime, call, 2000, 0), COCANCEL_RPC_E_CALL_CANCELED);
    CHECK_WAKES(&port, "a");
    check_pending(call, 1001);
    CHECK(cocancel_cancel_call(runtime, call, 500, 0), COCANCEL_RPC_E_CALL_CANCELED);
    CHECK_WAKES(&port, "a");
    CHECK(cocancel_cancel_call(runtime, call, 100, 0), COCANCEL_RPC_E_CALL_CANCELED);
    CHECK_WAKES(&port, "a");
    check_pending(call, 101);
    hand_advance(&port, 100);
    check_pending(call, 1);
    hand_advance(&port, 1);
    CHECK(cocancel_poll(runtime, call, NULL), COCANCEL_RPC_E_CALL_CANCELED);
    CHECK(cocancel_poll(runtime, call, NULL), COCANCEL_RPC_E_CALL_CANCELED);
    CHECK(cocancel_finish(runtime, call), COCANCEL_RPC_E_CALL_CANCELED);
    /* whoever sleeps may be another than the one that found it over; the context is kept while the server's side is out */
    CHECK_WAKES(&port, "a");
    CHECK(cocancel_complete(runtime, call, NULL), COCANCEL_RPC_E_CALL_CANCELED);
    CHECK_WAKES(&port, "retire a");
    CHECK_LIFE(&port, "begun requested canceled finished orphaned");
    check_nothing_left();
}

/* The tick looks for clients that sleep. */
static void tick(void) {
    cocancel_call outer = begin(a, 300), inner = begin(b, 100);
    int n;
    check_pending(outer, 301);
    check_pending(inner, 101);
    CHECK_TRUE(cocancel_tick(runtime, 100) == 101);
    hand_advance(&port, 100);
    CHECK_TRUE(cocancel_tick(runtime, 100) == 1);
    CHECK_WAKES(&port, "");
    hand_advance(&port, 1);
    CHECK(cocancel_test_call(runtime, inner), COCANCEL_RPC_S_CALLPENDING); /* testing never looks at the clock */
    CHECK_TRUE(cocancel_tick(runtime, 100) == 200);
    CHECK_WAKES(&port, "b");
    CHECK_TOLD(&port, "0");
    CHECK(cocancel_test_call(runtime, inner), COCANCEL_RPC_E_CALL_CANCELED);
    CHECK(cocancel_poll(runtime, inner, NULL), COCANCEL_RPC_E_CALL_CANCELED);
    CHECK(cocancel_finish(runtime, inner), COCANCEL_RPC_E_CALL_CANCELED);
    /* four shared slots and two of the threads', one by one */
    hand_advance(&port, 200);
    port.call = outer;
    for (n = 0; n < 5; n++) CHECK_TRUE(cocancel_tick(runtime, 1) == 0);
    CHECK_TRUE(cocancel_tick(runtime, 1) == COCANCEL_INFINITE);
    CHECK_WAKES(&port, "a");
    CHECK_TOLD(&port, "0");
    CHECK(cocancel_finish(runtime, outer), COCANCEL_RPC_E_CALL_CANCELED);
    CHECK(cocancel_complete(runtime, inner, NULL), COCANCEL_RPC_E_CALL_CANCELED);
    CHECK(cocancel_complete(runtime, outer, NULL), COCANCEL_RPC_E_CALL_CANCELED);
    CHECK_WAKES(&port, "retire b retire a");
    check_nothing_left();
}

/* The client's own timeout and a request: the sooner one counts, and the longer request is a request all the same. */
static void own_timeout(void) {
    cocancel_call call = begin(a, 300);
    check_pending(call, 301);
    CHECK(cocancel_cancel_call(runtime, call, COCANCEL_INFINITE, 0), COCANCEL_S_OK);
    CHECK_TOLD(&port, "301");
    CHECK(cocancel_test_call(runtime, call), COCANCEL_RPC_E_CALL_CANCELED);
    check_pending(call, 301);
    /* due, but nobody has looked: a canceller that comes first sees that it is over */
    hand_advance(&port, 301);
    CHECK(cocancel_cancel_call(runtime, call, 5, 0), COCANCEL_RPC_E_CALL_CANCELED);
    CHECK(cocancel_finish(runtime, call), COCANCEL_RPC_E_CALL_CANCELED);
    CHECK(cocancel_complete(runtime, call, NULL), COCANCEL_RPC_E_CALL_CANCELED);
    CHECK_WAKES(&port, "a retire a");
    /* a reply that comes before anybody looks is delivered */
    call = begin(a, 300);
    check_pending(call, 301);
    hand_advance(&port, 1000);
    CHECK(cocancel_complete(runtime, call, NULL), COCANCEL_S_OK);
    CHECK(cocancel_finish(runtime, call), COCANCEL_S_OK);
    CHECK_WAKES(&port, "a retire a");
    CHECK_TRUE(cocancel_tick(runtime, 100) == COCANCEL_INFINITE);
    check_nothing_left();
}

static void *cancel_from_another_thread(void *argument) {
    CHECK(cocancel_cancel_thread(runtime, *(uint32_t *)argument, COCANCEL_INFINITE, 0), COCANCEL_S_OK);
    return NULL;
}

/* On a port that cannot block no canceller waits. */
static void canceller(void) {
    cocancel_call call = begin(a, 0);
    uint32_t id = hand_thread_id(&port);
    pthread_t thread;
    check_pending(call, COCANCEL_INFINITE);
    CHECK_TRUE(pthread_create(&thread, NULL, cancel_from_another_thread, &id) == 0 && pthread_join(thread, NULL) == 0);
    CHECK(cocancel_test_call(runtime, call), COCANCEL_RPC_E_CALL_CANCELED);
    check_pending(call, COCANCEL_INFINITE);
    CHECK(cocancel_complete(runtime, call, NULL), COCANCEL_S_OK);
    CHECK(cocancel_finish(runtime, call), COCANCEL_S_OK);
    CHECK_TOLD(&port, "for-ever");
    CHECK_WAKES(&port, "a retire a");
    check_nothing_left();
}

/* A call on the built-in default runtime where there are no hooks: never were, or not any more. */
static void nobody_is_told(void) {
    cocancel_call_options options = {0};
    cocancel_call call = 0;
    options.context = a;
    CHECK(cocancel_begin_async(NULL, &options, &call), COCANCEL_S_OK);
    CHECK(cocancel_finish(NULL, call), COCANCEL_RPC_E_CALL_CANCELED);
    CHECK(cocancel_complete(NULL, call, NULL), COCANCEL_RPC_E_CALL_CANCELED);
    CHECK_LIFE(&port, "");
    CHECK_TRUE(slots_in_use(NULL) == 0);
}

/* The same hooks on the built-in default runtime, for an asynchronous call. */
static void default_runtime(void) {
    static cocancel_port functions; /* the library keeps a pointer to it */
    functions = hand_polling(&port);
    cocancel_call_options options = {0};
    cocancel_call call = 0;
    options.context = a;
    nobody_is_told();
    CHECK(cocancel_set_hooks(&functions.hooks), COCANCEL_S_OK);
    CHECK(cocancel_begin_async(NULL, &options, &call), COCANCEL_S_OK);
    CHECK(cocancel_poll(NULL, call, NULL), COCANCEL_RPC_S_CALLPENDING);
    CHECK(cocancel_cancel_call(NULL, call, COCANCEL_INFINITE, COCANCEL_NO_WAIT), COCANCEL_S_OK);
    CHECK(cocancel_poll(NULL, call, NULL), COCANCEL_RPC_S_CALLPENDING);
    CHECK(cocancel_cancel_call(NULL, call, 0, 0), COCANCEL_RPC_E_CALL_CANCELED);
    CHECK(cocancel_wait(NULL, call), COCANCEL_RPC_E_CALL_CANCELED); /* it may just as well block */
    CHECK(cocancel_finish(NULL, call), COCANCEL_RPC_E_CALL_CANCELED);
    CHECK(cocancel_complete(NULL, call, NULL), COCANCEL_RPC_E_CALL_CANCELED);
    CHECK_LIFE(&port, "begun requested canceled finished orphaned");
    CHECK_TOLD(&port, "for-ever");
    CHECK_WAKES(&port, "a retire a");
    /* without the wake hook a context is only a word */
    functions.hooks.wake = NULL;
    CHECK(cocancel_set_hooks(&functions.hooks), COCANCEL_S_OK);
    CHECK(cocancel_begin_async(NULL, &options, &call), COCANCEL_S_OK);
    CHECK(cocancel_poll(NULL, call, NULL), COCANCEL_RPC_S_CALLPENDING);
    CHECK(cocancel_cancel_call(NULL, call, 0, 0), COCANCEL_S_OK);
    CHECK(cocancel_finish(NULL, call), COCANCEL_RPC_E_CALL_CANCELED);
    CHECK(cocancel_complete(NULL, call, NULL), COCANCEL_RPC_E_CALL_CANCELED);
    CHECK_LIFE(&port, "begun canceled finished orphaned");
    CHECK_WAKES(&port, "retire a");
    CHECK_TOLD(&port, "0");
    CHECK(cocancel_set_hooks(NULL), COCANCEL_S_OK);
    nobody_is_told();
}

static void *dies(void *argument) {
    cocancel_call_options options = {0};
    cocancel_call call;
    options.host = argument;
    CHECK(cocancel_enable(NULL), COCANCEL_S_OK);
    CHECK(cocancel_begin(NULL, &options, &call), COCANCEL_S_OK);
    CHECK(cocancel_complete(NULL, call, NULL), COCANCEL_S_OK);
    return NULL;
}

/* The record of a thread that ends without having finished its call, on the built-in default runtime. */
static void nobodys(void) {
    static cocancel_port functions; /* the library keeps a pointer to it */
    pthread_t thread;
    functions = hand_polling(&port);
    CHECK(cocancel_set_hooks(&functions.hooks), COCANCEL_S_OK);
    CHECK_TRUE(pthread_create(&thread, NULL, dies, b) == 0 && pthread_join(thread, NULL) == 0);
    CHECK_LIFE(&port, "begun completed finished");
    CHECK_TOLD(&port, "nobody's: b");
    CHECK(cocancel_set_hooks(NULL), COCANCEL_S_OK);
}

/* A port without any hook: calls go on, and nobody is told of them. */
static void no_hooks(void) {
    static COCANCEL_STORAGE(room, 2, 1);
    static cocancel_port functions; /* the library keeps a pointer to it */
    cocancel_runtime *quiet;
    cocancel_call_options options = {0};
    cocancel_call call;
    functions = hand_polling(&port);
    memset(&functions.hooks, 0, sizeof functions.hooks);
    functions.hooks.user = &port;
    options.context = a;
    options.host = a;
    CHECK(cocancel_init(COCANCEL_ABI_VERSION, room, sizeof room, 2, 1, &functions, &quiet), COCANCEL_S_OK);
    CHECK(cocancel_begin_async(quiet, &options, &call), COCANCEL_S_OK);
    CHECK(cocancel_poll(quiet, call, NULL), COCANCEL_RPC_S_CALLPENDING);
    CHECK(cocancel_cancel_call(quiet, call, 5, COCANCEL_NO_WAIT), COCANCEL_S_OK);
    CHECK(cocancel_complete(quiet, call, NULL), COCANCEL_S_OK);
    CHECK(cocancel_finish(quiet, call), COCANCEL_S_OK);
    /* nor is anybody told of the record of a thread that ends */
    CHECK(cocancel_enable(quiet), COCANCEL_S_OK);
    CHECK(cocancel_begin(quiet, &options, &call), COCANCEL_S_OK);
    CHECK(cocancel_complete(quiet, call, NULL), COCANCEL_S_OK);
    CHECK(cocancel_thread_exit(quiet), COCANCEL_S_OK);
    CHECK_TRUE(slots_in_use(quiet) == 0);
    CHECK(cocancel_deinit(quiet), COCANCEL_S_OK);
    CHECK_LIFE(&port, "");
    CHECK_WAKES(&port, "");
    CHECK_TOLD(&port, "");
}

int main(void) {
    static cocancel_port functions; /* the library keeps a pointer to it */
    hand_set_up(&port, 77);
    functions = hand_polling(&port);
    CHECK(cocancel_init(COCANCEL_ABI_VERSION, storage, sizeof storage, 4, 2, &functions, &runtime), COCANCEL_S_OK);
    CHECK(cocancel_enable(runtime), COCANCEL_S_OK);
    reply();
    nobody_looked();
    without_a_context();
    a_wake_for_each_request_with_a_deadline();
    tick();
    own_timeout();
    canceller();
    CHECK(cocancel_deinit(runtime), COCANCEL_S_OK);
    default_runtime();
    nobodys();
    no_hooks();
    return failures != 0;
}
