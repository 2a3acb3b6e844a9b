/* Calls all eight functions through the system's own headers, linked before -lole32: that they are this library's and not ole32's.
   SPDX-License-Identifier: MIT OR Apache-2.0 */
#define COBJMACROS
#define INITGUID
#include <windows.h>

#include <combaseapi.h>
#include <objbase.h>
#include <objidl.h>

#include "check.h"
#include "cocancel_com.h"

/* The prototypes of mingw's headers, held to the types that the reference pages give. */
static HRESULT(WINAPI *const cancel_call)(DWORD, ULONG) = CoCancelCall;
static HRESULT(WINAPI *const get_cancel_object)(DWORD, REFIID, void **) = CoGetCancelObject;
static HRESULT(WINAPI *const set_cancel_object)(IUnknown *) = CoSetCancelObject;
static HRESULT(WINAPI *const test_cancel)(void) = CoTestCancel;
static HRESULT(WINAPI *const enable)(LPVOID) = CoEnableCallCancellation;
static HRESULT(WINAPI *const disable)(LPVOID) = CoDisableCallCancellation;
static HRESULT(WINAPI *const get_call_context)(REFIID, void **) = CoGetCallContext;
static HRESULT(WINAPI *const switch_call_context)(IUnknown *, IUnknown **) = CoSwitchCallContext;

/* ---- a cancel object of the program's own ---- */

typedef struct object {
    ICancelMethodCalls base;
    LONG references;
    ULONG seconds;
} object;

static HRESULT STDMETHODCALLTYPE query(ICancelMethodCalls *This, REFIID riid, void **out) {
    *out = NULL;
    if (!IsEqualIID(riid, &IID_IUnknown) && !IsEqualIID(riid, &IID_ICancelMethodCalls)) return E_NOINTERFACE;
    *out = This;
    ICancelMethodCalls_AddRef(This);
    return S_OK;
}
static ULONG STDMETHODCALLTYPE add_ref(ICancelMethodCalls *This) { return (ULONG)InterlockedIncrement(&((object *)This)->references); }
static ULONG STDMETHODCALLTYPE release(ICancelMethodCalls *This) { return (ULONG)InterlockedDecrement(&((object *)This)->references); }
static HRESULT STDMETHODCALLTYPE cancel(ICancelMethodCalls *This, ULONG seconds) {
    ((object *)This)->seconds = seconds;
    return 42;
}
static HRESULT STDMETHODCALLTYPE test(ICancelMethodCalls *This) { return This ? RPC_S_CALLPENDING : E_FAIL; }
static ICancelMethodCallsVtbl methods = {query, add_ref, release, cancel, test};

static void own_object(void) {
    object own = {{&methods}, 1, 0};
    ICancelMethodCalls *found = NULL;
    CHECK(enable(NULL), S_OK);
    CHECK(set_cancel_object((IUnknown *)&own), S_OK);
    CHECK(cancel_call(GetCurrentThreadId(), 7), 42);
    CHECK_TRUE(own.seconds == 7);
    CHECK(get_cancel_object(0, &IID_ICancelMethodCalls, (void **)&found), S_OK);
    CHECK_TRUE(found == &own.base);
    CHECK(ICancelMethodCalls_Cancel(found, 8), 42);
    ICancelMethodCalls_Release(found);
    CHECK(set_cancel_object(NULL), S_OK);
    CHECK(cancel_call(0, 0), E_NOINTERFACE);
    CHECK(disable(NULL), S_OK);
    CHECK_TRUE(own.references == 1);
}

/* ---- the library's cancel object, through mingw's vtable ---- */

static void standard_object(void) {
    ICancelMethodCalls *object = NULL;
    IUnknown *unknown = NULL;
    cocancel_call call;
    CHECK(enable(NULL), S_OK);
    CHECK(cocancel_begin(NULL, NULL, &call), S_OK);
    CHECK(get_cancel_object(GetCurrentThreadId(), &IID_ICancelMethodCalls, (void **)&object), S_OK);
    CHECK(ICancelMethodCalls_TestCancel(object), RPC_S_CALLPENDING);
    CHECK(ICancelMethodCalls_Cancel(object, 0), S_OK);
    CHECK(ICancelMethodCalls_TestCancel(object), RPC_E_CALL_CANCELED);
    CHECK(ICancelMethodCalls_QueryInterface(object, &IID_IUnknown, (void **)&unknown), S_OK);
    CHECK_TRUE(IUnknown_AddRef(unknown) == 3 && IUnknown_Release(unknown) == 2);
    IUnknown_Release(unknown);
    CHECK(cocancel_wait(NULL, call), RPC_E_CALL_CANCELED);
    CHECK(cocancel_finish(NULL, call), RPC_E_CALL_CANCELED);
    CHECK(cocancel_complete(NULL, call, NULL), RPC_E_CALL_CANCELED);
    CHECK_TRUE(ICancelMethodCalls_Release(object) == 0);
    CHECK(disable(NULL), S_OK);
}

static void contexts(void) {
    object own = {{&methods}, 1, 0};
    IUnknown *old = (IUnknown *)&own;
    void *found = NULL;
    CHECK(test_cancel(), RPC_E_CALL_COMPLETE);
    CHECK(get_call_context(&IID_IUnknown, &found), RPC_E_CALL_COMPLETE);
    CHECK(switch_call_context((IUnknown *)&own, &old), S_OK);
    CHECK_TRUE(old == NULL);
    CHECK(test_cancel(), RPC_S_CALLPENDING);
    CHECK(get_call_context(&IID_ICancelMethodCalls, &found), S_OK);
    CHECK_TRUE(found == &own);
    ICancelMethodCalls_Release((ICancelMethodCalls *)found);
    CHECK(switch_call_context(NULL, &old), S_OK);
    CHECK_TRUE(old == (IUnknown *)&own && own.references == 1);
}

int main(void) {
    CHECK_TRUE(cocancel_thread_id() == GetCurrentThreadId());
    /* without CoInitialize, and with it: the counter survives it */
    own_object();
    standard_object();
    contexts();
    CHECK(disable(NULL), CO_E_CANCEL_DISABLED);
    CHECK(enable(NULL), S_OK);
    CHECK(CoInitializeEx(NULL, COINIT_APARTMENTTHREADED), S_OK);
    own_object();
    standard_object();
    contexts();
    CHECK(disable(NULL), S_OK);
    CHECK(enable(NULL), S_OK);
    CoUninitialize();
    CHECK(disable(NULL), S_OK);
    CHECK(disable(NULL), CO_E_CANCEL_DISABLED);
    CHECK_TRUE(slots_in_use(NULL) == 0);
    return failures != 0;
}
