/* Many calls: what is left behind, and what they cost. SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "demo.h"

enum { WORKERS = 16, WARM_UP = 200, MEASURED = 500, MARGIN = 64, SPARED = 10 /* one of so many calls */ };

struct hammer {
    DWORD thread;
    volatile LONG stop, rest, resting, cancelled, strange;
};

/* At moments that a generator chooses. */
static DWORD WINAPI hammer(void *argument) {
    struct hammer *self = argument;
    DWORD random = 7;
    while (!self->stop) {
        HRESULT hr;
        volatile DWORD spin;
        /* looked at once more after it is taken back: who asks for a rest may have seen the one before */
        if (self->rest || self->resting) {
            InterlockedExchange(&self->resting, self->rest);
            SwitchToThread();
            continue;
        }
        hr = CoCancelCall(self->thread, 0);
        if (hr == S_OK)
            InterlockedIncrement(&self->cancelled);
        if (!is_allowed(hr))
            InterlockedIncrement(&self->strange);
        random = random * 1103515245 + 12345;
        for (spin = random >> 16 & 0x7fff; spin > 0; spin--)
            ;
        if ((random >> 24 & 3) == 0)
            Sleep(random >> 26 & 1);
    }
    return 0;
}

/* Where a new handle is put: the lowest free place. (Wine does not say how many handles a process has.) */
static DWORD handles(void) {
    HANDLE event = CreateEventW(NULL, FALSE, FALSE, NULL);
    CloseHandle(event);
    return (DWORD)((ULONG_PTR)event / 4);
}

struct tally {
    LONG answered, cancelled, wrong;
};

static struct tally run(int calls) {
    struct hammer self = {.thread = GetCurrentThreadId()};
    struct tally tally = {0};
    HANDLE thread = CreateThread(NULL, 0, hammer, &self, 0, NULL);
    int i;
    /* on any machine some are answered, because nobody cancels them, and some are cancelled, because it goes on until one is */
    for (i = 0; i < calls || tally.cancelled == 0; i++) {
        DWORD answer = 0;
        InterlockedExchange(&self.rest, i % SPARED == 0);
        while (self.rest && !self.resting)
            SwitchToThread();
        HRESULT hr = IHeld_Next(held, i, &answer);
        if (hr == S_OK && answer == (DWORD)i + 1)
            tally.answered++;
        else if (hr == RPC_E_CALL_CANCELED)
            tally.cancelled++;
        else
            tally.wrong++;
    }
    InterlockedExchange(&self.stop, 1);
    WaitForSingleObject(thread, INFINITE);
    CloseHandle(thread);
    drain();
    expect_number("answers that no canceller may get", self.strange, 0);
    expect_number("calls that came back as cancelled, as many as cancellers were told", tally.cancelled, self.cancelled);
    return tally;
}

static void hammered(void) {
    struct cancelling_channel_counts counts;
    struct tally tally;
    DWORD before, after, answer = 0;
    const int calls = min(place->calls, most_calls);
    cancelling_channel_limit_workers(WORKERS);
    CoEnableCallCancellation(NULL);
    run(WARM_UP);
    before = handles();
    tally = run(calls);
    after = handles();
    cancelling_channel_count(&counts);
    report("    %d calls: %ld answered, %ld cancelled; %ld workers, %ld requests never sent, handles up to %lu before and %lu after",
           calls, (long)tally.answered, (long)tally.cancelled, (long)counts.workers, (long)counts.unsent, (unsigned long)before,
           (unsigned long)after);
    expect_number("wrong replies", tally.wrong, 0);
    expect_true("some were answered and some cancelled", tally.answered > 0 && tally.cancelled > 0);
    expect_true("no more workers than allowed", counts.workers <= WORKERS);
    expect_number("records that are left", counts.calls, 0);
    expect_number("buffers that are left", counts.buffers, 0);
    expect_true("handles do not grow with the calls", after < before + MARGIN);
    expect("the next call", IHeld_Next(held, 41, &answer), S_OK);
    expect_number("its reply", answer, 42);
    CoDisableCallCancellation(NULL);
}

/* ---- not judged ---- */

static double microseconds(HRESULT (*call)(void *object, DWORD value, DWORD *answer), void *object) {
    LARGE_INTEGER from, to, frequency;
    DWORD answer;
    int i;
    QueryPerformanceFrequency(&frequency);
    for (i = 0; i < WARM_UP; i++)
        call(object, i, &answer);
    QueryPerformanceCounter(&from);
    for (i = 0; i < MEASURED; i++)
        call(object, i, &answer);
    QueryPerformanceCounter(&to);
    return (double)(to.QuadPart - from.QuadPart) * 1e6 / (double)frequency.QuadPart / MEASURED;
}

static HRESULT call_held(void *object, DWORD value, DWORD *answer) { return IHeld_Next((IHeld *)object, value, answer); }
static HRESULT call_plain(void *object, DWORD value, DWORD *answer) { return IPlain_Next((IPlain *)object, value, answer); }

static void cost(void) {
    IPlain *plain = NULL;
    double without, disabled, enabled;
    expect("a reference to an interface that is not wrapped", IHeld_QueryInterface(held, &IID_IPlain, (void **)&plain), S_OK);
    if (plain == NULL)
        return;
    without = microseconds(call_plain, plain);
    disabled = microseconds(call_held, held);
    CoEnableCallCancellation(NULL);
    enabled = microseconds(call_held, held);
    CoDisableCallCancellation(NULL);
    report("    a call: %.0f us without the channel; disabled %.2f times that, enabled %.2f times", without, disabled / without,
           enabled / without);
    IPlain_Release(plain);
}

const struct scene many_scenes[] = {
    {.name = "hammered", .title = "calls, 10,000 at two places, cancelled at random moments", .play = hammered},
    {.name = "cost", .title = "what the channel costs (not judged)", .play = cost},
    {.name = NULL},
};
