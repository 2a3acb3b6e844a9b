/* A host's own blocking port where nobody waits to the end: cancellers that must not, interrupts, threads that end too early.
   SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "cocancel_com.h"
#include "hand_calls.h"

/* Where waiting could never end, or must not be, Cancel arms the deadline and comes back. */
static void no_waiting(void) {
    client it = {0};
    cocancel_call own;
    /* a call that this thread is serving */
    start_client(&it);
    enter(&it);
    CHECK(cocancel_cancel_thread(runtime, it.id, 1000, 0), COCANCEL_S_OK);
    hand_await_asleep(&port, 1);
    end_serving(&it, COCANCEL_S_OK);
    check_client(&it, COCANCEL_S_OK, COCANCEL_S_OK);
    CHECK_LIFE(&port, "begun entered requested left completed finished");
    CHECK_TOLD(&port, "1001");
    CHECK_WAKES(&port, "client client retire");
    /* one of its own */
    CHECK(cocancel_enable(runtime), COCANCEL_S_OK);
    CHECK(cocancel_begin(runtime, &it.options, &own), COCANCEL_S_OK);
    CHECK(cocancel_cancel_thread(runtime, 0, COCANCEL_INFINITE, 0), COCANCEL_S_OK);
    CHECK(cocancel_complete(runtime, own, NULL), COCANCEL_S_OK);
    CHECK(cocancel_finish(runtime, own), COCANCEL_S_OK);
    CHECK_LIFE(&port, "begun requested completed finished");
    CHECK_TOLD(&port, "for-ever");
    CHECK(cocancel_disable(runtime), COCANCEL_S_OK);
    /* asked not to */
    start_client(&it);
    CHECK(cocancel_cancel_thread(runtime, it.id, 1000, COCANCEL_NO_WAIT), COCANCEL_S_OK);
    hand_await_asleep(&port, 1);
    CHECK(cocancel_complete(runtime, it.call, NULL), COCANCEL_S_OK);
    check_client(&it, COCANCEL_S_OK, COCANCEL_S_OK);
    CHECK_LIFE(&port, "begun requested completed finished");
    CHECK_TOLD(&port, "1001");
    CHECK_WAKES(&port, "client client retire");
    CHECK_TRUE(hand_take_waits(&port) == 4);
    check_nothing_left();
}

/* ---- custom objects and interrupts ---- */

static HRESULT COCANCEL_STDCALL query(ICancelMethodCalls *This, REFIID riid, void **out) {
    (void)riid;
    *out = This;
    return S_OK;
}
static ULONG COCANCEL_STDCALL count(ICancelMethodCalls *This) {
    (void)This;
    return 1;
}
static HRESULT COCANCEL_STDCALL cancel(ICancelMethodCalls *This, ULONG seconds) {
    (void)This;
    return (HRESULT)seconds;
}
static HRESULT COCANCEL_STDCALL test(ICancelMethodCalls *This) {
    (void)This;
    return RPC_S_CALLPENDING;
}
static const ICancelMethodCallsVtbl methods = {query, count, count, cancel, test};

static void in_an_interrupt(void) {
    client it = {0};
    ICancelMethodCalls custom = {&methods};
    hand_thread *self = hand_self(&port);
    cocancel_call asynchronous = 0;
    start_client(&it);
    self->in_interrupt = 1;
    CHECK(cocancel_cancel_thread(runtime, 0, 0, 0), COCANCEL_E_NOINTERFACE);
    CHECK(cocancel_wait(runtime, it.call), COCANCEL_E_NOTIMPL);
    CHECK(cocancel_cancel_thread(runtime, it.id, 1000, 0), COCANCEL_S_OK);
    CHECK(cocancel_test_call(runtime, it.call), COCANCEL_RPC_E_CALL_CANCELED);
    CHECK(cocancel_poll(runtime, it.call, NULL), COCANCEL_RPC_S_CALLPENDING);
    hand_await_asleep(&port, 1);
    CHECK(cocancel_complete(runtime, it.call, NULL), COCANCEL_S_OK);
    self->in_interrupt = 0;
    check_client(&it, COCANCEL_S_OK, COCANCEL_S_OK);
    CHECK_LIFE(&port, "begun requested completed finished");
    CHECK_TOLD(&port, "1001");
    CHECK_WAKES(&port, "client client retire");
    /* an asynchronous call's whole life */
    self->in_interrupt = 1;
    CHECK(cocancel_begin_async(runtime, NULL, &asynchronous), COCANCEL_S_OK);
    CHECK(cocancel_cancel_call(runtime, asynchronous, 0, 0), COCANCEL_S_OK);
    CHECK(cocancel_finish(runtime, asynchronous), COCANCEL_RPC_E_CALL_CANCELED);
    CHECK(cocancel_complete(runtime, asynchronous, NULL), COCANCEL_RPC_E_CALL_CANCELED);
    CHECK_LIFE(&port, "begun canceled finished orphaned");
    CHECK_TOLD(&port, "0");
    self->in_interrupt = 0;
    /* foreign code is not called there */
    CHECK(cocancel_set_default(runtime), COCANCEL_S_OK);
    CHECK(CoEnableCallCancellation(NULL), S_OK);
    CHECK(CoSetCancelObject((IUnknown *)&custom), S_OK);
    CHECK(CoCancelCall(cocancel_thread_id(), 7), 7);
    self->in_interrupt = 1;
    CHECK(CoCancelCall(cocancel_thread_id(), 7), E_UNEXPECTED);
    CHECK(CoCancelCall(0, 7), E_NOINTERFACE);
    CHECK(cocancel_cancel_thread(NULL, cocancel_thread_id(), 7, 0), E_UNEXPECTED);
    self->in_interrupt = 0;
    CHECK(CoSetCancelObject(NULL), S_OK);
    CHECK(CoDisableCallCancellation(NULL), S_OK);
    CHECK(cocancel_set_default(NULL), COCANCEL_S_OK);
    CHECK_TRUE(hand_take_waits(&port) == 2);
    check_nothing_left();
}

/* A thread in its own code at a raised IRQL, where its port says that nothing waits: a whole call, if the thread has attached before. */
static void at_a_raised_level(void) {
    hand_thread *self = hand_self(&port);
    cocancel_call call, frame;
    uint32_t ms;
    CHECK(cocancel_thread_exit(runtime), COCANCEL_S_OK);
    self->in_interrupt = 1;
    CHECK(cocancel_enable(runtime), COCANCEL_E_OUTOFMEMORY);
    self->in_interrupt = 0;
    CHECK(cocancel_enable(runtime), COCANCEL_S_OK);
    self->in_interrupt = 1;
    CHECK(cocancel_enable(runtime), COCANCEL_S_OK);
    CHECK(cocancel_begin(runtime, NULL, &call), COCANCEL_S_OK);
    CHECK(cocancel_poll(runtime, call, &ms), COCANCEL_RPC_S_CALLPENDING);
    CHECK(cocancel_enter(runtime, call, &frame, NULL), COCANCEL_S_OK);
    CHECK(cocancel_cancel_thread(runtime, hand_thread_id(&port), 1000, 0), COCANCEL_S_OK);
    CHECK(cocancel_test(runtime), COCANCEL_RPC_E_CALL_CANCELED);
    CHECK(cocancel_leave(runtime, frame), COCANCEL_S_OK);
    CHECK(cocancel_complete(runtime, call, NULL), COCANCEL_S_OK);
    CHECK(cocancel_finish(runtime, call), COCANCEL_S_OK);
    CHECK(cocancel_disable(runtime), COCANCEL_S_OK);
    CHECK(cocancel_disable(runtime), COCANCEL_S_OK);
    CHECK(cocancel_thread_exit(runtime), COCANCEL_S_OK);
    self->in_interrupt = 0;
    CHECK_LIFE(&port, "begun entered requested left completed finished");
    CHECK_TOLD(&port, "1001");
    CHECK_TRUE(hand_take_waits(&port) == 0);
    check_nothing_left();
}

/* ---- threads that end too early ---- */

static void client_dies(void) {
    client it = {0};
    it.forgets = 1;
    /* after the reply: nobody is left to own the record */
    start_client(&it);
    CHECK(cocancel_complete(runtime, it.call, NULL), COCANCEL_S_OK);
    check_client(&it, COCANCEL_S_OK, COCANCEL_S_OK);
    CHECK_LIFE(&port, "begun completed finished");
    CHECK_TOLD(&port, "nobody's: record");
    CHECK_WAKES(&port, "client retire");
    CHECK(cocancel_cancel_thread(runtime, it.id, 0, 0), COCANCEL_E_NOINTERFACE);
    /* before it: the server's side has it */
    start_client(&it);
    enter(&it);
    CHECK(cocancel_cancel_thread(runtime, it.id, 0, 0), COCANCEL_S_OK);
    check_client(&it, COCANCEL_RPC_E_CALL_CANCELED, COCANCEL_S_OK);
    end_serving(&it, COCANCEL_RPC_E_CALL_CANCELED);
    CHECK_LIFE(&port, "begun entered canceled finished left orphaned");
    CHECK_TOLD(&port, "0");
    CHECK_WAKES(&port, "client retire");
    CHECK_TRUE(hand_take_waits(&port) == 2);
    check_nothing_left();
}

static void *serve_and_die(void *argument) {
    client *of = (client *)argument;
    enter(of);
    if (of->forgets) {
        CHECK(cocancel_cancel_thread(runtime, of->id, 0, 0), COCANCEL_S_OK);
        check_client(of, COCANCEL_RPC_E_CALL_CANCELED, COCANCEL_S_OK);
    }
    CHECK(cocancel_thread_exit(runtime), COCANCEL_S_OK);
    return NULL;
}

static void server_dies(void) {
    client it = {0};
    pthread_t server;
    start_client(&it);
    CHECK_TRUE(pthread_create(&server, NULL, serve_and_die, &it) == 0 && pthread_join(server, NULL) == 0);
    check_client(&it, COCANCEL_RPC_E_SERVER_DIED, COCANCEL_RPC_E_SERVER_DIED);
    CHECK(cocancel_complete(runtime, it.call, NULL), COCANCEL_E_INVALIDARG);
    CHECK_LIFE(&port, "begun entered left failed finished");
    CHECK_WAKES(&port, "client retire");
    /* both: nobody is left to own the record */
    it.forgets = 1;
    it.finished = COCANCEL_S_OK;
    start_client(&it);
    CHECK_TRUE(pthread_create(&server, NULL, serve_and_die, &it) == 0 && pthread_join(server, NULL) == 0);
    CHECK_LIFE(&port, "begun entered canceled finished left orphaned");
    CHECK_TOLD(&port, "0 nobody's: record");
    CHECK_WAKES(&port, "client retire");
    CHECK_TRUE(hand_take_waits(&port) == 2);
    check_nothing_left();
}

int main(void) {
    set_up_calls();
    no_waiting();
    at_a_raised_level();
    in_an_interrupt();
    client_dies();
    server_dies();
    CHECK(cocancel_deinit(runtime), COCANCEL_S_OK);
    return failures != 0;
}
