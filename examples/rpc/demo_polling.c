/* Scenes of a timer that polls, as WIL's com_timeout does. SPDX-License-Identifier: MIT OR Apache-2.0 */
#define _GNU_SOURCE
#include "demo.h"

struct timer {
    uint32_t thread;
    atomic_int polling;
    atomic_uint found[4]; /* S_OK, E_NOINTERFACE, RPC_E_CALL_CANCELED, RPC_E_CALL_COMPLETE */
    atomic_uint other;
    pthread_t handle;
};

static void *poll(void *argument) {
    static const int32_t good[] = {S_OK, E_NOINTERFACE, RPC_E_CALL_CANCELED, RPC_E_CALL_COMPLETE};
    struct timer *timer = argument;
    be("timer");
    while (atomic_load(&timer->polling)) {
        int32_t code = co_cancel_call(timer->thread, 0);
        unsigned n = 0;
        while (n < 4 && good[n] != code) n++;
        atomic_fetch_add(n < 4 ? &timer->found[n] : &timer->other, 1);
        if (n == 4) expect("CoCancelCall(main, 0): a code on which such a timer gives up", code, E_NOINTERFACE);
        pause_ms(1);
    }
    return NULL;
}

static void start(struct timer *timer) {
    timer->thread = cocancel_thread_id();
    atomic_store(&timer->polling, 1);
    pthread_create(&timer->handle, NULL, poll, timer);
    say("starts a timer that polls CoCancelCall(main, 0) and ignores what comes");
}

static void stop(struct timer *timer) {
    atomic_store(&timer->polling, 0);
    pthread_join(timer->handle, NULL);
    say("stops the timer. It met: S_OK %u times, RPC_E_CALL_CANCELED %u, RPC_E_CALL_COMPLETE %u, E_NOINTERFACE %u", timer->found[0], timer->found[2],
        timer->found[3], timer->found[1]);
    expect_true("no other answer", atomic_load(&timer->other) == 0);
}

static void next_is_untouched(void) {
    rpc_pending call = send_call(RPC_ECHO, 9, 0);
    expect_end("a call after the timer, to which nothing has stuck,", &call, S_OK, 9);
}

static void hung(void) {
    struct timer timer = {0};
    uint32_t gate = 1;
    CoEnableCallCancellation(NULL);
    start(&timer);
    expect("the first hung call returns", rpc_call(server, RPC_HOLD, &gate, sizeof gate, 0, NULL, NULL), RPC_E_CALL_CANCELED);
    expect("the second, under the same Enable,", rpc_call(server, RPC_HOLD, &gate, sizeof gate, 0, NULL, NULL), RPC_E_CALL_CANCELED);
    stop(&timer);
    expect_true("it cancelled both", atomic_load(&timer.found[0]) == 2);
    next_is_untouched();
    CoDisableCallCancellation(NULL);
}

static void quick(void) {
    struct timer timer = {0};
    rpc_pending call;
    unsigned seen, replies = 0, canceled = 0, wrong = 0, n;
    CoEnableCallCancellation(NULL);
    call = send_call(RPC_ECHO, 7, 0);
    UNTIL(call_of(cocancel_thread_id()).phase == COCANCEL_PHASE_COMPLETED);
    start(&timer);
    UNTIL(atomic_load(&timer.found[3]) >= 2);
    expect_end("a quick call, complete when the timer meets it, returns", &call, S_OK, 7);
    seen = atomic_load(&timer.found[1]);
    UNTIL(atomic_load(&timer.found[1]) >= seen + 2);
    say("the timer finds nothing between calls");
    for (n = 0; n < 200; n++) {
        uint32_t result = 0, size = sizeof result;
        int32_t code = rpc_call(server, RPC_ECHO, &n, sizeof n, 0, &result, &size);
        if (code == S_OK && result == n) replies++;
        else if (code == RPC_E_CALL_CANCELED) canceled++;
        else wrong++;
    }
    say("200 quick calls while it polls: %u replies, %u cancelled", replies, canceled);
    expect_true("each got its own reply or RPC_E_CALL_CANCELED", wrong == 0);
    stop(&timer);
    expect_true("as many were cancelled as the timer was told", canceled == atomic_load(&timer.found[0]));
    next_is_untouched();
    CoDisableCallCancellation(NULL);
}

const struct scene polling_scenes[] = {
    {"wil-timer", "a timer that polls cancels one hung call after the other [wil]", hung},
    {"wil-quick-calls", "calls that complete while it polls: harmless, and nothing sticks to the next call [wil]", quick},
    {0},
};
