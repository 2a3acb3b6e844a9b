/* Scenes of finding: which call is meant, and enabling. SPDX-License-Identifier: MIT OR Apache-2.0 */
#define _GNU_SOURCE
#include <pthread.h>
#include <stdio.h>

#include "demo.h"

static void counting(void) {
    expect("CoDisableCallCancellation at first", CoDisableCallCancellation(NULL), CO_E_CANCEL_DISABLED);
    expect("CoEnableCallCancellation", CoEnableCallCancellation(NULL), S_OK);
    expect("CoEnableCallCancellation", CoEnableCallCancellation(NULL), S_OK);
    expect("CoDisableCallCancellation", CoDisableCallCancellation(NULL), S_OK);
    expect("CoDisableCallCancellation", CoDisableCallCancellation(NULL), S_OK);
    expect("CoDisableCallCancellation", CoDisableCallCancellation(NULL), CO_E_CANCEL_DISABLED);
    expect("CoEnableCallCancellation(not NULL)", CoEnableCallCancellation(server), E_INVALIDARG);
}

static void nobody(void) {
    expect("CoCancelCall(no such thread, 0)", CoCancelCall(0x7FFFFFFF, 0), E_NOINTERFACE);
    expect("CoCancelCall(0, 0) without a call", CoCancelCall(0, 0), E_NOINTERFACE);
    expect("CoTestCancel outside of a call", CoTestCancel(), RPC_E_CALL_COMPLETE);
}

static void disabled(void) {
    struct client client = {.method = RPC_SLEEP, .argument = 1000};
    client_start(&client);
    client_is_blocked(&client);
    expect("CoCancelCall(client, 0)", CoCancelCall(client.thread, 0), CO_E_CANCEL_DISABLED);
    client_join(&client);
    expect("the client, untouched", client.code, S_OK);
}

static void nested(void) {
    uint32_t argument = 60000;
    rpc_pending outer, inner, unseen;
    CoEnableCallCancellation(NULL);
    rpc_send(server, RPC_SLEEP, &argument, sizeof argument, 0, 0, &outer);
    rpc_send(server, RPC_SLEEP, &argument, sizeof argument, 0, 0, &inner);
    CoDisableCallCancellation(NULL);
    argument = 1;
    rpc_send(server, RPC_ECHO, &argument, sizeof argument, 0, 0, &unseen);
    expect("a call begun disabled hides the enabled ones under it", CoCancelCall(0, 0), CO_E_CANCEL_DISABLED);
    expect("that call", rpc_wait(&unseen, NULL, NULL), S_OK);
    expect("CoCancelCall(0, 5): one's own call, so it does not wait", CoCancelCall(0, 5), S_OK);
    expect("CoCancelCall(0, 0)", CoCancelCall(0, 0), RPC_E_CALL_CANCELED);
    expect("the innermost call", rpc_wait(&inner, NULL, NULL), RPC_E_CALL_CANCELED);
    expect("the outer one is pending", cocancel_poll(NULL, outer.call, NULL), RPC_S_CALLPENDING);
    expect("CoCancelCall(0, 0) now means it", CoCancelCall(0, 0), S_OK);
    expect("the outer call", rpc_wait(&outer, NULL, NULL), RPC_E_CALL_CANCELED);
}

static void asynchronous(void) {
    uint32_t argument = 60000;
    rpc_pending pending;
    cocancel_call again;
    ICancelMethodCalls *object = NULL;
    rpc_send(server, RPC_SLEEP, &argument, sizeof argument, 0, RPC_ASYNC, &pending);
    again = pending.call;
    expect("CoCancelCall(0, 0) does not find it", CoCancelCall(0, 0), E_NOINTERFACE);
    expect("its own object", cocancel_object_of(NULL, pending.call, &IID_ICancelMethodCalls, (void **)&object), S_OK);
    expect("begin another one on it", cocancel_begin_async(NULL, NULL, &again), RPC_S_CALLPENDING);
    expect("Cancel(0)", object->lpVtbl->Cancel(object, 0), S_OK);
    expect("TestCancel", object->lpVtbl->TestCancel(object), RPC_E_CALL_CANCELED);
    expect("begin another one before it is finished", cocancel_begin_async(NULL, NULL, &again), RPC_S_CALLPENDING);
    expect("finish it", rpc_wait(&pending, NULL, NULL), RPC_E_CALL_CANCELED);
    object->lpVtbl->Release(object);
}

static void message_filter(void) {
    uint32_t argument = 60000, result = 0, size = sizeof result;
    rpc_pending pending;
    rpc_send(server, RPC_SLEEP, &argument, sizeof argument, 0, RPC_ALWAYS_SLOT, &pending);
    expect("others: CoCancelCall(0, 0)", CoCancelCall(0, 0), CO_E_CANCEL_DISABLED);
    expect("the host itself", cocancel_cancel_call(NULL, pending.call, 0, 0), S_OK);
    expect("the client", rpc_wait(&pending, NULL, NULL), RPC_E_CALL_CANCELED);
    argument = 5;
    expect("the next call", rpc_call(server, RPC_ECHO, &argument, sizeof argument, 0, &result, &size), S_OK);
    expect_true("gets its own reply", result == 5);
}

static volatile int polling;

static void *timer(void *argument) {
    uint32_t thread = *(uint32_t *)argument;
    pthread_setname_np(pthread_self(), "timer");
    while (polling) {
        int32_t code = CoCancelCall(thread, 0);
        if (code != S_OK && code != E_NOINTERFACE && code != RPC_E_CALL_CANCELED && code != RPC_E_CALL_COMPLETE)
            expect("the timer's CoCancelCall", code, E_NOINTERFACE);
        pause_ms(10);
    }
    return NULL;
}

static void wil_timer(void) {
    uint32_t argument = 60000, thread = cocancel_thread_id(), result = 0, size = sizeof result;
    pthread_t polls;
    CoEnableCallCancellation(NULL);
    polling = 1;
    pthread_create(&polls, NULL, timer, &thread);
    expect("the first hung call", rpc_call(server, RPC_SLEEP, &argument, sizeof argument, 0, NULL, NULL), RPC_E_CALL_CANCELED);
    expect("the second, under the same Enable", rpc_call(server, RPC_SLEEP, &argument, sizeof argument, 0, NULL, NULL), RPC_E_CALL_CANCELED);
    polling = 0;
    pthread_join(polls, NULL);
    argument = 9;
    expect("a call after the timer", rpc_call(server, RPC_ECHO, &argument, sizeof argument, 0, &result, &size), S_OK);
    expect_true("nothing stuck to it", result == 9);
    CoDisableCallCancellation(NULL);
}

const struct scene finding_scenes[] = {
    {"counting", "enable and disable nest and are counted [doc] [win]", counting},
    {"nobody", "E_NOINTERFACE: there is no cancel object corresponding to the specified thread [seed]", nobody},
    {"disabled", "CO_E_CANCEL_DISABLED: call cancellation is not enabled on the specified thread [seed]", disabled},
    {"nested", "thread 0 is the calling thread [seed]; the innermost call is meant [doc]; one's own is not waited for [ours]", nested},
    {"asynchronous", "asynchronous calls are cancelled through their own object [seed] [doc]", asynchronous},
    {"message-filter", "the host itself may cancel whatever the enable state; the next call gets its own reply [win]", message_filter},
    {"wil-timer", "a timer that polls every 10 ms and ignores what comes [wil]", wil_timer},
    {NULL, NULL, NULL},
};
