/* Scenes of how calls end: late, dead, timed out, never entered. SPDX-License-Identifier: MIT OR Apache-2.0 */
#define _GNU_SOURCE
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "demo.h"

static void late_reply(void) {
    rpc_pending first, next;
    CoEnableCallCancellation(NULL);
    first = send_call_entered(RPC_HOLD, 1, 0);
    expect("CoCancelCall(0, 0)", co_cancel_call(0, 0), S_OK);
    expect_end("the first call returns", &first, RPC_E_CALL_CANCELED, 0);
    next = send_call_entered(RPC_HOLD, 2, 0);
    open_gate(1);
    UNTIL(rpc_records() == 1);
    say("the late reply to the first call has come, and was disposed of");
    expect("cocancel_poll(the next call)", cocancel_poll(NULL, next.call, NULL), RPC_S_CALLPENDING);
    open_gate(2);
    expect_end("the next call returns", &next, S_OK, 2);
    CoDisableCallCancellation(NULL);
}

static void never_entered(void) {
    rpc_pending busy[RPC_POOL], last;
    CoEnableCallCancellation(NULL);
    fill_pool(busy);
    last = send_call(RPC_ECHO, 1, 0);
    expect("CoCancelCall(0, 0)", co_cancel_call(0, 0), S_OK);
    expect_end("that call returns", &last, RPC_E_CALL_CANCELED, 0);
    free_pool(busy);
    UNTIL(rpc_records() == 0); /* all answers, the refusal among them, have come back */
    expect_true("the others were entered, that one never", atomic_load(&stage->entered) == RPC_POOL);
    CoDisableCallCancellation(NULL);
}

static void server_dies(void) {
    struct client client = {.method = RPC_HOLD, .argument = 1, .enabled = 1, .expected = RPC_E_SERVER_DIED};
    struct client disabled = {.name = "client 2", .method = RPC_HOLD, .argument = 1, .expected = RPC_E_SERVER_DIED};
    rpc_pending orphan;
    CoEnableCallCancellation(NULL);
    orphan = send_call_entered(RPC_HOLD, 1, 0);
    expect("CoCancelCall(0, 0)", co_cancel_call(0, 0), S_OK);
    expect_end("a call of this thread returns", &orphan, RPC_E_CALL_CANCELED, 0);
    client_start_entered(&client);
    client_start_entered(&disabled);
    say("kills the server, which still has all three");
    kill_server();
    client_join(&client);
    client_join(&disabled);
    expect("a call to a server that is gone", rpc_call(server, RPC_ECHO, NULL, 0, 0, NULL, NULL), RPC_E_SERVER_DIED);
    CoDisableCallCancellation(NULL);
}

static void server_fails(void) {
    struct client client = {.method = RPC_FAIL, .argument = (uint32_t)E_ACCESSDENIED, .enabled = 1, .expected = E_ACCESSDENIED};
    struct client alike = {.name = "client 2", .method = RPC_FAIL, .argument = (uint32_t)RPC_E_CALL_CANCELED, .expected = RPC_E_CALL_CANCELED};
    say("a method's own failure is the call's result");
    client_start(&client);
    client_join(&client);
    client_start(&alike);
    client_join(&alike);
}

static void own_timeout(void) {
    struct client client = {.method = RPC_HOLD, .argument = 1, .enabled = 1, .timeout_ms = 50, .expected = RPC_E_CALL_CANCELED};
    uint64_t began = now_ms();
    client_start(&client);
    client_join(&client);
    expect_true("not before its 50 ms were over", client.ended_ms - began + 1 >= 50);
}

static void unseen_timeout(void) {
    uint32_t gate = 1;
    ICancelMethodCalls *object = NULL;
    rpc_pending call;
    CoEnableCallCancellation(NULL);
    say("calls HOLD(1), with a timeout of its own of 1 ms");
    rpc_send(server, RPC_HOLD, &gate, sizeof gate, 1, 0, &call);
    CoGetCancelObject(0, &IID_ICancelMethodCalls, (void **)&object);
    pause_ms(20);
    say("the timeout is over, and nobody has looked");
    expect("TestCancel(): testing never reads the clock", object->lpVtbl->TestCancel(object), RPC_S_CALLPENDING);
    expect("CoCancelCall(0, 3600): looks, and expires it", co_cancel_call(0, 3600), RPC_E_CALL_CANCELED);
    expect("TestCancel()", object->lpVtbl->TestCancel(object), RPC_E_CALL_CANCELED);
    object->lpVtbl->Release(object);
    expect_end("the call returns", &call, RPC_E_CALL_CANCELED, 0);

    gate = 2;
    say("calls HOLD(2), with a timeout of its own of 1 ms");
    rpc_send(server, RPC_HOLD, &gate, sizeof gate, 1, 0, &call);
    pause_ms(20);
    say("the timeout is over, and nobody has looked");
    open_gate(2);
    UNTIL(call_of(cocancel_thread_id()).phase == COCANCEL_PHASE_COMPLETED);
    say("the reply has come first");
    expect_end("the call returns", &call, S_OK, 2);
    CoDisableCallCancellation(NULL);
}

static atomic_int may_die;

static void *sends_and_dies(void *thread) {
    be("client");
    CoEnableCallCancellation(NULL);
    send_call_entered(RPC_HOLD, 1, 0);
    atomic_store((atomic_uint *)thread, cocancel_thread_id());
    UNTIL(atomic_load(&may_die));
    say("ends without waiting for its call");
    return NULL;
}

static void thread_dies(void) {
    ICancelMethodCalls *object = NULL;
    atomic_uint thread = 0;
    pthread_t client;
    atomic_store(&may_die, 0);
    pthread_create(&client, NULL, sends_and_dies, &thread);
    UNTIL(atomic_load(&thread) != 0);
    expect("CoGetCancelObject(client)", CoGetCancelObject(thread, &IID_ICancelMethodCalls, (void **)&object), S_OK);
    atomic_store(&may_die, 1);
    pthread_join(client, NULL);
    expect("CoCancelCall(client, 0)", co_cancel_call(thread, 0), E_NOINTERFACE);
    expect("TestCancel() of the object: its call was given up", object->lpVtbl->TestCancel(object), RPC_E_CALL_CANCELED);
    expect("Cancel(0)", object->lpVtbl->Cancel(object, 0), RPC_E_CALL_CANCELED);
    object->lpVtbl->Release(object);
    expect_true("the server's side owns the record", rpc_records() == 1);
    open_gate(1);
    UNTIL(rpc_records() == 0);
    say("the late reply has come, and was disposed of");
}

static void forked(void) {
    struct client client = {.method = RPC_HOLD, .argument = 1, .enabled = 1, .expected = RPC_E_CALL_CANCELED};
    int32_t answers[4] = {E_FAIL, E_FAIL, E_FAIL, E_FAIL};
    size_t left = 0;
    int ends[2];
    pid_t child;
    CoEnableCallCancellation(NULL);
    client_start_entered(&client);
    if (pipe(ends) != 0) abort();
    child = fork();
    if (child == 0) {
        answers[0] = CoCancelCall(client.thread, 0);
        answers[1] = CoDisableCallCancellation(NULL);
        answers[2] = CoCancelCall(0, 0);
        answers[3] = cocancel_snapshot(NULL, NULL, &left);
        if (left != 0) answers[3] = E_FAIL;
        _exit(write(ends[1], answers, sizeof answers) == sizeof answers ? 0 : 1);
    }
    close(ends[1]);
    if (read(ends[0], answers, sizeof answers) != sizeof answers) say("the child died");
    close(ends[0]);
    waitpid(child, NULL, 0);
    expect("the child: CoCancelCall(client, 0)", answers[0], E_NOINTERFACE);
    expect("the child: CoDisableCallCancellation; its parent is enabled", answers[1], CO_E_CANCEL_DISABLED);
    expect("the child: CoCancelCall(0, 0)", answers[2], E_NOINTERFACE);
    expect("the child: no slot is in use", answers[3], S_OK);
    expect("the parent: CoCancelCall(client, 0)", co_cancel_call(client.thread, 0), S_OK);
    client_join(&client);
    CoDisableCallCancellation(NULL);
}

const struct scene ending_scenes[] = {
    {"late-reply", "a reply that comes late never answers the next call; exactly one side disposes of it [win] [doc]", late_reply},
    {"never-entered", "a call cancelled before its server was entered is never entered [ours]", never_entered},
    {"server-dies", "the server is killed: its clients get a failure, and nothing is left [ours]", server_dies},
    {"server-fails", "a method's failure reaches its client, also one that looks like a cancellation [ours]", server_fails},
    {"own-timeout", "a call's own timeout [ours]", own_timeout},
    {"unseen-timeout", "its timeout is over, and nobody has looked: who looks first expires it; a reply that is first is delivered [ours]", unseen_timeout},
    {"thread-dies", "a thread that dies with a call out: it is given up, its record goes to the server's side [ours]", thread_dies},
    {"fork", "a forked child starts with an empty runtime; the parent's calls are not its own [ours]", forked},
    {0},
};
