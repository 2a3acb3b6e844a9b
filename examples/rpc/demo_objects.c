/* Scenes of cancel objects. SPDX-License-Identifier: MIT OR Apache-2.0 */
#define _GNU_SOURCE
#include <stdio.h>
#include <string.h>

#include "demo.h"

static HRESULT query(ICancelMethodCalls *This, REFIID riid, void **out) {
    struct custom *self = (struct custom *)This;
    int is_cancel = memcmp(riid, &IID_ICancelMethodCalls, sizeof *riid) == 0;
    *out = NULL;
    if (!is_cancel && memcmp(riid, &IID_IUnknown, sizeof *riid) != 0) return E_NOINTERFACE;
    if (is_cancel && self->query != S_OK) return self->query;
    atomic_fetch_add(&self->references, 1);
    *out = This;
    return S_OK;
}
static ULONG add_ref(ICancelMethodCalls *This) {
    struct custom *self = (struct custom *)This;
    if (self->left > 0) {
        HRESULT code;
        self->left--;
        self->looked_up++;
        code = CoCancelCall(0, 0);
        if (self->left > 0) self->refused = code;
        self->left = 0;
    }
    return atomic_fetch_add(&self->references, 1) + 1;
}
static ULONG release(ICancelMethodCalls *This) { return atomic_fetch_sub(&((struct custom *)This)->references, 1) - 1; }
static HRESULT cancel(ICancelMethodCalls *This, ULONG seconds) {
    struct custom *self = (struct custom *)This;
    self->seconds = seconds;
    return self->answer;
}
static HRESULT test(ICancelMethodCalls *This) {
    (void)This;
    return E_NOTIMPL;
}

struct custom custom_object(HRESULT answer) {
    static const ICancelMethodCallsVtbl methods = {query, add_ref, release, cancel, test};
    return (struct custom){.lpVtbl = &methods, .references = 1, .answer = answer};
}

static void custom_codes(void) {
    static const struct {
        HRESULT code;
        const char *what;
    } answers[] = {
        {S_OK, "Cancel answers S_OK"},
        {1, "Cancel answers S_FALSE"},
        {E_FAIL, "Cancel answers E_FAIL"},
        {E_OUTOFMEMORY, "Cancel answers E_OUTOFMEMORY"},
        {E_UNEXPECTED, "Cancel answers E_UNEXPECTED"},
        {E_NOTIMPL, "Cancel answers E_NOTIMPL, which is not on the page"},
        {(HRESULT)0x800706BA, "Cancel answers 0x800706BA, which the library does not know"},
        {(HRESULT)0x12345678, "Cancel answers 0x12345678, which nobody knows"},
    };
    struct custom custom = custom_object(S_OK);
    unsigned n;
    CoEnableCallCancellation(NULL);
    expect("CoSetCancelObject(custom)", CoSetCancelObject((IUnknown *)&custom), S_OK);
    for (n = 0; n < sizeof answers / sizeof *answers; n++) {
        custom.answer = answers[n].code;
        expect(answers[n].what, co_cancel_call(0, 30 + n), answers[n].code);
        if (custom.seconds != 30 + n) expect_true("and was given the timeout", 0);
    }
    CoSetCancelObject(NULL);
    expect_true("all references are given back", atomic_load(&custom.references) == 1);
    CoDisableCallCancellation(NULL);
}

static void registering(void) {
    struct custom lower = custom_object(E_NOTIMPL), upper = custom_object(E_FAIL), refusing = custom_object(S_OK);
    rpc_pending call;
    refusing.query = E_NOINTERFACE;
    CoEnableCallCancellation(NULL);
    expect("CoSetCancelObject(NULL): nothing is registered", CoSetCancelObject(NULL), E_UNEXPECTED);
    expect("CoSetCancelObject(without ICancelMethodCalls)", CoSetCancelObject((IUnknown *)&refusing), E_NOINTERFACE);
    expect("CoCancelCall(0, 0): nothing is registered", co_cancel_call(0, 0), E_NOINTERFACE);
    expect("CoSetCancelObject(lower)", CoSetCancelObject((IUnknown *)&lower), S_OK);
    expect_true("  one reference is held", atomic_load(&lower.references) == 2);
    expect("CoSetCancelObject(upper)", CoSetCancelObject((IUnknown *)&upper), S_OK);
    expect("CoCancelCall(0, 0): upper's answer", co_cancel_call(0, 0), E_FAIL);
    call = send_call_entered(RPC_HOLD, 1, 0);
    expect("CoSetCancelObject(NULL): a pending call is on top", CoSetCancelObject(NULL), E_ACCESSDENIED);
    expect("CoCancelCall(0, 0): that call is meant", co_cancel_call(0, 0), S_OK);
    expect_end("the call returns", &call, RPC_E_CALL_CANCELED, 0);
    expect("CoCancelCall(0, 0): upper's answer", co_cancel_call(0, 0), E_FAIL);
    expect("CoSetCancelObject(NULL)", CoSetCancelObject(NULL), S_OK);
    expect("CoCancelCall(0, 0): lower's answer", co_cancel_call(0, 0), E_NOTIMPL);
    expect("CoSetCancelObject(NULL)", CoSetCancelObject(NULL), S_OK);
    expect("CoSetCancelObject(NULL): nothing is left", CoSetCancelObject(NULL), E_UNEXPECTED);
    expect_true("all references are given back", lower.references == 1 && upper.references == 1 && refusing.references == 1);
    CoDisableCallCancellation(NULL);
}

static void com_rules(void) {
    static const IID unknown_iid = {0x12345678, 0, 0, {0}};
    ICancelMethodCalls *object = NULL;
    IUnknown *unknown = NULL, *again = NULL;
    void *none = &none;
    rpc_pending call;
    CoEnableCallCancellation(NULL);
    call = send_call_entered(RPC_HOLD, 1, 0);
    expect("CoGetCancelObject(0, an interface it does not know)", CoGetCancelObject(0, &unknown_iid, &none), E_NOINTERFACE);
    expect_true("  which gives NULL", none == NULL);
    expect("CoGetCancelObject(0, IID_ICancelMethodCalls)", CoGetCancelObject(0, &IID_ICancelMethodCalls, (void **)&object), S_OK);
    expect("CoGetCancelObject(0, IID_IUnknown)", CoGetCancelObject(0, &IID_IUnknown, (void **)&unknown), S_OK);
    expect("QueryInterface(IID_IUnknown)", object->lpVtbl->QueryInterface(object, &IID_IUnknown, (void **)&again), S_OK);
    expect_true("  the same pointer: identity", unknown == again);
    again->lpVtbl->Release(again);
    expect("QueryInterface(IID_ICancelMethodCalls) from there", unknown->lpVtbl->QueryInterface(unknown, &IID_ICancelMethodCalls, &none), S_OK);
    expect_true("  the same pointer: symmetry", none == object);
    unknown->lpVtbl->Release(unknown);
    object->lpVtbl->Release(object);
    expect_true("AddRef and Release count", object->lpVtbl->AddRef(object) > object->lpVtbl->Release(object));
    expect("QueryInterface(an interface it does not know)", object->lpVtbl->QueryInterface(object, &unknown_iid, &none), E_NOINTERFACE);
    expect_true("  which gives NULL", none == NULL);
    object->lpVtbl->Release(object);
    expect("CoCancelCall(0, 0)", co_cancel_call(0, 0), S_OK);
    expect_end("the call returns", &call, RPC_E_CALL_CANCELED, 0);
    CoDisableCallCancellation(NULL);
}

static void too_many(void) {
    enum { MORE_THAN_ENOUGH = 2000 };
    struct custom custom = custom_object(S_OK);
    CoEnableCallCancellation(NULL);
    expect("CoSetCancelObject(custom)", CoSetCancelObject((IUnknown *)&custom), S_OK);
    custom.left = MORE_THAN_ENOUGH;
    say("its AddRef, in the middle of a look-up, calls CoCancelCall(0, 0) again, and so on");
    expect("CoCancelCall(0, 0)", CoCancelCall(0, 0), S_OK);
    say("so many are looking it up at once: %u", custom.looked_up);
    expect("CoCancelCall(0, 0): the innermost one", custom.refused, E_OUTOFMEMORY);
    expect("CoCancelCall(0, 0), when they have gone", CoCancelCall(0, 0), S_OK);
    CoSetCancelObject(NULL);
    expect_true("all references are given back", atomic_load(&custom.references) == 1);
    CoDisableCallCancellation(NULL);
}

const struct scene object_scenes[] = {
    {"custom-object", "a custom cancel object's own answer comes back unchanged, whatever it is [seed]", custom_codes},
    {"registering", "CoSetCancelObject: a stack, one reference each; E_NOINTERFACE, E_UNEXPECTED, E_ACCESSDENIED [doc] [ours]", registering},
    {"com-rules", "a standard object obeys the rules of COM [doc]", com_rules},
    {"too-many", "E_OUTOFMEMORY: too many look an object up at once [seed] [ours]", too_many},
    {0},
};
