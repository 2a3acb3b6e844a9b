/* Scenes on a port of the host's: a clock, threads and an interrupt that the scene moves by hand. SPDX-License-Identifier: MIT OR Apache-2.0 */
#define _GNU_SOURCE
#include <stdio.h>

#include "demo.h"

static uint32_t current_thread, clock_ms, interrupted;
static void *local_word;

static uint32_t thread_id(void *user) {
    (void)user;
    return current_thread;
}
static uint32_t tick(void *user) {
    (void)user;
    return clock_ms;
}
static void *local(void *user) {
    (void)user;
    return local_word;
}
static void set_local(void *user, void *value) {
    (void)user;
    local_word = value;
}
static uint32_t in_interrupt(void *user) {
    (void)user;
    return interrupted;
}

/* A runtime on that port, as the default one; nothing on it can wait. */
static cocancel_runtime *set_up(void) {
    static COCANCEL_STORAGE(storage, 4, 1); /* one thread: the next one gets its slot */
    static const cocancel_port port = {.size = sizeof port,
                                       .thread_id = thread_id,
                                       .tick = tick,
                                       .local = local,
                                       .set_local = set_local,
                                       .in_interrupt = in_interrupt};
    cocancel_runtime *runtime = NULL;
    current_thread = 7;
    clock_ms = 0;
    interrupted = 0;
    local_word = NULL;
    expect("cocancel_init", cocancel_init(COCANCEL_ABI_VERSION, storage, sizeof storage, 4, 1, &port, &runtime), S_OK);
    cocancel_set_default(runtime);
    return runtime;
}

static void take_down(cocancel_runtime *runtime) {
    cocancel_thread_exit(runtime);
    cocancel_set_default(NULL);
    expect("cocancel_deinit", cocancel_deinit(runtime), S_OK);
}

static void clock_wraps(void) {
    cocancel_runtime *runtime = set_up();
    cocancel_call call;
    uint32_t left = 0;
    clock_ms = 0xFFFFFF00;
    say("the clock stands 256 ms before it wraps");
    CoEnableCallCancellation(NULL);
    cocancel_begin(runtime, NULL, &call);
    expect("CoCancelCall(0, 1): on a port that cannot wait", CoCancelCall(0, 1), S_OK);
    clock_ms += 1000;
    say("moves it by 1000 ms: a tick is a floor, the second may be not quite over");
    expect("cocancel_poll", cocancel_poll(runtime, call, &left), RPC_S_CALLPENDING);
    expect_true("  1 ms is left", left == 1);
    clock_ms += 1;
    say("moves it by 1 ms");
    expect("cocancel_poll", cocancel_poll(runtime, call, NULL), RPC_E_CALL_CANCELED);
    cocancel_complete(runtime, call, NULL);
    cocancel_finish(runtime, call);
    take_down(runtime);
}

static void long_timeouts(void) {
    cocancel_runtime *runtime = set_up();
    cocancel_call call;
    int day;
    CoEnableCallCancellation(NULL);
    cocancel_begin(runtime, NULL, &call);
    expect("CoCancelCall(0, 0xFFFFFFFE): 136 years", CoCancelCall(0, 0xFFFFFFFE), S_OK);
    for (day = 0; day < 200; day++) {
        clock_ms += 24 * 60 * 60 * 1000;
        cocancel_tick(runtime, 100);
        if (cocancel_poll(runtime, call, NULL) != RPC_S_CALLPENDING) break;
    }
    expect_true("it is pending after 200 days; the clock has wrapped 4 times", day == 200);
    expect("CoCancelCall(0, 0xFFFFFFFF): infinite, and so later", CoCancelCall(0, 0xFFFFFFFF), RPC_E_CALL_CANCELED);
    expect("CoCancelCall(0, 0)", CoCancelCall(0, 0), RPC_E_CALL_CANCELED);
    expect("cocancel_poll", cocancel_poll(runtime, call, NULL), RPC_E_CALL_CANCELED);
    cocancel_complete(runtime, call, NULL);
    cocancel_finish(runtime, call);
    take_down(runtime);
}

static void interrupt(void) {
    cocancel_runtime *runtime = set_up();
    struct custom custom = custom_object(S_OK);
    cocancel_call call;
    CoEnableCallCancellation(NULL);
    CoSetCancelObject((IUnknown *)&custom);
    interrupted = 1;
    say("is in an interrupt handler now");
    expect("CoCancelCall(0, 0): there is no calling thread", CoCancelCall(0, 0), E_NOINTERFACE);
    expect("CoCancelCall(7, 0): a custom object is on top", CoCancelCall(7, 0), E_UNEXPECTED);
    interrupted = 0;
    CoSetCancelObject(NULL);
    expect_true("it took no reference", atomic_load(&custom.references) == 1);
    cocancel_begin(runtime, NULL, &call);
    interrupted = 1;
    expect("CoCancelCall(7, 3600): does not wait", CoCancelCall(7, 3600), S_OK);
    expect("CoCancelCall(7, 0)", CoCancelCall(7, 0), RPC_E_CALL_CANCELED);
    interrupted = 0;
    cocancel_complete(runtime, call, NULL);
    expect("cocancel_finish, on the thread", cocancel_finish(runtime, call), RPC_E_CALL_CANCELED);
    take_down(runtime);
}

static void reused_id(void) {
    cocancel_runtime *runtime = set_up();
    say("is thread 7");
    expect("CoEnableCallCancellation", CoEnableCallCancellation(NULL), S_OK);
    cocancel_thread_exit(runtime);
    say("thread 7 ends, and the system gives its id to a new thread");
    expect("CoDisableCallCancellation", CoDisableCallCancellation(NULL), CO_E_CANCEL_DISABLED);
    expect("CoEnableCallCancellation", CoEnableCallCancellation(NULL), S_OK);
    local_word = NULL;
    say("that one is killed, without cocancel_thread_exit, and its id given to a third");
    expect("CoEnableCallCancellation", CoEnableCallCancellation(NULL), S_OK);
    expect("CoDisableCallCancellation: balances its own", CoDisableCallCancellation(NULL), S_OK);
    expect("CoDisableCallCancellation", CoDisableCallCancellation(NULL), CO_E_CANCEL_DISABLED);
    take_down(runtime);
}

const struct scene port_scenes[] = {
    {"clock-wraps", "deadlines stay right when the clock wraps, and are never early; a port that cannot wait [ours]", clock_wraps},
    {"long-timeouts", "a timeout longer than the clock can express is never cut short: 0xFFFFFFFE, 0xFFFFFFFF, 0 [ours]", long_timeouts},
    {"interrupt", "from an interrupt handler: E_NOINTERFACE for thread 0, E_UNEXPECTED for a custom object; never waits [ours]", interrupt},
    {"reused-id", "a dead thread does not pass on its counter with its id [ours]", reused_id},
    {0},
};
