/* Scenes of the grace time: cancelling with a timeout of n seconds. SPDX-License-Identifier: MIT OR Apache-2.0 */
#define _GNU_SOURCE
#include <stdio.h>

#include "demo.h"

/* A canceller on a thread of its own, for it waits. */
struct patient {
    const char *name;
    uint32_t thread;
    ULONG seconds;
    int32_t expected;
    uint64_t returned_ms;
    pthread_t handle;
};

static void *cancel(void *argument) {
    struct patient *self = argument;
    char what[60];
    int32_t code;
    be(self->name);
    if (self->seconds == RPC_C_CANCEL_INFINITE_TIMEOUT) snprintf(what, sizeof what, "CoCancelCall(client, infinite)");
    else snprintf(what, sizeof what, "CoCancelCall(client, %u)", (unsigned)self->seconds);
    say("%s waits", what);
    code = co_cancel_call(self->thread, self->seconds);
    self->returned_ms = now_ms();
    expect(what, code, self->expected);
    return NULL;
}

static void patient_start(struct patient *patient) {
    pthread_create(&patient->handle, NULL, cancel, patient);
    UNTIL(call_of(patient->thread).flags & COCANCEL_IS_REQUESTED);
}

static void grace_kept(void) {
    struct client client = {.method = RPC_LISTEN, .argument = 1, .enabled = 1, .expected = S_OK};
    struct patient patient = {.name = "canceller", .seconds = 3600, .expected = RPC_E_CALL_COMPLETE};
    ICancelMethodCalls *object = NULL;
    client_start_entered(&client);
    patient.thread = client.thread;
    CoGetCancelObject(client.thread, &IID_ICancelMethodCalls, (void **)&object);
    patient_start(&patient);
    UNTIL(atomic_load(&stage->heard) == 1);
    say("the server's CoTestCancel has turned; its method has not returned");
    expect_true("the client still waits for it", call_of(client.thread).phase == COCANCEL_PHASE_PENDING);
    open_gate(1);
    client_join(&client);
    pthread_join(patient.handle, NULL);
    expect("Cancel(0) of the object, still held", object->lpVtbl->Cancel(object, 0), RPC_E_CALL_COMPLETE);
    expect("TestCancel(): completed, but somebody had asked", object->lpVtbl->TestCancel(object), RPC_E_CALL_CANCELED);
    object->lpVtbl->Release(object);
}

static void grace_infinite(void) {
    struct client client = {.method = RPC_LISTEN, .argument = 1, .enabled = 1, .expected = S_OK};
    struct patient patient = {.name = "canceller", .seconds = RPC_C_CANCEL_INFINITE_TIMEOUT, .expected = RPC_E_CALL_COMPLETE};
    client_start_entered(&client);
    patient.thread = client.thread;
    patient_start(&patient);
    UNTIL(atomic_load(&stage->heard) == 1);
    expect_true("the call has no deadline", call_of(client.thread).remaining_ms == COCANCEL_INFINITE);
    open_gate(1);
    client_join(&client);
    pthread_join(patient.handle, NULL);
}

static void grace_failure(void) {
    struct client client = {.method = RPC_HOLD, .argument = 1, .enabled = 1, .expected = RPC_E_SERVER_DIED};
    struct patient patient = {.name = "canceller", .seconds = 3600, .expected = RPC_E_CALL_COMPLETE};
    client_start_entered(&client);
    patient.thread = client.thread;
    patient_start(&patient);
    say("kills the server");
    kill_server();
    client_join(&client);
    pthread_join(patient.handle, NULL);
}

static void grace_run_out(void) {
    struct client client = {.method = RPC_HOLD, .argument = 1, .enabled = 1, .expected = RPC_E_CALL_CANCELED};
    uint64_t began;
    client_start_entered(&client);
    began = now_ms();
    expect("CoCancelCall(client, 1): the server is deaf", co_cancel_call(client.thread, 1), S_OK);
    client_join(&client);
    expect_true("the client was not free before the second was over", client.ended_ms - began + 1 >= 1000); /* both clocks are floors */
}

static void shortened(ULONG first, ULONG later, ULONG sooner) {
    struct client client = {.method = RPC_HOLD, .argument = 1, .enabled = 1, .expected = RPC_E_CALL_CANCELED};
    struct patient patient = {.name = "first", .seconds = first, .expected = S_OK};
    char what[60];
    uint64_t began;
    client_start_entered(&client);
    patient.thread = client.thread;
    patient_start(&patient);
    snprintf(what, sizeof what, "CoCancelCall(client, %u): a later one", (unsigned)later);
    expect(what, co_cancel_call(client.thread, later), RPC_E_CALL_CANCELED);
    expect_true("  changes nothing", call_of(client.thread).phase == COCANCEL_PHASE_PENDING);
    began = now_ms();
    snprintf(what, sizeof what, "CoCancelCall(client, %u): a sooner one counts", (unsigned)sooner);
    expect(what, co_cancel_call(client.thread, sooner), RPC_E_CALL_CANCELED);
    client_join(&client);
    pthread_join(patient.handle, NULL);
    expect_true("the client was not free before that time was over", client.ended_ms - began + 1 >= 1000u * sooner);
    expect_true("nor was the first canceller", patient.returned_ms - began + 1 >= 1000u * sooner);
}

static void shortened_to_nothing(void) { shortened(RPC_C_CANCEL_INFINITE_TIMEOUT, 0xFFFFFFFE, 0); }
static void shortened_finite(void) { shortened(3600, 7200, 1); }

static void never_waiting(void) {
    struct client client = {.method = RPC_LISTEN, .argument = 1, .enabled = 1, .expected = S_OK};
    client_start_entered(&client);
    expect("cocancel_cancel_thread(client, infinite, COCANCEL_NO_WAIT)",
           cocancel_cancel_thread(NULL, client.thread, COCANCEL_INFINITE, COCANCEL_NO_WAIT), S_OK);
    UNTIL(atomic_load(&stage->heard) == 1);
    expect_true("the client still waits for its server, which has seen it", call_of(client.thread).phase == COCANCEL_PHASE_PENDING);
    open_gate(1);
    client_join(&client);
}

static void refused_in_grace(void) {
    struct client client = {.method = RPC_ECHO, .argument = 1, .enabled = 1, .expected = RPC_E_CALL_CANCELED};
    struct patient patient = {.name = "canceller", .seconds = 3600, .expected = S_OK};
    rpc_pending busy[RPC_POOL];
    CoEnableCallCancellation(NULL);
    fill_pool(busy);
    client_start(&client);
    patient.thread = client.thread;
    patient_start(&patient);
    UNTIL(atomic_load(&stage->reached) == 1);
    say("the request has reached the server, where the call waits in the queue");
    free_pool(busy);
    client_join(&client);
    pthread_join(patient.handle, NULL);
    expect_true("the call was never entered", atomic_load(&stage->entered) == RPC_POOL);
    CoDisableCallCancellation(NULL);
}

const struct scene grace_scenes[] = {
    {"grace-kept", "RPC_E_CALL_COMPLETE: completed during the timeout interval; the client gets the server's own result [seed] [dce]", grace_kept},
    {"grace-infinite", "an infinite timeout never expires [doc]", grace_infinite},
    {"grace-failure", "RPC_E_CALL_COMPLETE: a call that ends with a failure has ended, too [ours]", grace_failure},
    {"grace-run-out", "timeout n: S_OK when the time ran out; the client is free then, not before n seconds [seed] [doc]", grace_run_out},
    {"shortened", "a second canceller: later changes nothing, sooner shortens an infinite grace time to 0 [old] [ours]", shortened_to_nothing},
    {"shortened-finite", "the same for a finite grace time: an hour, shortened to 1 second [ours]", shortened_finite},
    {"never-waiting", "the explicit form that never waits [ours]", never_waiting},
    {"refused-in-grace", "enter refused during a grace time: RPC_E_CALL_CANCELED for the client, S_OK for who waits [ours]", refused_in_grace},
    {0},
};
