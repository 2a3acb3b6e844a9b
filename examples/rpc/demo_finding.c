/* Scenes of finding: which call is meant. SPDX-License-Identifier: MIT OR Apache-2.0 */
#define _GNU_SOURCE
#include <unistd.h>

#include "demo.h"

static atomic_int may_end;

static void *idle(void *thread) {
    be("idle");
    CoEnableCallCancellation(NULL);
    atomic_store((atomic_uint *)thread, cocancel_thread_id());
    say("lives, is enabled, and has no call out");
    UNTIL(atomic_load(&may_end));
    return NULL;
}

static void nobody(void) {
    atomic_uint thread = 0;
    void *object = &object;
    pthread_t living;
    atomic_store(&may_end, 0);
    expect("CoCancelCall(no such thread, 0)", co_cancel_call(0x7FFFFFFF, 0), E_NOINTERFACE);
    expect("CoCancelCall(0, 0)", co_cancel_call(0, 0), E_NOINTERFACE);
    pthread_create(&living, NULL, idle, &thread);
    UNTIL(atomic_load(&thread) != 0);
    expect("CoCancelCall(idle, 0)", co_cancel_call(thread, 0), E_NOINTERFACE);
    expect("CoCancelCall(idle, 3600)", co_cancel_call(thread, 3600), E_NOINTERFACE);
    expect("CoGetCancelObject(idle)", CoGetCancelObject(thread, &IID_ICancelMethodCalls, &object), E_NOINTERFACE);
    expect_true("  which gives no object", object == NULL);
    atomic_store(&may_end, 1);
    pthread_join(living, NULL);
    expect("CoCancelCall(idle, 0), when it is gone", co_cancel_call(thread, 0), E_NOINTERFACE);
    expect_true("threads are named by the kernel's ids", cocancel_thread_id() == (uint32_t)gettid());
}

static void nested(void) {
    rpc_pending outer, inner, unseen;
    CoEnableCallCancellation(NULL);
    outer = send_call_entered(RPC_HOLD, 1, 0);
    inner = send_call_entered(RPC_HOLD, 1, 0);
    CoDisableCallCancellation(NULL);
    unseen = send_call_entered(RPC_HOLD, 2, 0);
    say("has three calls out: two begun enabled, and the innermost disabled");
    expect("CoCancelCall(0, 0): that one hides the others", co_cancel_call(0, 0), CO_E_CANCEL_DISABLED);
    open_gate(2);
    expect_end("the innermost call returns", &unseen, S_OK, 2);
    expect("CoCancelCall(0, 0)", co_cancel_call(0, 0), S_OK);
    expect("cocancel_poll(the outer call)", cocancel_poll(NULL, outer.call, NULL), RPC_S_CALLPENDING);
    expect_end("the inner call returns", &inner, RPC_E_CALL_CANCELED, 0);
    expect("CoCancelCall(0, 0) now means the outer one", co_cancel_call(0, 0), S_OK);
    expect_end("the outer call returns", &outer, RPC_E_CALL_CANCELED, 0);
    expect("CoCancelCall(0, 0)", co_cancel_call(0, 0), E_NOINTERFACE);
}

static void outer_by_object(void) {
    ICancelMethodCalls *object = NULL;
    rpc_pending outer, inner;
    CoEnableCallCancellation(NULL);
    outer = send_call_entered(RPC_HOLD, 1, 0);
    CoGetCancelObject(0, &IID_ICancelMethodCalls, (void **)&object);
    inner = send_call_entered(RPC_HOLD, 2, 0);
    expect("Cancel(0) of the outer call's object", object->lpVtbl->Cancel(object, 0), S_OK);
    object->lpVtbl->Release(object);
    expect("cocancel_poll(the inner call)", cocancel_poll(NULL, inner.call, NULL), RPC_S_CALLPENDING);
    open_gate(2);
    expect_end("the inner call returns", &inner, S_OK, 2);
    expect_end("the outer call, once control is back in it, returns", &outer, RPC_E_CALL_CANCELED, 0);
    CoDisableCallCancellation(NULL);
}

static void asynchronous(void) {
    ICancelMethodCalls *object = NULL;
    rpc_pending call;
    cocancel_call again, frame;
    void *none = &none;
    call = send_call_entered(RPC_LISTEN, 1, RPC_ASYNC);
    again = call.call;
    expect("CoCancelCall(0, 0)", co_cancel_call(0, 0), E_NOINTERFACE);
    expect("CoGetCancelObject(0)", CoGetCancelObject(0, &IID_ICancelMethodCalls, &none), E_NOINTERFACE);
    expect("CoSetCancelObject(NULL): nothing of it to unregister", CoSetCancelObject(NULL), E_UNEXPECTED);
    expect("cocancel_object_of(the call): what its call object offers", cocancel_object_of(NULL, call.call, &IID_ICancelMethodCalls, (void **)&object),
           S_OK);
    expect("cocancel_begin_async: another one on it", cocancel_begin_async(NULL, NULL, &again), RPC_S_CALLPENDING);
    expect("TestCancel() of that", object->lpVtbl->TestCancel(object), RPC_S_CALLPENDING);
    expect("Cancel(0) of that", object->lpVtbl->Cancel(object, 0), S_OK);
    expect("TestCancel() of that", object->lpVtbl->TestCancel(object), RPC_E_CALL_CANCELED);
    expect("cocancel_begin_async: its client has not finished it", cocancel_begin_async(NULL, NULL, &again), RPC_S_CALLPENDING);
    expect_end("the call returns", &call, RPC_E_CALL_CANCELED, 0);
    object->lpVtbl->Release(object);
    UNTIL(atomic_load(&stage->heard) == 1);
    open_gate(1);
    UNTIL(rpc_records() == 0);

    again = 0;
    cocancel_begin_async(NULL, NULL, &again);
    expect("cocancel_enter: one that is served in this process", cocancel_enter(NULL, again, &frame, NULL), S_OK);
    expect("CoTestCancel(): does not see it", CoTestCancel(), RPC_E_CALL_COMPLETE);
    cocancel_leave(NULL, frame);
    cocancel_complete(NULL, again, NULL);
    cocancel_finish(NULL, again);
}

const struct scene finding_scenes[] = {
    {"nobody", "E_NOINTERFACE: there is no cancel object corresponding to the specified thread, be it living or not [seed]", nobody},
    {"nested", "thread 0 is the calling one [seed]; the innermost call is meant, also if it is disabled [doc]", nested},
    {"outer-by-object", "an outer call is cancelled through its object; it returns as soon as control is back in it [doc]", outer_by_object},
    {"asynchronous", "asynchronous calls are not found by thread; they are cancelled through their own object [seed] [doc]", asynchronous},
    {0},
};
