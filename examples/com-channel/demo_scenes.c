/* The scenes for every place. SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "demo.h"

enum { GRACE_RUNS_OUT = 1, GRACE_SUFFICES = 60 };

/* Of the server; 0xFFFFFFFF: it did not answer. */
static DWORD ask(DWORD what) {
    DWORD answer = 0;
    return IHeld_Ask(held, what, &answer) == S_OK ? answer : 0xFFFFFFFF;
}

static void next_is_its_own(void) {
    DWORD answer = 0;
    expect("the next call", IHeld_Next(held, 41, &answer), S_OK);
    expect_number("its reply", answer, 42);
}

static void plain(void) {
    static BYTE bytes[100000];
    DWORD answer = 0, sum = 0, i;
    expect_true("it is served on another thread", ask(ASK_THREAD) != GetCurrentThreadId());
    next_is_its_own();
    for (i = 0; i < sizeof bytes; i++)
        sum += bytes[i] = (BYTE)(i * 7);
    expect("100,000 bytes", IHeld_Sum(held, sizeof bytes, bytes, &answer), S_OK);
    expect_number("their sum", answer, sum);
    expect("a failure of the method's own", IHeld_Ask(held, 99, &answer), E_INVALIDARG);
}

static void disabled(void) {
    struct canceller canceller = {.release = 1};
    DWORD answer = 0;
    cancel_when_entered(&canceller, 0);
    expect("the client's call", IHeld_Hold(held, 5, &answer), S_OK);
    canceller_join(&canceller);
    expect("CoCancelCall", canceller.result, CO_E_CANCEL_DISABLED);
    expect_number("the reply", answer, 5);
}

static void at_once(void) {
    struct canceller canceller = {0};
    DWORD answer = 0, before = ask(ASK_FINISHED);
    CoEnableCallCancellation(NULL);
    cancel_when_entered(&canceller, 0);
    expect("the client's call, which its server still holds", IHeld_Hold(held, 5, &answer), RPC_E_CALL_CANCELED);
    canceller_join(&canceller);
    expect("CoCancelCall", canceller.result, S_OK);
    expect("CoCancelCall between calls", CoCancelCall(GetCurrentThreadId(), 0), E_NOINTERFACE);
    if (place->server == 'M') {
        next_is_its_own();
        expect_number("methods that have finished meanwhile", ask(ASK_FINISHED) - before, 0);
        stage_release();
    } else {
        stage_release();
        next_is_its_own();
    }
    drain();
    expect_number("methods that have finished in the end", ask(ASK_FINISHED) - before, 1);
    CoDisableCallCancellation(NULL);
}

static void grace_kept(void) {
    struct canceller canceller = {0};
    DWORD answer = 0;
    CoEnableCallCancellation(NULL);
    expect("CoTestCancel in a method", ask(ASK_TEST), RPC_S_CALLPENDING);
    cancel_when_entered(&canceller, GRACE_SUFFICES);
    expect("the client's call", IHeld_Listen(held, 5, &answer), S_OK);
    canceller_join(&canceller);
    expect("CoCancelCall", canceller.result, RPC_E_CALL_COMPLETE);
    expect_number("the reply of a server that heard it", answer, 777);
    CoDisableCallCancellation(NULL);
}

static void grace_run_out(void) {
    struct canceller canceller = {0};
    DWORD answer = 0, start = GetTickCount();
    CoEnableCallCancellation(NULL);
    cancel_when_entered(&canceller, GRACE_RUNS_OUT);
    expect("the client's call", IHeld_Hold(held, 5, &answer), RPC_E_CALL_CANCELED);
    expect_true("not before the time was over", GetTickCount() - start >= GRACE_RUNS_OUT * 1000);
    canceller_join(&canceller);
    expect("CoCancelCall", canceller.result, S_OK);
    stage_release();
    drain();
    next_is_its_own();
    CoDisableCallCancellation(NULL);
}

static void orphan_hears(void) {
    struct canceller canceller = {0};
    DWORD answer = 0, before = ask(ASK_HEARD);
    CoEnableCallCancellation(NULL);
    cancel_when_entered(&canceller, 0);
    expect("the client's call", IHeld_Listen(held, 5, &answer), RPC_E_CALL_CANCELED);
    canceller_join(&canceller);
    drain(); /* by itself: the method hears it and returns */
    expect_number("methods that heard it", ask(ASK_HEARD) - before, 1);
    CoDisableCallCancellation(NULL);
}

static BOOL cancelled_hold(HRESULT (*call)(void)) {
    struct canceller canceller = {0};
    HRESULT hr;
    cancel_when_entered(&canceller, 0);
    hr = call();
    canceller_join(&canceller);
    stage_release();
    drain();
    return hr == RPC_E_CALL_CANCELED && canceller.result == S_OK;
}

static IDispatch *dispatch;
static IPersist *persist;
static HRESULT call_dispatch(void) {
    UINT count;
    return IDispatch_GetTypeInfoCount(dispatch, &count);
}
static HRESULT call_persist(void) {
    CLSID clsid;
    return IPersist_GetClassID(persist, &clsid);
}

static void foreign(void) {
    struct canceller canceller = {0};
    DISPPARAMS none = {0};
    VARIANT result;
    expect("a reference to IDispatch", IHeld_QueryInterface(held, &IID_IDispatch, (void **)&dispatch), S_OK);
    expect("a reference to IPersist", IHeld_QueryInterface(held, &IID_IPersist, (void **)&persist), S_OK);
    if (dispatch == NULL || persist == NULL)
        return;
    CoEnableCallCancellation(NULL);
    expect_true("IDispatch::GetTypeInfoCount is freed", cancelled_hold(call_dispatch));
    expect_true("IPersist::GetClassID is freed", cancelled_hold(call_persist));
    VariantInit(&result);
    cancel_when_entered(&canceller, GRACE_SUFFICES);
    expect("IDispatch::Invoke in its grace time",
           IDispatch_Invoke(dispatch, 1, &IID_NULL, 0, DISPATCH_METHOD, &none, &result, NULL, NULL), S_OK);
    canceller_join(&canceller);
    expect_number("its result", V_I4(&result), 777);
    expect("IDispatch::Invoke", IDispatch_Invoke(dispatch, 9, &IID_NULL, 0, DISPATCH_METHOD, &none, &result, NULL, NULL), S_OK);
    expect_number("its result", V_I4(&result), 9);
    CoDisableCallCancellation(NULL);
    IDispatch_Release(dispatch);
    IPersist_Release(persist);
}

static void killed(void) {
    struct canceller canceller = {0};
    DWORD answer = 0;
    HRESULT hr;
    CoEnableCallCancellation(NULL);
    cancel_when_entered(&canceller, 0);
    expect("a call that is cancelled", IHeld_Hold(held, 5, &answer), RPC_E_CALL_CANCELED);
    canceller_join(&canceller);
    if (place->server == 'S')
        stage_release(); /* one thing at a time there */
    hr = IHeld_Ask(held, ASK_DIE, &answer);
    report("    the call in which the server's process ends: 0x%08lX", (unsigned long)hr);
    expect_true("it fails, and not as cancelled", FAILED(hr) && hr != RPC_E_CALL_CANCELED);
    drain();
    hr = IHeld_Next(held, 1, &answer);
    report("    a call to the dead server: 0x%08lX", (unsigned long)hr);
    expect_true("it fails", FAILED(hr));
    CoDisableCallCancellation(NULL);
}

/* A client in a process of its own, which waits in a call. */
static void client_killed(void) {
    DWORD finished = ask(ASK_FINISHED), before = ask(ASK_HEARD);
    HANDLE other = start_process("--call");
    BOOL called;
    expect_true("another client starts", other != NULL);
    if (other == NULL)
        return;
    called = stage_wait_entered_by(other);
    TerminateProcess(other, 3);
    CloseHandle(other);
    if (!called)
        return;
    /* a minute, after which the method returns without having heard it */
    while (ask(ASK_FINISHED) == finished)
        Sleep(10);
    expect_number("methods that heard it", ask(ASK_HEARD) - before, 1);
    next_is_its_own();
}

static DWORD WINAPI release_later(void *unused) {
    (void)unused;
    Sleep(200); /* whether that is before or after the proxy is gone, all must come out right */
    stage_release();
    return 0;
}

/* IHeld::Release is a call across apartments itself, of the kind that cannot be cancelled: an STA that holds the orphan does not answer it. */
static void released_early(void) {
    struct canceller canceller = {0};
    HANDLE thread;
    struct cancelling_channel_counts counts;
    DWORD answer = 0;
    CoEnableCallCancellation(NULL);
    cancel_when_entered(&canceller, 0);
    expect("the client's call", IHeld_Hold(held, 5, &answer), RPC_E_CALL_CANCELED);
    canceller_join(&canceller);
    cancelling_channel_count(&counts);
    expect_number("orphans that are out", counts.calls, 1);
    thread = CreateThread(NULL, 0, release_later, NULL, 0, NULL);
    IHeld_Release(held);
    held = NULL;
    drain();
    WaitForSingleObject(thread, INFINITE);
    CloseHandle(thread);
    drain_channels();
    cancelling_channel_count(&counts);
    expect_number("buffers that are left", counts.buffers, 0);
    expect_number("channels that are left", counts.channels, 0);
    CoDisableCallCancellation(NULL);
}

const struct scene scenes[] = {
    {.name = "plain", .title = "calls that nobody cancels are as without the channel", .play = plain},
    {.name = "disabled", .title = "the client's thread is disabled", .play = disabled},
    {.name = "at-once", .title = "timeout 0: the client is free while the server goes on", .play = at_once},
    {.name = "grace-kept", .title = "the server hears it in the grace time, and its reply comes", .play = grace_kept},
    {.name = "grace-run-out", .title = "the server is deaf, and the grace time ends", .play = grace_run_out},
    {.name = "orphan-hears", .title = "the server hears it after the client was freed", .play = orphan_hears},
    {.name = "foreign", .title = "the system's own proxies: IDispatch and IPersist", .play = foreign},
    {.name = "client-killed", .title = "a client's process is killed, and its server hears it", .play = client_killed, .processes = 1},
    {.name = NULL},
};

const struct scene last_scenes[] = {
    {.name = "released-early", .title = "the proxy is released while an orphan is out", .play = released_early},
    {.name = "killed", .title = "the server's process is killed, with an orphan out and a call pending", .play = killed, .processes = 1},
    {.name = NULL},
};
