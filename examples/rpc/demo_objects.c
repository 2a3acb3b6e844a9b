/* Scenes of objects and limits. SPDX-License-Identifier: MIT OR Apache-2.0 */
#define _GNU_SOURCE
#include <stdio.h>
#include <string.h>

#include "demo.h"

/* ---- a custom cancel object ---- */

struct custom {
    const ICancelMethodCallsVtbl *lpVtbl;
    ULONG references;
    HRESULT answer;
};

static HRESULT query(ICancelMethodCalls *This, REFIID riid, void **out) {
    if (memcmp(riid, &IID_IUnknown, sizeof *riid) != 0 && memcmp(riid, &IID_ICancelMethodCalls, sizeof *riid) != 0) {
        *out = NULL;
        return E_NOINTERFACE;
    }
    ((struct custom *)This)->references++;
    *out = This;
    return S_OK;
}
static ULONG add_ref(ICancelMethodCalls *This) { return ++((struct custom *)This)->references; }
static ULONG release(ICancelMethodCalls *This) { return --((struct custom *)This)->references; }
static HRESULT cancel(ICancelMethodCalls *This, ULONG seconds) {
    say("custom object: Cancel(%u)", (unsigned)seconds);
    return ((struct custom *)This)->answer;
}
static HRESULT test(ICancelMethodCalls *This) {
    (void)This;
    return RPC_S_CALLPENDING;
}
static const ICancelMethodCallsVtbl methods = {query, add_ref, release, cancel, test};

static void custom_object(void) {
    struct custom custom = {&methods, 1, E_FAIL};
    uint32_t argument = 60000;
    rpc_pending pending;
    CoEnableCallCancellation(NULL);
    expect("CoSetCancelObject(NULL): nothing is there", CoSetCancelObject(NULL), E_UNEXPECTED);
    expect("CoSetCancelObject(custom)", CoSetCancelObject((IUnknown *)&custom), S_OK);
    expect_true("one reference is held", custom.references == 2);
    expect("CoCancelCall(0, 3)", CoCancelCall(0, 3), E_FAIL);
    custom.answer = E_UNEXPECTED;
    expect("CoCancelCall(0, 0)", CoCancelCall(0, 0), E_UNEXPECTED);
    custom.answer = E_OUTOFMEMORY;
    expect("CoCancelCall(0, 0)", CoCancelCall(0, 0), E_OUTOFMEMORY);
    rpc_send(server, RPC_SLEEP, &argument, sizeof argument, 0, 0, &pending);
    expect("CoSetCancelObject(NULL) with a call on top", CoSetCancelObject(NULL), E_ACCESSDENIED);
    expect("CoCancelCall(0, 0): the call is on top", CoCancelCall(0, 0), S_OK);
    expect("the call", rpc_wait(&pending, NULL, NULL), RPC_E_CALL_CANCELED);
    expect("CoSetCancelObject(NULL)", CoSetCancelObject(NULL), S_OK);
    expect_true("the reference is given back", custom.references == 1);
    CoDisableCallCancellation(NULL);
}

static void held_object(void) {
    struct client client = {.method = RPC_SLEEP, .argument = 1000, .enabled = 1};
    ICancelMethodCalls *object = NULL;
    client_start(&client);
    client_is_blocked(&client);
    expect("CoGetCancelObject(client)", CoGetCancelObject(client.thread, &IID_ICancelMethodCalls, (void **)&object), S_OK);
    client_join(&client);
    expect("the client", client.code, S_OK);
    expect("Cancel(0) of the object still held", object->lpVtbl->Cancel(object, 0), RPC_E_CALL_COMPLETE);
    expect("TestCancel", object->lpVtbl->TestCancel(object), RPC_S_CALLPENDING);
    object->lpVtbl->Release(object);
    expect("CoCancelCall of its thread, which is gone", CoCancelCall(client.thread, 0), E_NOINTERFACE);
}

/* ---- a runtime of its own, small enough to fill ---- */

static uint32_t port_thread(void *user) {
    (void)user;
    return cocancel_thread_id();
}
static uint32_t port_tick(void *user) {
    (void)user;
    return (uint32_t)now_ms();
}

static void full_table(void) {
    static COCANCEL_STORAGE(storage, 1, 1);
    cocancel_port port = {.size = sizeof port, .thread_id = port_thread, .tick = port_tick};
    cocancel_runtime *small = (cocancel_runtime *)(void *)storage;
    cocancel_call calls[3];
    int n;
    expect("a runtime that is not initialised", cocancel_enable(small), E_UNEXPECTED);
    expect("cocancel_init with room for one call and one thread", cocancel_init(COCANCEL_ABI_VERSION, storage, sizeof storage, 1, 1, &port, &small), S_OK);
    expect("cocancel_init once more", cocancel_init(COCANCEL_ABI_VERSION, storage, sizeof storage, 1, 1, &port, &small), E_UNEXPECTED);
    small = (cocancel_runtime *)(void *)storage;
    cocancel_enable(small);
    expect("a call in the thread's own slot", cocancel_begin(small, NULL, &calls[0]), S_OK);
    expect("a nested one in the table", cocancel_begin(small, NULL, &calls[1]), S_OK);
    expect("one more", cocancel_begin(small, NULL, &calls[2]), E_OUTOFMEMORY);
    expect("it is a barrier", cocancel_cancel_thread(small, 0, 0, 0), E_NOINTERFACE);
    expect("cocancel_deinit", cocancel_deinit(small), E_ACCESSDENIED);
    for (n = 2; n >= 0; n--) {
        cocancel_complete(small, calls[n], NULL);
        cocancel_finish(small, calls[n]);
    }
    expect("cocancel_deinit", cocancel_deinit(small), S_OK);
    expect("the default runtime's capacity, after its first use", cocancel_set_capacity(10, 10), E_UNEXPECTED);
}

static void contexts(void) {
    struct custom custom = {&methods, 1, S_OK};
    IUnknown *old = (IUnknown *)&custom;
    void *out = NULL;
    expect("CoGetCallContext without a call", CoGetCallContext(&IID_IUnknown, &out), RPC_E_CALL_COMPLETE);
    expect("CoSwitchCallContext(custom)", CoSwitchCallContext((IUnknown *)&custom, &old), S_OK);
    expect_true("there was none before, and no reference is taken", old == NULL && custom.references == 1);
    expect("CoTestCancel asks it", CoTestCancel(), RPC_S_CALLPENDING);
    expect("CoSwitchCallContext(NULL)", CoSwitchCallContext(NULL, &old), S_OK);
    expect_true("it comes back", old == (IUnknown *)&custom && custom.references == 1);
    expect("CoGetCallContext(NULL, ...)", CoGetCallContext(NULL, &out), E_INVALIDARG);
    expect("CoGetCallContext(..., NULL)", CoGetCallContext(&IID_IUnknown, NULL), E_POINTER);
}

const struct scene object_scenes[] = {
    {"custom-object", "E_FAIL, E_UNEXPECTED, E_OUTOFMEMORY and any other code of a custom cancel object come back unchanged [seed]", custom_object},
    {"held-object", "an object stays good after its call and its thread: RPC_E_CALL_COMPLETE [seed]", held_object},
    {"full-table", "E_OUTOFMEMORY and E_UNEXPECTED: a full table, a runtime not initialised or used [ours]", full_table},
    {"contexts", "call contexts [doc] [win] [ours]", contexts},
    {NULL, NULL, NULL},
};
