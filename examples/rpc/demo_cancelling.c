/* Scenes of cancelling at once, and of cancelling again. SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "demo.h"

static void at_once(void) {
    struct client client = {.method = RPC_HOLD, .argument = 1, .enabled = 1, .expected = RPC_E_CALL_CANCELED};
    client_start_entered(&client);
    expect("CoCancelCall(client, 0)", co_cancel_call(client.thread, 0), S_OK);
    client_join(&client);
    UNTIL(atomic_load(&stage->reached) == 1);
    say("the cancellation has reached the server, too; its method is deaf, and runs on");
}

static void again(void) {
    ICancelMethodCalls *object = NULL;
    rpc_pending call;
    CoEnableCallCancellation(NULL);
    call = send_call_entered(RPC_HOLD, 1, 0);
    expect("CoGetCancelObject(0)", CoGetCancelObject(0, &IID_ICancelMethodCalls, (void **)&object), S_OK);
    expect("TestCancel() of that", object->lpVtbl->TestCancel(object), RPC_S_CALLPENDING);
    expect("CoCancelCall(0, 3600): one's own call, so it does not wait", co_cancel_call(0, 3600), S_OK);
    expect("TestCancel() of that", object->lpVtbl->TestCancel(object), RPC_E_CALL_CANCELED);
    expect("cocancel_poll(the call)", cocancel_poll(NULL, call.call, NULL), RPC_S_CALLPENDING);
    expect("CoCancelCall(0, 3600) once more", co_cancel_call(0, 3600), RPC_E_CALL_CANCELED);
    expect("cocancel_poll(the call)", cocancel_poll(NULL, call.call, NULL), RPC_S_CALLPENDING);
    expect("CoCancelCall(0, 0): a sooner one, which always counts", co_cancel_call(0, 0), RPC_E_CALL_CANCELED);
    expect("cocancel_poll(the call)", cocancel_poll(NULL, call.call, NULL), RPC_E_CALL_CANCELED);
    expect("CoCancelCall(0, 0) of the call that was abandoned", co_cancel_call(0, 0), RPC_E_CALL_CANCELED);
    expect("Cancel(0) of its object", object->lpVtbl->Cancel(object, 0), RPC_E_CALL_CANCELED);
    expect_end("the call returns", &call, RPC_E_CALL_CANCELED, 0);
    expect("Cancel(0) of its object, once the client has left it", object->lpVtbl->Cancel(object, 0), RPC_E_CALL_CANCELED);
    object->lpVtbl->Release(object);
    CoDisableCallCancellation(NULL);
}

static void complete(void) {
    ICancelMethodCalls *object = NULL;
    rpc_pending call;
    CoEnableCallCancellation(NULL);
    call = send_call(RPC_ECHO, 5, 0);
    expect("CoGetCancelObject(0)", CoGetCancelObject(0, &IID_ICancelMethodCalls, (void **)&object), S_OK);
    say("lets the reply come, and has not taken it yet");
    UNTIL(call_of(cocancel_thread_id()).phase == COCANCEL_PHASE_COMPLETED);
    expect("CoCancelCall(0, 0)", co_cancel_call(0, 0), RPC_E_CALL_COMPLETE);
    expect("CoCancelCall(0, 3600)", co_cancel_call(0, 3600), RPC_E_CALL_COMPLETE);
    expect("TestCancel() of that", object->lpVtbl->TestCancel(object), RPC_S_CALLPENDING);
    expect_end("the call returns", &call, S_OK, 5);
    expect("CoCancelCall(0, 0) between calls", co_cancel_call(0, 0), E_NOINTERFACE);
    expect("Cancel(0) of the object, still held", object->lpVtbl->Cancel(object, 0), RPC_E_CALL_COMPLETE);
    object->lpVtbl->Release(object);
    call = send_call(RPC_ECHO, 6, 0);
    expect_end("the next call, to which no cancel has stuck,", &call, S_OK, 6);
    CoDisableCallCancellation(NULL);
}

static void held_object(void) {
    struct client client = {.method = RPC_HOLD, .argument = 1, .enabled = 1, .expected = S_OK};
    ICancelMethodCalls *object = NULL;
    client_start_entered(&client);
    expect("CoGetCancelObject(client)", CoGetCancelObject(client.thread, &IID_ICancelMethodCalls, (void **)&object), S_OK);
    open_gate(1);
    client_join(&client);
    say("the call has ended, and its thread is gone");
    expect("Cancel(0) of the object, still held", object->lpVtbl->Cancel(object, 0), RPC_E_CALL_COMPLETE);
    expect("Cancel(3600)", object->lpVtbl->Cancel(object, 3600), RPC_E_CALL_COMPLETE);
    expect("TestCancel(): completed, and not cancelled", object->lpVtbl->TestCancel(object), RPC_S_CALLPENDING);
    object->lpVtbl->Release(object);
    expect("CoCancelCall(client, 0)", co_cancel_call(client.thread, 0), E_NOINTERFACE);
}

struct racer {
    uint32_t thread;
    int32_t code;
};

static void *race(void *argument) {
    struct racer *racer = argument;
    be("racer");
    racer->code = co_cancel_call(racer->thread, 0);
    say("CoCancelCall(main, 0) -> %s", cocancel_hresult_name(racer->code));
    return NULL;
}

static void two_cancellers(void) {
    struct racer racers[2] = {{cocancel_thread_id(), 0}, {cocancel_thread_id(), 0}};
    pthread_t threads[2];
    rpc_pending call;
    int n;
    CoEnableCallCancellation(NULL);
    call = send_call(RPC_HOLD, 1, 0); /* stays this thread's call until both have returned */
    for (n = 0; n < 2; n++) pthread_create(&threads[n], NULL, race, &racers[n]);
    for (n = 0; n < 2; n++) pthread_join(threads[n], NULL);
    expect("the one who was first", racers[0].code == S_OK ? racers[0].code : racers[1].code, S_OK);
    expect("the other", racers[0].code == S_OK ? racers[1].code : racers[0].code, RPC_E_CALL_CANCELED);
    expect_end("the call returns", &call, RPC_E_CALL_CANCELED, 0);
    CoDisableCallCancellation(NULL);
}

const struct scene cancelling_scenes[] = {
    {"at-once", "pending, timeout 0: S_OK, and the client is free at once, whatever the server does [wil] [dce]", at_once},
    {"again", "RPC_E_CALL_CANCELED: already cancelled, still waiting or abandoned; 0 frees the client at once [seed] [old]", again},
    {"complete", "RPC_E_CALL_COMPLETE: already complete; between calls E_NOINTERFACE; nothing sticks to the next one [seed] [wil]", complete},
    {"held-object", "an object stays good when its call has ended and its thread is gone: RPC_E_CALL_COMPLETE [seed]", held_object},
    {"two-cancellers", "two cancellers race: one S_OK, the other RPC_E_CALL_CANCELED [ours, from seed]", two_cancellers},
    {0},
};
