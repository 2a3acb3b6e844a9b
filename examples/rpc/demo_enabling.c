/* Scenes of enabling: which calls can be cancelled at all. SPDX-License-Identifier: MIT OR Apache-2.0 */
#define _GNU_SOURCE
#include "demo.h"

static void *elsewhere(void *unused) {
    (void)unused;
    be("another");
    expect("CoDisableCallCancellation: nothing to balance on this thread", CoDisableCallCancellation(NULL), CO_E_CANCEL_DISABLED);
    return NULL;
}

static void counting(void) {
    pthread_t other;
    unsigned n = 0;
    expect("CoDisableCallCancellation: disabled at first", CoDisableCallCancellation(NULL), CO_E_CANCEL_DISABLED);
    expect("CoEnableCallCancellation", CoEnableCallCancellation(NULL), S_OK);
    expect("CoEnableCallCancellation: they nest", CoEnableCallCancellation(NULL), S_OK);
    expect("CoEnableCallCancellation(not NULL)", CoEnableCallCancellation(server), E_INVALIDARG);
    expect("CoDisableCallCancellation(not NULL)", CoDisableCallCancellation(server), E_INVALIDARG);
    pthread_create(&other, NULL, elsewhere, NULL);
    pthread_join(other, NULL);
    expect("CoDisableCallCancellation: still enabled", CoDisableCallCancellation(NULL), S_OK);
    expect("CoDisableCallCancellation", CoDisableCallCancellation(NULL), S_OK);
    expect("CoDisableCallCancellation: nothing to balance", CoDisableCallCancellation(NULL), CO_E_CANCEL_DISABLED);
    while (n < 65535 && CoEnableCallCancellation(NULL) == S_OK) n++;
    expect_true("CoEnableCallCancellation, 65535 times", n == 65535);
    expect("CoEnableCallCancellation: the counter is at its maximum", CoEnableCallCancellation(NULL), E_FAIL);
    while (CoDisableCallCancellation(NULL) == S_OK) n--;
    expect_true("CoDisableCallCancellation balances as many", n == 0);
}

static void disabled(void) {
    struct client client = {.method = RPC_HOLD, .argument = 1, .expected = S_OK};
    void *object = &object;
    client_start_entered(&client);
    expect("CoCancelCall(client, 0)", co_cancel_call(client.thread, 0), CO_E_CANCEL_DISABLED);
    expect("CoGetCancelObject(client)", CoGetCancelObject(client.thread, &IID_ICancelMethodCalls, &object), CO_E_CANCEL_DISABLED);
    expect_true("  which gives no object", object == NULL);
    open_gate(1);
    client_join(&client);
}

static void fixed_at_begin(void) {
    rpc_pending call;
    call = send_call_entered(RPC_HOLD, 1, 0);
    expect("CoEnableCallCancellation, while a call begun disabled is out", CoEnableCallCancellation(NULL), S_OK);
    expect("CoCancelCall(0, 0)", co_cancel_call(0, 0), CO_E_CANCEL_DISABLED);
    open_gate(1);
    expect_end("that call returns", &call, S_OK, 1);
    call = send_call_entered(RPC_HOLD, 2, 0);
    expect("CoDisableCallCancellation, while a call begun enabled is out", CoDisableCallCancellation(NULL), S_OK);
    expect("CoCancelCall(0, 0)", co_cancel_call(0, 0), S_OK);
    expect_end("that call returns", &call, RPC_E_CALL_CANCELED, 0);
}

static void fixed_at_registration(void) {
    struct custom custom = custom_object(S_OK);
    expect("CoSetCancelObject(custom), disabled", CoSetCancelObject((IUnknown *)&custom), S_OK);
    CoEnableCallCancellation(NULL);
    expect("CoCancelCall(0, 0), enabled", co_cancel_call(0, 0), CO_E_CANCEL_DISABLED);
    CoSetCancelObject(NULL);
    expect("CoSetCancelObject(custom), enabled", CoSetCancelObject((IUnknown *)&custom), S_OK);
    CoDisableCallCancellation(NULL);
    expect("CoCancelCall(0, 0), disabled", co_cancel_call(0, 0), S_OK);
    CoSetCancelObject(NULL);
}

static void host_itself(void) {
    ICancelMethodCalls *object = NULL;
    rpc_pending call, next;
    call = send_call_entered(RPC_LISTEN, 1, RPC_ALWAYS_SLOT);
    expect("others: CoCancelCall(0, 0)", co_cancel_call(0, 0), CO_E_CANCEL_DISABLED);
    expect("others: cocancel_object_of(the call)", cocancel_object_of(NULL, call.call, &IID_ICancelMethodCalls, (void **)&object), S_OK);
    expect("others: its Cancel(0)", object->lpVtbl->Cancel(object, 0), CO_E_CANCEL_DISABLED);
    object->lpVtbl->Release(object);
    expect("the host: cocancel_cancel_call(the call, 0)", cocancel_cancel_call(NULL, call.call, 0, 0), S_OK);
    expect_end("the call returns", &call, RPC_E_CALL_CANCELED, 0);
    UNTIL(atomic_load(&stage->heard) == 1);
    say("the server's CoTestCancel has turned");
    next = send_call_entered(RPC_HOLD, 2, RPC_ALWAYS_SLOT);
    open_gate(1);
    UNTIL(rpc_records() == 1);
    say("the late reply to the first call has come, and was disposed of");
    expect("cocancel_poll(the next call)", cocancel_poll(NULL, next.call, NULL), RPC_S_CALLPENDING);
    open_gate(2);
    expect_end("the next call returns", &next, S_OK, 2);
}

const struct scene enabling_scenes[] = {
    {"counting", "enable and disable nest, are counted, and act on their own thread; E_INVALIDARG, E_FAIL [doc] [win] [ours]", counting},
    {"disabled", "CO_E_CANCEL_DISABLED: call cancellation is not enabled on the specified thread [seed]", disabled},
    {"fixed-at-begin", "whether a call can be cancelled is fixed when it begins [doc]", fixed_at_begin},
    {"fixed-at-registration", "for a custom object, when it is registered [ours]", fixed_at_registration},
    {"message-filter", "the host itself (a message filter) may cancel, enabled or not; the next call gets its own reply [win]", host_itself},
    {0},
};
