/* Scenes of cancelling: what Cancel answers, and what then becomes of the client. SPDX-License-Identifier: MIT OR Apache-2.0 */
#define _GNU_SOURCE
#include <pthread.h>
#include <stdio.h>

#include "demo.h"

static void at_once(void) {
    struct client client = {.method = RPC_SLEEP, .argument = 60000, .enabled = 1};
    client_start(&client);
    client_is_blocked(&client);
    expect("CoCancelCall(client, 0)", CoCancelCall(client.thread, 0), S_OK);
    client_join(&client);
    expect("the client, whose server is deaf", client.code, RPC_E_CALL_CANCELED);
}

/* A call that is asked for before its server came to it is refused there, grace time or not. */
static void is_entered(struct client *client) {
    client_is_blocked(client);
    while (ask(RPC_ENTERED) == 0) continue;
}

static void grace_kept(void) {
    struct client client = {.method = RPC_WORK, .argument = 60000, .enabled = 1};
    client_start(&client);
    is_entered(&client);
    expect("CoCancelCall(client, 60): the server notices and returns", CoCancelCall(client.thread, 60), RPC_E_CALL_COMPLETE);
    client_join(&client);
    expect("the client gets the server's own result", client.code, S_OK);
    expect_true("the server saw it through CoTestCancel", ask(RPC_SEEN) == 1);
}

static void grace_run_out(void) {
    struct client client = {.method = RPC_SLEEP, .argument = 60000, .enabled = 1};
    uint64_t began;
    client_start(&client);
    is_entered(&client);
    began = now_ms();
    expect("CoCancelCall(client, 1): the server is deaf", CoCancelCall(client.thread, 1), S_OK);
    client_join(&client);
    expect("the client", client.code, RPC_E_CALL_CANCELED);
    /* both clocks are floors */
    expect_true("and not before the second was over", client.ended_ms - began + 1 >= 1000);
}

static void *cancel_for_long(void *argument) {
    struct client *client = argument;
    pthread_setname_np(pthread_self(), "first");
    expect("CoCancelCall(client, infinite) waits", CoCancelCall(client->thread, 0xFFFFFFFF), S_OK);
    return NULL;
}

static void shortened(void) {
    struct client client = {.method = RPC_SLEEP, .argument = 60000, .enabled = 1};
    pthread_t first;
    client_start(&client);
    is_entered(&client);
    pthread_create(&first, NULL, cancel_for_long, &client);
    for (;;) { /* until the first request shows */
        cocancel_call_info info[8];
        size_t count = 8, n, shows = 0;
        cocancel_snapshot(NULL, info, &count);
        for (n = 0; n < count && n < 8; n++) shows += info[n].thread == client.thread && (info[n].flags & COCANCEL_IS_REQUESTED);
        if (shows) break;
        pause_ms(1);
    }
    expect("a later one, CoCancelCall(client, 1000), changes nothing", cocancel_cancel_thread(NULL, client.thread, 1000000, 0), RPC_E_CALL_CANCELED);
    expect("a sooner one, CoCancelCall(client, 0), frees the client", CoCancelCall(client.thread, 0), RPC_E_CALL_CANCELED);
    client_join(&client);
    pthread_join(first, NULL);
    expect("the client", client.code, RPC_E_CALL_CANCELED);
}

static void own_timeout(void) {
    struct client client = {.method = RPC_SLEEP, .argument = 60000, .enabled = 1, .timeout_ms = 50};
    client_start(&client);
    client_join(&client);
    expect("a call with a timeout of its own, 50 ms", client.code, RPC_E_CALL_CANCELED);
}

static void *race(void *argument) {
    struct client *client = argument;
    int32_t *code = (int32_t *)&client->result;
    pthread_setname_np(pthread_self(), "racer");
    *code = CoCancelCall(client->thread, 0);
    say("CoCancelCall(client, 0) -> %s", cocancel_hresult_name(*code));
    return NULL;
}

static void two_cancellers(void) {
    struct client client = {.method = RPC_SLEEP, .argument = 60000, .enabled = 1}, racers[2] = {{0}, {0}};
    pthread_t threads[2];
    int32_t codes[2];
    rpc_pending pending;
    uint32_t argument = 60000;
    int n;
    (void)client;
    /* this thread's own call, so that it stays there for both */
    CoEnableCallCancellation(NULL);
    expect("a call of this thread", rpc_send(server, RPC_SLEEP, &argument, sizeof argument, 0, 0, &pending), S_OK);
    for (n = 0; n < 2; n++) {
        racers[n].thread = cocancel_thread_id();
        pthread_create(&threads[n], NULL, race, &racers[n]);
    }
    for (n = 0; n < 2; n++) {
        pthread_join(threads[n], NULL);
        codes[n] = (int32_t)racers[n].result;
    }
    expect_true("exactly one S_OK, the other RPC_E_CALL_CANCELED",
                (codes[0] == S_OK && codes[1] == RPC_E_CALL_CANCELED) || (codes[1] == S_OK && codes[0] == RPC_E_CALL_CANCELED));
    expect("the call", rpc_wait(&pending, NULL, NULL), RPC_E_CALL_CANCELED);
    CoDisableCallCancellation(NULL);
}

static void server_dies(void) {
    struct client client = {.method = RPC_SLEEP, .argument = 60000, .enabled = 1}, disabled = {.method = RPC_SLEEP, .argument = 60000};
    client_start(&client);
    client_start(&disabled);
    client_is_blocked(&client);
    client_is_blocked(&disabled);
    say("kills the server");
    rpc_kill(server_pid, server_path);
    client_join(&client);
    client_join(&disabled);
    expect("the client", client.code, COCANCEL_RPC_E_SERVER_DIED);
    expect("one that could not be cancelled", disabled.code, COCANCEL_RPC_E_SERVER_DIED);
}

static void late_reply(void) {
    struct client late = {.method = RPC_SLEEP, .argument = 1000, .enabled = 1};
    uint32_t argument, result = 0, size = sizeof result;
    rpc_pending next;
    client_start(&late);
    is_entered(&late);
    expect("CoCancelCall(client, 0)", CoCancelCall(late.thread, 0), S_OK);
    client_join(&late);
    expect("the first client is released", late.code, RPC_E_CALL_CANCELED);
    /* the next call is out while the late reply comes */
    argument = 60000;
    CoEnableCallCancellation(NULL);
    expect("the next call", rpc_send(server, RPC_WORK, &argument, sizeof argument, 0, 0, &next), S_OK);
    while (ask(RPC_ENTERED) != 2) continue;
    while (rpc_records() != 1 && cocancel_poll(NULL, next.call, NULL) == RPC_S_CALLPENDING) pause_ms(1);
    expect("when the late reply has come, it is pending", cocancel_poll(NULL, next.call, NULL), RPC_S_CALLPENDING);
    expect("CoCancelCall(0, 60), which does not wait", CoCancelCall(0, 60), S_OK);
    expect("the next call", rpc_wait(&next, &result, &size), S_OK);
    expect_true("gets its own reply", size == sizeof result && result < argument && result != late.argument);
    CoDisableCallCancellation(NULL);
}

static void never_entered(void) {
    uint32_t argument = 60000, n;
    rpc_pending pending[17];
    CoEnableCallCancellation(NULL);
    /* the pool has 16 threads, which work until they are canceled: the last request waits in the queue behind them */
    for (n = 0; n < 17; n++)
        rpc_send(server, n < 16 ? RPC_WORK : RPC_ECHO, &argument, sizeof argument, 0, 0, &pending[n]);
    expect("CoCancelCall(0, 0) on the innermost", CoCancelCall(0, 0), S_OK);
    expect("that call", rpc_wait(&pending[16], NULL, NULL), RPC_E_CALL_CANCELED);
    for (n = 16; n-- > 0;) {
        cocancel_cancel_call(NULL, pending[n].call, 0, 0);
        rpc_wait(&pending[n], NULL, NULL);
    }
    while (rpc_records() != 0) pause_ms(1); /* all answers, refusals among them, have come back */
    /* every call that was entered before it was canceled has seen it; the last one would be one more */
    expect_true("as many were entered as saw that they were canceled: never the last one", ask(RPC_ENTERED) == ask(RPC_SEEN));
    CoDisableCallCancellation(NULL);
}

const struct scene calling_scenes[] = {
    {"at-once", "pending, timeout 0: S_OK, the client is freed at once, whatever the server does [wil] [dce]", at_once},
    {"grace-kept", "RPC_E_CALL_COMPLETE: the call was completed during the timeout interval [seed]", grace_kept},
    {"grace-run-out", "pending, timeout n: S_OK when the time ran out, the client not before n seconds [seed] [doc]", grace_run_out},
    {"shortened", "RPC_E_CALL_CANCELED: the call was already canceled; a sooner request shortens an infinite one [seed] [old]", shortened},
    {"own-timeout", "a call's own timeout [ours]", own_timeout},
    {"two-cancellers", "two cancellers race: exactly one S_OK [ours, from seed]", two_cancellers},
    {"server-dies", "the server is killed in the middle: its clients get a failure, nothing leaks [ours]", server_dies},
    {"late-reply", "a reply that comes late never answers the next call [win]", late_reply},
    {"never-entered", "a call cancelled before its server was entered is never entered [ours]", never_entered},
    {NULL, NULL, NULL},
};
