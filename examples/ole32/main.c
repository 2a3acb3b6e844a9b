/* A program on example_ole32.dll: calls that are cancelled, and calls that are not, between apartments of both kinds. Nothing here depends on
   time, but that a grace time is not cut short. SPDX-License-Identifier: MIT OR Apache-2.0 */
#include <stdio.h>
#include <string.h>

#include "stage.h"

enum { MTA = COINIT_MULTITHREADED, STA = COINIT_APARTMENTTHREADED, MANY = 1100 /* more than the DLL has room for at once */ };

static HRESULT tested, own_answer; /* CoTestCancel's in the server, CoCancelCall's in a client; read after a later hand-off */
static ULONG own_seconds;
static LONG runs, left;
static const client *caller;

static client nobody(void) {
    client fresh;
    memset(&fresh, 0, sizeof fresh);
    return fresh;
}

static LONG milliseconds(void) {
    LARGE_INTEGER now, frequency;
    QueryPerformanceCounter(&now);
    QueryPerformanceFrequency(&frequency);
    return (LONG)(now.QuadPart * 1000 / frequency.QuadPart);
}

/* ---- methods ---- */

static HRESULT WINAPI hold(ULONG argument, ULONG *result) {
    SetEvent(entered);
    await(released);
    tested = CoTestCancel();
    *result = argument;
    return S_OK;
}

static HRESULT WINAPI listen_for_cancel(ULONG argument, ULONG *result) {
    (void)argument;
    SetEvent(entered);
    while (CoTestCancel() == RPC_S_CALLPENDING) Sleep(1); /* stands for work in small pieces */
    *result = 777;
    return S_OK;
}

static HRESULT WINAPI count(ULONG argument, ULONG *result) {
    runs++;
    *result = argument;
    return S_OK;
}

static HRESULT WINAPI cancel_outer(ULONG argument, ULONG *result) {
    own_answer = CoCancelCall(0, 0);
    *result = argument;
    return S_OK;
}

static HRESULT WINAPI call_back(ULONG argument, ULONG *result) {
    HRESULT hr = ExampleCall(caller->own, cancel_outer, argument, result);
    tested = CoTestCancel();
    return hr;
}

static HRESULT WINAPI end_thread(ULONG argument, ULONG *result) {
    (void)argument;
    (void)result;
    ExitThread(0);
}

static HRESULT WINAPI hold_and_end_thread(ULONG argument, ULONG *result) {
    hold(argument, result);
    ExitThread(0);
}

static HRESULT WINAPI hold_and_stop(ULONG argument, ULONG *result) {
    server_stops = TRUE;
    return hold(argument, result);
}

static HRESULT WINAPI leave_apartment(ULONG argument, ULONG *result) {
    ExampleUninitialize();
    *result = argument;
    return S_OK;
}

static HRESULT WINAPI have_client_leave(ULONG argument, ULONG *result) {
    HRESULT hr = ExampleCall(caller->own, leave_apartment, argument, result);
    LONG before = ExampleLive();
    ExampleRelease(caller->own);
    left = before - ExampleLive();
    return hr;
}

/* ---- clients of both kinds ---- */

static void in_time(DWORD model) {
    client it = nobody();
    puts("  completed in time");
    it.calls_again = TRUE;
    client_start(&it, model, TRUE, add_one, 6);
    client_join(&it);
    expect("the call", it.hr, S_OK);
    expect_number("its reply", (LONG)it.result, 7);
    expect("CoCancelCall of a thread that has ended", CoCancelCall(it.id, 0), E_NOINTERFACE);
}

static void disabled(DWORD model) {
    client it = nobody();
    puts("  a thread that is not enabled");
    client_start(&it, model, FALSE, hold, 5);
    await(entered);
    expect("CoCancelCall", CoCancelCall(it.id, 0), CO_E_CANCEL_DISABLED);
    SetEvent(released);
    client_join(&it);
    expect("the call", it.hr, S_OK);
    expect_number("its reply", (LONG)it.result, 5);
    expect("CoTestCancel in the server", tested, RPC_S_CALLPENDING);
}

static void at_once(DWORD model) {
    client it = nobody();
    puts("  cancelled with 0, while the server holds it");
    it.calls_again = TRUE;
    client_start(&it, model, TRUE, hold, 5);
    await(entered);
    expect("CoCancelCall", CoCancelCall(it.id, 0), S_OK);
    client_returned(&it);
    expect("the call", it.hr, RPC_E_CALL_CANCELED);
    SetEvent(released);
    client_join(&it);
    expect("CoTestCancel in the server", tested, RPC_E_CALL_CANCELED);
}

static void grace_kept(DWORD model) {
    client it = nobody();
    puts("  cancelled with a minute's grace, and the server hears it");
    client_start(&it, model, TRUE, listen_for_cancel, 5);
    await(entered);
    expect("CoCancelCall", CoCancelCall(it.id, 60), RPC_E_CALL_COMPLETE);
    client_join(&it);
    expect("the call", it.hr, S_OK);
    expect_number("its reply", (LONG)it.result, 777);
}

static void grace_over(DWORD model) {
    client it = nobody();
    LONG from;
    puts("  cancelled with a second's grace, and the server is deaf");
    it.calls_again = TRUE;
    client_start(&it, model, TRUE, hold, 5);
    await(entered);
    from = milliseconds();
    expect("CoCancelCall", CoCancelCall(it.id, 1), S_OK);
    client_returned(&it);
    expect_number("the second was granted", milliseconds() - from >= 1000, TRUE);
    expect("the call", it.hr, RPC_E_CALL_CANCELED);
    SetEvent(released);
    client_join(&it);
}

static void held_object(DWORD model) {
    client it = nobody();
    ICancelMethodCalls *object = NULL;
    puts("  a cancel object that is held longer than the call");
    client_start(&it, model, TRUE, hold, 5);
    await(entered);
    expect("CoGetCancelObject", CoGetCancelObject(it.id, &IID_ICancelMethodCalls, (void **)&object), S_OK);
    SetEvent(released);
    client_join(&it);
    expect("the call", it.hr, S_OK);
    if (!object) return;
    expect("Cancel", object->lpVtbl->Cancel(object, 0), RPC_E_CALL_COMPLETE);
    object->lpVtbl->Release(object);
}

/* ---- clients that dispatch messages while they wait ---- */

static void say_pumping(void) {
    SetEvent(pumping);
}

static void in_the_queue(void) {
    client first = nobody(), second = nobody();
    puts("  cancelled in the server's queue");
    client_start(&first, MTA, FALSE, hold, 5);
    await(entered);
    second.message = say_pumping;
    second.calls_again = TRUE;
    client_start(&second, STA, TRUE, count, 5);
    await(pumping); /* so it has been handed over */
    expect("CoCancelCall", CoCancelCall(second.id, 0), S_OK);
    client_returned(&second);
    expect("the call", second.hr, RPC_E_CALL_CANCELED);
    SetEvent(released);
    client_join(&first);
    client_join(&second);
    expect("the call before it", first.hr, S_OK);
    expect_number("runs of the method", runs, 0);
}

static void cancel_own(void) {
    await(entered);
    own_answer = CoCancelCall(0, own_seconds);
}

/* Cancelling its own call, a thread does not wait: its message loop keeps the deadline. */
static void from_a_message(ULONG seconds) {
    client it = nobody();
    LONG from = milliseconds();
    printf("  cancelled by its own thread, from a window message, with %lu seconds\n", seconds);
    own_seconds = seconds;
    it.message = cancel_own;
    it.calls_again = TRUE;
    client_start(&it, STA, TRUE, hold, 5);
    client_returned(&it);
    expect("CoCancelCall(0, seconds)", own_answer, S_OK);
    expect_number("the seconds were granted", milliseconds() - from >= (LONG)seconds * 1000, TRUE);
    expect("the call", it.hr, RPC_E_CALL_CANCELED);
    SetEvent(released);
    client_join(&it);
}

static DWORD WINAPI cancel_when_entered(void) {
    await(entered);
    return PENDINGMSG_CANCELCALL;
}

static void by_a_filter(void) {
    client it = nobody();
    puts("  cancelled by the message filter of a thread that is not enabled");
    it.message = say_pumping;
    it.filter = cancel_when_entered;
    client_start(&it, STA, FALSE, hold, 5);
    client_returned(&it);
    expect("the call", it.hr, RPC_E_CALL_CANCELED);
    SetEvent(released);
    client_join(&it);
    ResetEvent(pumping); /* the message is dispatched all the same, if it was the one that the filter was asked about */
}

static void nested(void) {
    client it = nobody();
    puts("  the server calls back, and from in there the outer call is cancelled");
    it.calls_again = TRUE;
    caller = &it;
    client_start(&it, STA, TRUE, call_back, 5);
    client_join(&it);
    expect("CoCancelCall(0, 0)", own_answer, S_OK);
    expect("the call", it.hr, RPC_E_CALL_CANCELED);
    expect("CoTestCancel in the server", tested, RPC_E_CALL_CANCELED);
}

/* Its thread waits in it still, so that the last reference of others is not the last. */
static void left_from_within(void) {
    client it = nobody();
    puts("  the server calls back, and there the client gives its apartment up");
    caller = &it;
    client_start(&it, STA, TRUE, have_client_leave, 5);
    client_returned(&it);
    it.own = NULL; /* the server has released it */
    client_join(&it);
    expect("the call", it.hr, S_OK);
    expect_number("what went when the server released the apartment", left, 0);
}

/* ---- ends ---- */

static DWORD WINAPI end_this_thread(void) {
    await(entered);
    ExitThread(0);
}

static void client_ends(void) {
    client it = nobody();
    puts("  a thread ends while its call is pending");
    it.message = say_pumping;
    it.filter = end_this_thread;
    client_start(&it, STA, TRUE, hold, 5);
    client_join(&it);
    expect("CoCancelCall of that thread", CoCancelCall(it.id, 0), E_NOINTERFACE);
    SetEvent(released);
    in_time(MTA); /* so the server is past the other call */
    expect("CoTestCancel in the server", tested, RPC_E_CALL_CANCELED);
}

/* The call of a client that is not enabled has no slot: then it is the DLL that fails it, not the library. */
static void server_thread_ends(DWORD server_model, BOOL is_enabled) {
    client it = nobody();
    printf("a thread ends while it serves a call in a %s, ", server_model == STA ? "STA" : "MTA");
    printf("of a client that is%s enabled\n", is_enabled ? "" : " not");
    server_start(server_model);
    client_start(&it, MTA, is_enabled, end_thread, 5);
    client_join(&it);
    server_join();
    expect("the call", it.hr, RPC_E_SERVER_DIED);
}

/* The record is nobody's then, and goes to the hook `orphaned`: in the end none must be left. */
static void both_threads_end(void) {
    client it = nobody();
    puts("a thread ends while its call is pending, and then the one that serves it");
    server_start(MTA);
    it.message = say_pumping;
    it.filter = end_this_thread;
    client_start(&it, STA, TRUE, hold_and_end_thread, 5);
    client_join(&it);
    SetEvent(released);
    server_join();
    expect("CoTestCancel in the server", tested, RPC_E_CALL_CANCELED);
}

static void queue_is_closed(void) {
    client first = nobody(), second = nobody(), third = nobody();
    puts("  the server gives its apartment up");
    client_start(&first, MTA, TRUE, hold_and_stop, 5);
    await(entered);
    second.message = say_pumping;
    client_start(&second, STA, TRUE, add_one, 5);
    await(pumping);
    SetEvent(released);
    client_join(&first);
    client_join(&second);
    expect("the call that it serves", first.hr, S_OK);
    expect("one in its queue", second.hr, RPC_E_SERVER_DIED);
    client_start(&third, MTA, FALSE, add_one, 5);
    client_join(&third);
    expect("one that comes later", third.hr, RPC_E_SERVER_DIED);
}

static DWORD WINAPI enable_and_end(void *argument) {
    *(HRESULT *)argument = CoEnableCallCancellation(NULL);
    return 0;
}

static void many_threads(void) {
    HRESULT hr = S_OK;
    int n;
    printf("%d threads, one after the other\n", MANY);
    for (n = 0; n < MANY && hr == S_OK; n++) run_thread(enable_and_end, &hr);
    expect("CoEnableCallCancellation", hr, S_OK);
}

static void play(DWORD server_model) {
    static const DWORD models[] = {STA, MTA};
    int n;
    server_start(server_model);
    for (n = 0; n < 2; n++) {
        printf("the client in a %s, the server in a %s\n", models[n] == STA ? "STA" : "MTA", server_model == STA ? "STA" : "MTA");
        in_time(models[n]);
        disabled(models[n]);
        at_once(models[n]);
        grace_kept(models[n]);
        grace_over(models[n]);
        held_object(models[n]);
    }
    printf("the client dispatches messages, the server is in a %s\n", server_model == STA ? "STA" : "MTA");
    in_the_queue();
    from_a_message(0);
    from_a_message(1);
    by_a_filter();
    nested();
    left_from_within();
    client_ends();
    queue_is_closed();
    server_join();
}

static void last_error(void) {
    puts("the caller's last error");
    SetLastError(1234);
    CoTestCancel();
    expect_number("after CoTestCancel", (LONG)GetLastError(), 1234);
    CoEnableCallCancellation(NULL);
    expect_number("after the thread's first CoEnableCallCancellation", (LONG)GetLastError(), 1234);
    CoDisableCallCancellation(NULL);
}

int main(void) {
    stage_open();
    last_error();
    play(STA);
    play(MTA);
    server_thread_ends(STA, TRUE);
    server_thread_ends(MTA, TRUE);
    server_thread_ends(STA, FALSE);
    server_thread_ends(MTA, FALSE);
    both_threads_end();
    many_threads();
    if (stage_close() != 0) return 1;
    puts("all as expected");
    return 0;
}
