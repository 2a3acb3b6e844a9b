/* What can happen while a thread in a single-threaded apartment waits: it pumps. SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "demo.h"

/* ---- nested calls ---- */

struct helper {
    DWORD thread;
    int cancels;
    HRESULT result;
};

static DWORD WINAPI help(void *argument) {
    struct helper *helper = argument;
    stage_wait_entered();
    if (helper->cancels)
        helper->result = CoCancelCall(helper->thread, 0);
    stage_release();
    return 0;
}

static HRESULT relay(struct helper *helper, DWORD *answer) {
    HANDLE thread;
    HRESULT hr;
    helper->thread = GetCurrentThreadId();
    thread = CreateThread(NULL, 0, help, helper, 0, NULL);
    hr = IHeld_Relay(held, server_object(), 6, answer);
    WaitForSingleObject(thread, INFINITE);
    CloseHandle(thread);
    return hr;
}

static void callback(void) {
    struct helper helper = {0};
    DWORD answer = 0;
    CoEnableCallCancellation(NULL);
    expect("a call that calls back into the waiting thread", relay(&helper, &answer), S_OK);
    expect_number("its reply", answer, 6);
    helper.cancels = 1;
    expect("the same, cancelled during the callback", relay(&helper, &answer), RPC_E_CALL_CANCELED);
    expect("CoCancelCall", helper.result, S_OK);
    drain();
    expect("the next call", IHeld_Next(held, 41, &answer), S_OK);
    expect_number("its reply", answer, 42);
    CoDisableCallCancellation(NULL);
}

/* ---- the thread cancels its own call ---- */

static ULONG own_seconds;
static HRESULT own_result;

static void CALLBACK on_timer(HWND window, UINT message, UINT_PTR id, DWORD time) {
    (void)window, (void)message, (void)time;
    KillTimer(NULL, id);
    own_result = CoCancelCall(0, own_seconds);
}

static HRESULT hold_and_cancel(ULONG seconds) {
    DWORD answer;
    HRESULT hr;
    own_seconds = seconds;
    own_result = E_FAIL;
    SetTimer(NULL, 0, 50, on_timer);
    hr = IHeld_Hold(held, 5, &answer);
    stage_wait_entered();
    stage_release();
    drain();
    return hr;
}

static void own_call(void) {
    DWORD answer = 0, start;
    CoEnableCallCancellation(NULL);
    expect("the call of a thread whose timer cancels it", hold_and_cancel(0), RPC_E_CALL_CANCELED);
    expect("CoCancelCall(0, 0) in the timer", own_result, S_OK);
    start = GetTickCount();
    expect("the same with a second of grace", hold_and_cancel(1), RPC_E_CALL_CANCELED);
    expect("CoCancelCall(0, 1) in the timer, which cannot wait", own_result, S_OK);
    expect_true("the client was not free before", GetTickCount() - start >= 1000);
    own_seconds = 60;
    SetTimer(NULL, 0, 50, on_timer);
    expect("the same with a server that hears it", IHeld_Listen(held, 5, &answer), S_OK);
    stage_wait_entered();
    expect_number("its reply", answer, 777);
    CoDisableCallCancellation(NULL);
}

/* ---- the message filter ---- */

static LONG asked;
static HRESULT WINAPI QueryInterface(IMessageFilter *iface, REFIID iid, void **out) {
    BOOL known = IsEqualIID(iid, &IID_IUnknown) || IsEqualIID(iid, &IID_IMessageFilter);
    *out = known ? iface : NULL;
    return known ? S_OK : E_NOINTERFACE;
}
static ULONG WINAPI AddRef(IMessageFilter *iface) { return (void)iface, 2; }
static ULONG WINAPI Release(IMessageFilter *iface) { return (void)iface, 1; }
static DWORD WINAPI HandleInComingCall(IMessageFilter *iface, DWORD type, HTASK caller, DWORD ticks, INTERFACEINFO *info) {
    (void)iface, (void)type, (void)caller, (void)ticks, (void)info;
    return SERVERCALL_ISHANDLED;
}
static DWORD WINAPI RetryRejectedCall(IMessageFilter *iface, HTASK callee, DWORD ticks, DWORD reason) {
    (void)iface, (void)callee, (void)ticks, (void)reason;
    return (DWORD)-1;
}
static DWORD WINAPI MessagePending(IMessageFilter *iface, HTASK callee, DWORD ticks, DWORD type) {
    (void)iface, (void)callee, (void)ticks, (void)type;
    asked++;
    return PENDINGMSG_CANCELCALL;
}
static IMessageFilterVtbl filter_vtable = {QueryInterface, AddRef, Release, HandleInComingCall, RetryRejectedCall, MessagePending};
static IMessageFilter filter = {&filter_vtable};

static DWORD WINAPI post_when_entered(void *thread) {
    stage_wait_entered();
    PostThreadMessageW((DWORD)(ULONG_PTR)thread, WM_KEYDOWN, VK_ESCAPE, 0);
    return 0;
}

static void message_filter(void) {
    IMessageFilter *before = NULL, *after = NULL;
    HANDLE thread;
    DWORD answer = 0;
    asked = 0;
    expect("CoRegisterMessageFilter", CoRegisterMessageFilter(&filter, &before), S_OK);
    thread = CreateThread(NULL, 0, post_when_entered, (void *)(ULONG_PTR)GetCurrentThreadId(), 0, NULL);
    expect("the call of a disabled thread whose filter cancels it", IHeld_Hold(held, 5, &answer), RPC_E_CALL_CANCELED);
    WaitForSingleObject(thread, INFINITE);
    CloseHandle(thread);
    expect_true("the filter was asked", asked > 0);
    CoRegisterMessageFilter(before, &after);
    expect_true("the filter is the application's again", after == &filter);
    stage_release();
    drain();
    expect("the next call", IHeld_Next(held, 41, &answer), S_OK);
    expect_number("its reply", answer, 42);
}

const struct scene pump_scenes[] = {
    {.name = "callback", .title = "the server calls back into the waiting apartment", .play = callback, .sta = 1},
    {.name = "own-call", .title = "the waiting thread cancels its own call from its pump", .play = own_call, .sta = 1},
    {.name = "message-filter", .title = "PENDINGMSG_CANCELCALL", .play = message_filter, .sta = 1},
    {.name = NULL},
};
