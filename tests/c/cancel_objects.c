/* Cancel objects: standard and custom ones, and the COM rules. SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "check.h"
#include "cocancel_com.h"

/* ---- a custom object, in C ---- */

typedef struct Custom {
    const ICancelMethodCallsVtbl *lpVtbl;
    ULONG references;
    int refuses;
    HRESULT answer;
    ULONG seconds;
} Custom;

static const IID IID_other = {0x12345678, 1, 2, {3, 4, 5, 6, 7, 8, 9, 10}};

static int is(REFIID a, const IID *b) {
    const unsigned char *x = (const unsigned char *)a, *y = (const unsigned char *)b;
    size_t n;
    for (n = 0; n < sizeof *b; n++)
        if (x[n] != y[n]) return 0;
    return 1;
}

static ULONG COCANCEL_STDCALL custom_add_ref(ICancelMethodCalls *This) { return ++((Custom *)This)->references; }
static ULONG COCANCEL_STDCALL custom_release(ICancelMethodCalls *This) { return --((Custom *)This)->references; }
static HRESULT COCANCEL_STDCALL custom_query(ICancelMethodCalls *This, REFIID riid, void **out) {
    int known = is(riid, &IID_IUnknown) || (is(riid, &IID_ICancelMethodCalls) && !((Custom *)This)->refuses);
    *out = known ? This : NULL;
    if (known) custom_add_ref(This);
    return known ? S_OK : E_NOINTERFACE;
}
static HRESULT COCANCEL_STDCALL custom_cancel(ICancelMethodCalls *This, ULONG seconds) {
    ((Custom *)This)->seconds = seconds;
    return ((Custom *)This)->answer;
}
static HRESULT COCANCEL_STDCALL custom_test(ICancelMethodCalls *This) {
    (void)This;
    return RPC_S_CALLPENDING;
}
static const ICancelMethodCallsVtbl custom_methods = {custom_query, custom_add_ref, custom_release, custom_cancel, custom_test};

static void custom_objects(void) {
    static const HRESULT answers[] = {S_OK, E_FAIL, E_ACCESSDENIED, 1, (HRESULT)0xDEADBEEF};
    Custom custom = {&custom_methods, 1, 0, S_OK, 0}, refusing = {&custom_methods, 1, 1, S_OK, 0};
    void *out = &custom;
    size_t n;
    CHECK(CoSetCancelObject(NULL), E_UNEXPECTED);
    CHECK(CoSetCancelObject((IUnknown *)&refusing), E_NOINTERFACE);
    CHECK_TRUE(refusing.references == 1);
    CHECK(CoCancelCall(0, 0), E_NOINTERFACE);
    /* registered while disabled: that is fixed now */
    CHECK(CoSetCancelObject((IUnknown *)&custom), S_OK);
    CHECK(CoEnableCallCancellation(NULL), S_OK);
    CHECK(CoCancelCall(0, 0), CO_E_CANCEL_DISABLED);
    CHECK(CoGetCancelObject(0, &IID_ICancelMethodCalls, &out), CO_E_CANCEL_DISABLED);
    CHECK_TRUE(out == NULL && custom.references == 2);
    CHECK(CoSetCancelObject(NULL), S_OK);
    CHECK_TRUE(custom.references == 1);
    /* enabled */
    CHECK(CoSetCancelObject((IUnknown *)&custom), S_OK);
    CHECK_TRUE(custom.references == 2);
    for (n = 0; n < sizeof answers / sizeof *answers; n++) {
        custom.answer = answers[n];
        CHECK(CoCancelCall(cocancel_thread_id(), (ULONG)n + 7), answers[n]);
        CHECK_TRUE(custom.seconds == n + 7 && custom.references == 2);
    }
    CHECK(CoGetCancelObject(0, &IID_ICancelMethodCalls, &out), S_OK);
    CHECK_TRUE(out == &custom && custom.references == 3);
    custom_release((ICancelMethodCalls *)out);
    CHECK(CoGetCancelObject(0, &IID_other, &out), E_NOINTERFACE);
    CHECK_TRUE(out == NULL && custom.references == 2);
    CHECK(CoSetCancelObject(NULL), S_OK);
    CHECK_TRUE(custom.references == 1);
    CHECK(CoSetCancelObject(NULL), E_UNEXPECTED);
    CHECK(CoDisableCallCancellation(NULL), S_OK);
}

static void standard_objects(void) {
    cocancel_call call;
    void *out = NULL, *again = NULL, *unknown = NULL;
    ICancelMethodCalls *object;
    CHECK(CoEnableCallCancellation(NULL), S_OK);
    CHECK(cocancel_begin(NULL, NULL, &call), S_OK);
    /* the order of the checks */
    CHECK(CoGetCancelObject(0, NULL, NULL), E_INVALIDARG);
    out = &call;
    CHECK(CoGetCancelObject(0, NULL, &out), E_INVALIDARG);
    CHECK_TRUE(out == NULL);
    CHECK(CoGetCancelObject(0, &IID_IUnknown, NULL), E_INVALIDARG);
    CHECK(CoGetCancelObject(0, &IID_other, &out), E_NOINTERFACE);
    CHECK(CoSetCancelObject(NULL), E_ACCESSDENIED);
    /* identity, symmetry, transitivity */
    CHECK(CoGetCancelObject(0, &IID_ICancelMethodCalls, &out), S_OK);
    object = (ICancelMethodCalls *)out;
    CHECK(object->lpVtbl->QueryInterface(object, &IID_IUnknown, &unknown), S_OK);
    CHECK(((IUnknown *)unknown)->lpVtbl->QueryInterface((IUnknown *)unknown, &IID_ICancelMethodCalls, &again), S_OK);
    CHECK_TRUE(again == out);
    CHECK(CoGetCancelObject(0, &IID_IUnknown, &again), S_OK);
    CHECK_TRUE(again == unknown);
    CHECK(object->lpVtbl->QueryInterface(object, &IID_other, &again), E_NOINTERFACE);
    CHECK_TRUE(again == NULL);
    again = object;
    CHECK(object->lpVtbl->QueryInterface(object, NULL, &again), E_INVALIDARG);
    CHECK_TRUE(again == NULL);
    CHECK(object->lpVtbl->QueryInterface(object, &IID_IUnknown, NULL), E_POINTER);
    CHECK_TRUE(object->lpVtbl->AddRef(object) == 5);
    while (object->lpVtbl->Release(object) > 1) continue;
    /* Cancel on one's own call does not wait, and the request shows at once; the client is freed at the deadline */
    CHECK(object->lpVtbl->TestCancel(object), RPC_S_CALLPENDING);
    CHECK(object->lpVtbl->Cancel(object, 1000), S_OK);
    CHECK(object->lpVtbl->TestCancel(object), RPC_E_CALL_CANCELED);
    CHECK(object->lpVtbl->Cancel(object, 2000), RPC_E_CALL_CANCELED);
    CHECK(cocancel_poll(NULL, call, NULL), RPC_S_CALLPENDING);
    CHECK(object->lpVtbl->Cancel(object, 0), RPC_E_CALL_CANCELED);
    CHECK(cocancel_poll(NULL, call, NULL), RPC_E_CALL_CANCELED);
    CHECK(cocancel_finish(NULL, call), RPC_E_CALL_CANCELED);
    CHECK(cocancel_complete(NULL, call, NULL), RPC_E_CALL_CANCELED);
    /* it outlives its call */
    CHECK(object->lpVtbl->Cancel(object, 0), RPC_E_CALL_CANCELED);
    CHECK_TRUE(slots_in_use(NULL) == 1);
    CHECK_TRUE(object->lpVtbl->Release(object) == 0);
    CHECK_TRUE(slots_in_use(NULL) == 0);
    /* completed uncancelled */
    CHECK(cocancel_begin(NULL, NULL, &call), S_OK);
    CHECK(CoGetCancelObject(0, &IID_ICancelMethodCalls, &out), S_OK);
    object = (ICancelMethodCalls *)out;
    CHECK(cocancel_complete(NULL, call, NULL), S_OK);
    CHECK(object->lpVtbl->Cancel(object, 5), RPC_E_CALL_COMPLETE);
    CHECK(object->lpVtbl->TestCancel(object), RPC_S_CALLPENDING);
    /* no longer pending: it can be unregistered, and its finish still works */
    CHECK(CoSetCancelObject(NULL), S_OK);
    CHECK(CoCancelCall(0, 0), E_NOINTERFACE);
    CHECK(cocancel_finish(NULL, call), S_OK);
    CHECK_TRUE(object->lpVtbl->Release(object) == 0);
    CHECK(CoDisableCallCancellation(NULL), S_OK);
}

static void asynchronous_calls(void) {
    cocancel_call call = 0;
    void *out = NULL;
    ICancelMethodCalls *object;
    CHECK(cocancel_begin_async(NULL, NULL, &call), S_OK);
    CHECK(CoCancelCall(0, 0), E_NOINTERFACE);
    CHECK(cocancel_begin_async(NULL, NULL, &call), RPC_S_CALLPENDING);
    CHECK(cocancel_object_of(NULL, call, &IID_ICancelMethodCalls, &out), S_OK);
    object = (ICancelMethodCalls *)out;
    CHECK(object->lpVtbl->Cancel(object, 0), S_OK);
    CHECK(object->lpVtbl->TestCancel(object), RPC_E_CALL_CANCELED);
    CHECK(cocancel_begin_async(NULL, NULL, &call), RPC_S_CALLPENDING);
    CHECK(cocancel_finish(NULL, call), RPC_E_CALL_CANCELED);
    CHECK(cocancel_complete(NULL, call, NULL), RPC_E_CALL_CANCELED);
    CHECK_TRUE(object->lpVtbl->Release(object) == 0);
    CHECK(cocancel_begin_async(NULL, NULL, &call), S_OK);
    CHECK(cocancel_complete(NULL, call, NULL), S_OK);
    CHECK(cocancel_finish(NULL, call), S_OK);
}

static void contexts(void) {
    Custom custom = {&custom_methods, 1, 0, S_OK, 0}, refusing = {&custom_methods, 1, 1, S_OK, 0};
    cocancel_call outer, inner, outer_frame, inner_frame;
    void *out = NULL;
    IUnknown *old = NULL;
    CHECK(CoTestCancel(), RPC_E_CALL_COMPLETE);
    CHECK(CoGetCallContext(&IID_IUnknown, &out), RPC_E_CALL_COMPLETE);
    CHECK(CoGetCallContext(NULL, NULL), E_INVALIDARG);
    CHECK(CoGetCallContext(&IID_IUnknown, NULL), E_POINTER);
    CHECK(CoSwitchCallContext(NULL, NULL), E_INVALIDARG);
    CHECK(cocancel_serve(NULL, NULL, &outer), S_OK);
    CHECK(cocancel_serve(NULL, NULL, &inner), S_OK);
    CHECK(cocancel_enter(NULL, outer, &outer_frame, NULL), S_OK);
    CHECK(CoTestCancel(), RPC_S_CALLPENDING);
    CHECK(CoGetCallContext(&IID_ICancelMethodCalls, &out), S_OK);
    ((IUnknown *)out)->lpVtbl->Release((IUnknown *)out);
    CHECK(CoSwitchCallContext((IUnknown *)&refusing, &old), S_OK);
    CHECK_TRUE(old == (IUnknown *)out && refusing.references == 1);
    CHECK(CoTestCancel(), E_NOINTERFACE);
    /* never shows in a call nested in it */
    CHECK(cocancel_enter(NULL, inner, &inner_frame, NULL), S_OK);
    CHECK(CoTestCancel(), RPC_S_CALLPENDING);
    CHECK(cocancel_cancel_call(NULL, inner, 50, 0), S_OK);
    CHECK(CoTestCancel(), RPC_E_CALL_CANCELED);
    CHECK(cocancel_leave(NULL, outer_frame), E_UNEXPECTED);
    CHECK(cocancel_leave(NULL, inner_frame), S_OK);
    /* and is current again afterwards */
    CHECK(CoTestCancel(), E_NOINTERFACE);
    CHECK(CoSwitchCallContext((IUnknown *)&custom, &old), S_OK);
    CHECK_TRUE(old == (IUnknown *)&refusing);
    CHECK(CoTestCancel(), RPC_S_CALLPENDING);
    CHECK(CoGetCallContext(&IID_ICancelMethodCalls, &out), S_OK);
    CHECK_TRUE(out == &custom && custom.references == 2);
    CHECK(cocancel_leave(NULL, outer_frame), S_OK);
    CHECK(CoTestCancel(), RPC_E_CALL_COMPLETE);
    CHECK(cocancel_complete(NULL, outer, NULL), S_OK);
    CHECK(cocancel_complete(NULL, inner, NULL), S_OK);
}

/* A registration is no call, though a snapshot shows it: its handle is refused, and it stays registered. */
static void registrations_are_no_calls(void) {
    Custom custom = {&custom_methods, 1, 0, S_OK, 0};
    cocancel_call_info info;
    cocancel_call frame;
    size_t count = 1;
    void *out = NULL;
    CHECK(CoSetCancelObject((IUnknown *)&custom), S_OK);
    CHECK(cocancel_snapshot(NULL, &info, &count), S_OK);
    CHECK_TRUE(count == 1 && info.phase == COCANCEL_PHASE_CUSTOM);
    CHECK(cocancel_finish(NULL, info.call), E_INVALIDARG);
    CHECK(cocancel_poll(NULL, info.call, NULL), E_INVALIDARG);
    CHECK(cocancel_enter(NULL, info.call, &frame, NULL), E_INVALIDARG);
    CHECK(cocancel_leave(NULL, info.call), E_INVALIDARG);
    CHECK(cocancel_complete(NULL, info.call, NULL), E_INVALIDARG);
    CHECK(cocancel_cancel_call(NULL, info.call, 0, 0), E_INVALIDARG);
    CHECK(cocancel_test_call(NULL, info.call), E_INVALIDARG);
    CHECK(cocancel_object_of(NULL, info.call, &IID_IUnknown, &out), E_INVALIDARG);
    CHECK(CoSetCancelObject(NULL), S_OK);
    CHECK_TRUE(custom.references == 1);
    CHECK(cocancel_wait(NULL, info.call), E_INVALIDARG);
}

int main(void) {
    registrations_are_no_calls();
    custom_objects();
    standard_objects();
    asynchronous_calls();
    contexts();
    CHECK_TRUE(slots_in_use(NULL) == 0);
    return failures != 0;
}
