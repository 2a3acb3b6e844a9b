/* Clients as applications have them. SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "demo.h"

/* ---- a scope with a time limit: a periodic timer polls CoCancelCall until the scope ends ---- */

struct limit {
    DWORD thread;
    PTP_TIMER timer;
    volatile LONG fired;
};

static void CALLBACK on_limit(PTP_CALLBACK_INSTANCE instance, void *context, PTP_TIMER timer) {
    struct limit *self = context;
    (void)instance, (void)timer;
    InterlockedIncrement(&self->fired);
    (void)CoCancelCall(self->thread, 0); /* whatever comes of it */
}

static void limit_begin(struct limit *self, DWORD ms, DWORD period_ms) {
    ULARGE_INTEGER due = {.QuadPart = (ULONGLONG)-(LONGLONG)(ms * 10000ull)};
    FILETIME time = {due.LowPart, due.HighPart};
    CoEnableCallCancellation(NULL);
    self->thread = GetCurrentThreadId();
    self->fired = 0;
    self->timer = CreateThreadpoolTimer(on_limit, self, NULL);
    SetThreadpoolTimer(self->timer, &time, period_ms, 0);
}

static void limit_end(struct limit *self) {
    SetThreadpoolTimer(self->timer, NULL, 0, 0);
    WaitForThreadpoolTimerCallbacks(self->timer, TRUE);
    CloseThreadpoolTimer(self->timer);
    CoDisableCallCancellation(NULL);
}

/* It hears that it was cancelled, so none is left behind. */
static HRESULT hung_call(void) {
    DWORD answer;
    return IHeld_Listen(held, 5, &answer);
}

static void scope(void) {
    struct limit limit;
    DWORD answer = 0;
    limit_begin(&limit, 3600000, 0);
    expect("a fast call under a time limit of an hour", IHeld_Next(held, 41, &answer), S_OK);
    expect_number("its reply", answer, 42);
    expect_number("how often the timer had to cancel", limit.fired, 0);
    limit_end(&limit);
    limit_begin(&limit, 100, 50);
    expect("a call that hangs", hung_call(), RPC_E_CALL_CANCELED);
    expect("a second one under the same limit", hung_call(), RPC_E_CALL_CANCELED);
    limit_end(&limit);
    expect("disabled again", CoDisableCallCancellation(NULL), CO_E_CANCEL_DISABLED);
    drain();
    expect("the next call, which nobody polls", IHeld_Next(held, 41, &answer), S_OK);
    expect_number("its reply", answer, 42);
}

/* ---- a watchdog: a thread that never initialised COM ---- */

struct watchdog {
    DWORD thread;
    volatile LONG stop, polls, cancelled, strange;
};

static DWORD WINAPI watch(void *argument) {
    struct watchdog *self = argument;
    while (!self->stop) {
        HRESULT hr = CoCancelCall(self->thread, 0);
        InterlockedIncrement(&self->polls);
        if (hr == S_OK)
            InterlockedIncrement(&self->cancelled);
        if (!is_allowed(hr))
            InterlockedIncrement(&self->strange);
        Sleep(10);
    }
    return 0;
}

static void watchdog(void) {
    struct watchdog self = {.thread = GetCurrentThreadId()};
    HANDLE thread;
    DWORD answer;
    int i, freed = 0;
    CoEnableCallCancellation(NULL);
    thread = CreateThread(NULL, 0, watch, &self, 0, NULL);
    for (i = 0; i < 5; i++)
        freed += IHeld_Listen(held, 5, &answer) == RPC_E_CALL_CANCELED;
    while (self.polls < 20) /* with nothing to cancel, too */
        Sleep(10);
    InterlockedExchange(&self.stop, 1);
    WaitForSingleObject(thread, INFINITE);
    CloseHandle(thread);
    drain();
    expect_number("calls freed, of 5 that hang", freed, 5);
    expect_number("S_OK to the watchdog", self.cancelled, 5);
    expect_number("answers that would make it give up", self.strange, 0);
    expect("the next call", IHeld_Next(held, 41, &answer), S_OK);
    CoDisableCallCancellation(NULL);
}

const struct scene client_scenes[] = {
    {.name = "time-limit", .title = "a threadpool timer polls CoCancelCall and ignores what it answers", .play = scope},
    {.name = "watchdog", .title = "a thread without COM polls CoCancelCall every 10 ms", .play = watchdog},
    {.name = NULL},
};
