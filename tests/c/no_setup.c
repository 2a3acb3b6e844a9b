/* also: c++ */
/* A program that knows the COM functions only: no set-up, nothing but the COM header, -lcocancel. SPDX-License-Identifier: MIT OR Apache-2.0 */
#include <stdio.h>

#include "cocancel_com.h"

static int failures;

static void check(int line, HRESULT got, HRESULT expected) {
    if (got == expected) return;
    failures++;
    printf("%s:%d: got 0x%08lX, expected 0x%08lX\n", __FILE__, line, (unsigned long)(uint32_t)got, (unsigned long)(uint32_t)expected);
}
#define CHECK(expression, expected) check(__LINE__, expression, expected)

#ifdef __cplusplus
#define REF(iid) iid
#define CALL(object, method, arguments) (object)->method arguments
#define NO_ARGUMENTS(object) ()
#define ARGUMENT(object, argument) (argument)
#else
#define REF(iid) &iid
#define CALL(object, method, arguments) (object)->lpVtbl->method arguments
#define NO_ARGUMENTS(object) (object)
#define ARGUMENT(object, argument) (object, argument)
#endif

#ifdef __cplusplus
struct Custom : ICancelMethodCalls {
    HRESULT COCANCEL_STDCALL QueryInterface(REFIID, void **out) override {
        *out = this;
        return S_OK;
    }
    ULONG COCANCEL_STDCALL AddRef() override { return 2; }
    ULONG COCANCEL_STDCALL Release() override { return 1; }
    HRESULT COCANCEL_STDCALL Cancel(ULONG seconds) override { return (HRESULT)seconds; }
    HRESULT COCANCEL_STDCALL TestCancel() override { return E_FAIL; }
};
static Custom custom;
#else
static HRESULT COCANCEL_STDCALL query(ICancelMethodCalls *This, REFIID riid, void **out) {
    (void)riid;
    *out = This;
    return S_OK;
}
static ULONG COCANCEL_STDCALL add_ref(ICancelMethodCalls *This) { return This ? 2 : 0; }
static ULONG COCANCEL_STDCALL release(ICancelMethodCalls *This) { return This ? 1 : 0; }
static HRESULT COCANCEL_STDCALL cancel(ICancelMethodCalls *This, ULONG seconds) { return This ? (HRESULT)seconds : E_FAIL; }
static HRESULT COCANCEL_STDCALL test_cancel(ICancelMethodCalls *This) { return This ? E_FAIL : S_OK; }
static const ICancelMethodCallsVtbl methods = {query, add_ref, release, cancel, test_cancel};
static ICancelMethodCalls custom = {&methods};
#endif

int main(void) {
    void *out = &failures;
    IUnknown *old = NULL;
    DWORD me = cocancel_thread_id();
    if (me == 0) return 2;
    /* nothing is enabled, no call is out, none is being served */
    CHECK(CoCancelCall(me, 0), E_NOINTERFACE);
    CHECK(CoCancelCall(0, RPC_C_CANCEL_INFINITE_TIMEOUT), E_NOINTERFACE);
    CHECK(CoGetCancelObject(me, REF(IID_ICancelMethodCalls), &out), E_NOINTERFACE);
    if (out) return 3;
    CHECK(CoTestCancel(), RPC_E_CALL_COMPLETE);
    CHECK(CoGetCallContext(REF(IID_IUnknown), &out), RPC_E_CALL_COMPLETE);
    CHECK(CoSetCancelObject(NULL), E_UNEXPECTED);
    CHECK(CoDisableCallCancellation(NULL), CO_E_CANCEL_DISABLED);
    /* a cancel object of the program's own */
    CHECK(CoEnableCallCancellation(NULL), S_OK);
    CHECK(CoSetCancelObject((IUnknown *)&custom), S_OK);
    CHECK(CoCancelCall(me, 42), 42);
    CHECK(CoGetCancelObject(0, REF(IID_ICancelMethodCalls), &out), S_OK);
    CHECK(CALL((ICancelMethodCalls *)out, Cancel, ARGUMENT((ICancelMethodCalls *)out, 7)), 7);
    CHECK((HRESULT)CALL((ICancelMethodCalls *)out, Release, NO_ARGUMENTS((ICancelMethodCalls *)out)), 1);
    CHECK(CoSetCancelObject(NULL), S_OK);
    CHECK(CoCancelCall(me, 0), E_NOINTERFACE);
    CHECK(CoDisableCallCancellation(NULL), S_OK);
    /* and a call context */
    CHECK(CoSwitchCallContext((IUnknown *)&custom, &old), S_OK);
    if (old) return 4;
    CHECK(CoTestCancel(), E_FAIL);
    CHECK(CoGetCallContext(REF(IID_ICancelMethodCalls), &out), S_OK);
    CHECK(CoSwitchCallContext(NULL, &old), S_OK);
    if (old != (IUnknown *)&custom) return 5;
    CHECK(CoTestCancel(), RPC_E_CALL_COMPLETE);
    return failures != 0;
}
