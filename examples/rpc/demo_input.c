/* Scenes of bad input: every entry point survives it. SPDX-License-Identifier: MIT OR Apache-2.0 */
#define _GNU_SOURCE
#include <string.h>

#include "demo.h"

/* Each function that takes a handle, with one that names nothing. */
static void refused(cocancel_call bad) {
    cocancel_call frame = 1;
    ICancelMethodCalls *object = NULL;
    void *orphan = &orphan;
    uint32_t left;
    expect("cocancel_poll", cocancel_poll(NULL, bad, &left), E_INVALIDARG);
    expect("cocancel_wait", cocancel_wait(NULL, bad), E_INVALIDARG);
    expect("cocancel_finish", cocancel_finish(NULL, bad), E_INVALIDARG);
    expect("cocancel_cancel_call", cocancel_cancel_call(NULL, bad, 0, 0), E_INVALIDARG);
    expect("cocancel_test_call", cocancel_test_call(NULL, bad), E_INVALIDARG);
    expect("cocancel_object_of", cocancel_object_of(NULL, bad, &IID_ICancelMethodCalls, (void **)&object), E_INVALIDARG);
    expect("cocancel_enter", cocancel_enter(NULL, bad, &frame, &orphan), E_INVALIDARG);
    expect("cocancel_leave", cocancel_leave(NULL, bad), E_INVALIDARG);
    expect("cocancel_complete", cocancel_complete(NULL, bad, &orphan), E_INVALIDARG);
    expect("cocancel_abandon", cocancel_abandon(NULL, bad, E_FAIL, &orphan), E_INVALIDARG);
}

static void stale_handles(void) {
    rpc_pending call, next;
    cocancel_call stale;
    size_t in_use;
    CoEnableCallCancellation(NULL);
    call = send_call(RPC_ECHO, 1, 0);
    stale = call.call;
    expect_end("a call returns", &call, S_OK, 1);
    do { /* until who woke its client has let go of its slot: then the next call is in the same one */
        in_use = 0;
        cocancel_snapshot(NULL, NULL, &in_use);
    } while (in_use != 0);
    next = send_call_entered(RPC_HOLD, 2, 0);
    say("uses the handle of the first call");
    refused(stale);
    expect("cocancel_poll(the next call): not touched", cocancel_poll(NULL, next.call, NULL), RPC_S_CALLPENDING);
    open_gate(2);
    expect_end("the next call returns", &next, S_OK, 2);
    CoDisableCallCancellation(NULL);
}

static void forged_handles(void) {
    rpc_pending call;
    unsigned bit, refusals = 0;
    CoEnableCallCancellation(NULL);
    call = send_call_entered(RPC_HOLD, 1, 0);
    say("uses the handle 0");
    refused(0);
    for (bit = 0; bit < 8 * sizeof call.call; bit++) {
        /* some of these look like calls that took no slot, whose handles every function takes: there, too, is nothing to cancel */
        cocancel_call forged = call.call ^ (cocancel_call)1 << bit;
        refusals += cocancel_poll(NULL, forged, NULL) < 0 && cocancel_cancel_call(NULL, forged, 0, 0) < 0;
        cocancel_complete(NULL, forged, NULL);
    }
    expect_true("its handle with one bit turned is refused, for each bit", refusals == bit);
    expect("cocancel_poll(the call that is out): not touched", cocancel_poll(NULL, call.call, NULL), RPC_S_CALLPENDING);
    open_gate(1);
    expect_end("it returns", &call, S_OK, 1);
    CoDisableCallCancellation(NULL);
}

static void *finishes(void *call) {
    be("another");
    expect("cocancel_finish: another thread's call", cocancel_finish(NULL, *(cocancel_call *)call), E_INVALIDARG);
    return NULL;
}

static void twice(void) {
    cocancel_call_options options = {.host = &options};
    cocancel_call call, frame, again;
    pthread_t other;
    void *orphan = NULL;
    CoEnableCallCancellation(NULL);
    expect("cocancel_begin: a call that is served in this process", cocancel_begin(NULL, &options, &call), S_OK);
    expect("cocancel_enter", cocancel_enter(NULL, call, &frame, NULL), S_OK);
    expect("cocancel_enter: it is being served", cocancel_enter(NULL, call, &again, NULL), E_UNEXPECTED);
    expect("cocancel_leave", cocancel_leave(NULL, frame), S_OK);
    expect("cocancel_leave: it was left", cocancel_leave(NULL, frame), E_UNEXPECTED);
    expect("cocancel_complete", cocancel_complete(NULL, call, &orphan), S_OK);
    expect("cocancel_complete: completed already", cocancel_complete(NULL, call, &orphan), E_UNEXPECTED);
    expect("cocancel_abandon: completed already", cocancel_abandon(NULL, call, E_FAIL, &orphan), E_UNEXPECTED);
    expect("cocancel_enter: completed already", cocancel_enter(NULL, call, &again, NULL), E_UNEXPECTED);
    expect_true("the server's side never got the record: it is the client's", orphan == NULL);
    pthread_create(&other, NULL, finishes, &call);
    pthread_join(other, NULL);
    expect("cocancel_finish", cocancel_finish(NULL, call), S_OK);
    expect("cocancel_finish: finished already", cocancel_finish(NULL, call), E_INVALIDARG);
    CoDisableCallCancellation(NULL);
}

static void null_pointers(void) {
    cocancel_call_options flags = {.flags = 0x80};
    cocancel_call call = 1;
    void *out = &out;
    size_t one = 1;
    expect("CoGetCancelObject(0, NULL, &object)", CoGetCancelObject(0, NULL, &out), E_INVALIDARG);
    expect_true("  which gives NULL", out == NULL);
    expect("CoGetCancelObject(0, IID_IUnknown, NULL)", CoGetCancelObject(0, &IID_IUnknown, NULL), E_INVALIDARG);
    expect("CoGetCallContext(NULL, &context)", CoGetCallContext(NULL, &out), E_INVALIDARG);
    expect("CoGetCallContext(IID_IUnknown, NULL)", CoGetCallContext(&IID_IUnknown, NULL), E_POINTER);
    expect("CoSwitchCallContext(NULL, NULL)", CoSwitchCallContext(NULL, NULL), E_INVALIDARG);
    expect("cocancel_begin(..., NULL)", cocancel_begin(NULL, NULL, NULL), E_INVALIDARG);
    expect("cocancel_begin(unknown flags)", cocancel_begin(NULL, &flags, &call), E_INVALIDARG);
    expect_true("  which gives no handle", call == 0);
    expect("cocancel_begin_async(..., NULL)", cocancel_begin_async(NULL, NULL, NULL), E_INVALIDARG);
    expect("cocancel_serve(..., NULL)", cocancel_serve(NULL, NULL, NULL), E_INVALIDARG);
    expect("cocancel_snapshot(NULL, NULL)", cocancel_snapshot(NULL, NULL, NULL), E_INVALIDARG);
    expect("cocancel_snapshot(NULL, room for 1)", cocancel_snapshot(NULL, NULL, &one), E_INVALIDARG);
    expect("cocancel_cancel_thread(unknown flags)", cocancel_cancel_thread(NULL, 0, 0, 0x80), E_INVALIDARG);
    expect("cocancel_init(all NULL)", cocancel_init(COCANCEL_ABI_VERSION, NULL, 0, 0, 0, NULL, NULL), E_INVALIDARG);
    expect("cocancel_deinit(NULL)", cocancel_deinit(NULL), E_INVALIDARG);

    cocancel_begin_async(NULL, NULL, (call = 0, &call));
    expect("cocancel_enter(call, NULL)", cocancel_enter(NULL, call, NULL, NULL), E_INVALIDARG);
    expect("cocancel_object_of(call, NULL, &object)", cocancel_object_of(NULL, call, NULL, &out), E_INVALIDARG);
    expect("cocancel_object_of(call, IID_IUnknown, NULL)", cocancel_object_of(NULL, call, &IID_IUnknown, NULL), E_INVALIDARG);
    expect("cocancel_complete(call, NULL): the pointer is optional", cocancel_complete(NULL, call, NULL), S_OK);
    cocancel_finish(NULL, call);
}

const struct scene input_scenes[] = {
    {"stale-handles", "a stale handle is refused, and never means the next call [ours]", stale_handles},
    {"forged-handles", "a forged handle is refused, and never means another call [ours]", forged_handles},
    {"twice", "completing twice, serving twice, finishing twice, finishing another thread's call [ours]", twice},
    {"null-pointers", "NULL where a pointer is due, and flags that do not exist [doc] [ours]", null_pointers},
    {0},
};
