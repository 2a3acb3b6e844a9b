/*
 * RPC_INSIDE: calls every function that a server's method may call, and puts on the stage what each answered. The scene `inside` of the
 * demonstration says what is expected.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#include <stdio.h>
#include <string.h>

#include "cocancel_com.h"
#include "rpc.h"
#include "server_methods.h"
#include "stage.h"

static int32_t note(const char *what, int32_t code) {
    uint32_t at = atomic_fetch_add(&stage->answers, 1);
    if (at < STAGE_ANSWERS) {
        snprintf(stage->answer[at].what, sizeof stage->answer[at].what, "%s", what);
        stage->answer[at].code = code;
    }
    return code;
}

/* A call context of another marshaller: one with ICancelMethodCalls, and one without. */

static HRESULT query(ICancelMethodCalls *This, REFIID riid, void **out) {
    *out = This;
    (void)riid;
    return S_OK;
}
static HRESULT query_refused(ICancelMethodCalls *This, REFIID riid, void **out) {
    *out = NULL;
    (void)This;
    (void)riid;
    return E_NOINTERFACE;
}
static ULONG static_count(ICancelMethodCalls *This) {
    (void)This;
    return 1;
}
static HRESULT no_cancel(ICancelMethodCalls *This, ULONG seconds) {
    (void)This;
    (void)seconds;
    return E_NOTIMPL;
}
static HRESULT own_answer(ICancelMethodCalls *This) {
    (void)This;
    return E_NOTIMPL;
}
static const ICancelMethodCallsVtbl can = {query, static_count, static_count, no_cancel, own_answer};
static const ICancelMethodCallsVtbl cannot = {query_refused, static_count, static_count, no_cancel, own_answer};

int32_t inside(const void *arguments, uint32_t argument_size, void *result, uint32_t *size) {
    static ICancelMethodCalls custom = {&can}, refusing = {&cannot};
    static const IID unknown_iid = {0x12345678, 0, 0, {0}};
    ICancelMethodCalls *object = NULL;
    IUnknown *old = NULL;
    void *out = &out;

    note("CoTestCancel()", CoTestCancel());
    note("CoGetCallContext(IID_ICancelMethodCalls)", CoGetCallContext(&IID_ICancelMethodCalls, (void **)&object));
    if (object == NULL) return E_UNEXPECTED;
    note("TestCancel() of the context", object->lpVtbl->TestCancel(object));
    note("CoGetCallContext(an interface it does not know)", CoGetCallContext(&unknown_iid, &out));
    note("  and the out pointer is NULL", out == NULL ? S_OK : E_FAIL);
    note("CoCancelCall(0, 0): this thread has no call out", CoCancelCall(0, 0));

    note("CoSwitchCallContext(another one)", CoSwitchCallContext((IUnknown *)&custom, &old));
    note("CoTestCancel() asks that one", CoTestCancel());
    note("cocancel_test() asks the call all the same", cocancel_test(NULL));
    note("CoSwitchCallContext(one without ICancelMethodCalls)", CoSwitchCallContext((IUnknown *)&refusing, &old));
    note("CoTestCancel() cannot ask that one", CoTestCancel());
    note("CoSwitchCallContext(NULL)", CoSwitchCallContext(NULL, &old));
    note("CoTestCancel() without a context", CoTestCancel());
    note("CoSwitchCallContext(the standard one)", CoSwitchCallContext((IUnknown *)object, &old));
    note("CoTestCancel() asks it again", CoTestCancel());

    if (number(arguments, argument_size) == INSIDE_CANCELS_ITSELF) {
        note("Cancel(3600) of the call that it is serving: does not wait", object->lpVtbl->Cancel(object, 3600));
        note("CoTestCancel()", CoTestCancel());
        note("Cancel(7200): later", object->lpVtbl->Cancel(object, 7200));
    } else {
        atomic_fetch_add(&stage->entered, 1); /* the scene cancels now */
        until_canceled();
        note("CoTestCancel() once the client has asked", CoTestCancel());
        note("TestCancel() of the context", object->lpVtbl->TestCancel(object));
    }
    object->lpVtbl->Release(object);
    return answer(number(arguments, argument_size), result, size);
}
