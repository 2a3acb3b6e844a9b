/* The client threads of the scenes, and how scenes hand over to them and to the server. SPDX-License-Identifier: MIT OR Apache-2.0 */
#define _GNU_SOURCE
#include <stdio.h>
#include <stdlib.h>

#include "demo.h"
#include "demo_trace.h"

static const char *const methods[RPC_METHODS] = {"ECHO", "SLEEP", "WORK", "FAIL", "HOLD", "LISTEN", "INSIDE"};

/* Such as HOLD(1): what is called, for people. */
static const char *call_name(uint32_t method, uint32_t argument, char room[40]) {
    snprintf(room, 40, method == RPC_FAIL ? "%s(0x%08X)" : "%s(%u)", methods[method], argument);
    return room;
}

static void *client_body(void *argument) {
    struct client *client = argument;
    uint32_t result = 0, size = sizeof result;
    rpc_pending call;
    char name[40];
    int32_t code;
    be(client->name != NULL ? client->name : "client");
    if (client->enabled) CoEnableCallCancellation(NULL);
    client->thread = cocancel_thread_id();
    say("calls %s, cancellation %s", call_name(client->method, client->argument, name), client->enabled ? "enabled" : "disabled");
    code = rpc_send(server, client->method, &client->argument, sizeof client->argument, client->timeout_ms, 0, &call);
    atomic_store(&client->sent, 1);
    if (code == S_OK) code = rpc_wait(&call, &result, &size);
    client->ended_ms = now_ms();
    expect("its call returns", code, client->expected);
    if (client->expected == S_OK) expect_true("  with the server's result", result == client->argument);
    return NULL;
}

void client_start(struct client *client) {
    atomic_store(&client->sent, 0);
    if (pthread_create(&client->handle, NULL, client_body, client) != 0) abort();
    UNTIL(atomic_load(&client->sent));
}

void client_start_entered(struct client *client) {
    unsigned before = atomic_load(&stage->entered);
    client_start(client);
    UNTIL(atomic_load(&stage->entered) > before);
}

void client_join(struct client *client) { pthread_join(client->handle, NULL); }

rpc_pending send_call(uint32_t method, uint32_t argument, uint32_t flags) {
    rpc_pending call = {0, NULL};
    char name[40];
    say("calls %s", call_name(method, argument, name));
    if (rpc_send(server, method, &argument, sizeof argument, 0, flags, &call) != S_OK) abort();
    return call;
}

rpc_pending send_call_entered(uint32_t method, uint32_t argument, uint32_t flags) {
    unsigned before = atomic_load(&stage->entered);
    rpc_pending call = send_call(method, argument, flags);
    UNTIL(atomic_load(&stage->entered) > before);
    return call;
}

void expect_end(const char *what, rpc_pending *call, int32_t expected, uint32_t argument) {
    uint32_t result = 0, size = sizeof result;
    expect(what, rpc_wait(call, &result, &size), expected);
    if (expected == S_OK) expect_true("  with its own result", size == sizeof result && result == argument);
}

HRESULT co_cancel_call(DWORD thread, ULONG seconds) {
    char name[40];
    HRESULT code;
    if (seconds == RPC_C_CANCEL_INFINITE_TIMEOUT) snprintf(name, sizeof name, "CoCancelCall(infinite)");
    else snprintf(name, sizeof name, "CoCancelCall(%u s)", (unsigned)seconds);
    trace_span_begin(name);
    code = CoCancelCall(thread, seconds);
    trace_span_end();
    return code;
}

cocancel_call_info call_of(uint32_t thread) {
    cocancel_call_info calls[64], none = {0};
    size_t count = sizeof calls / sizeof *calls, n;
    cocancel_snapshot(NULL, calls, &count);
    for (n = 0; n < count && n < sizeof calls / sizeof *calls; n++)
        if (calls[n].thread == thread) return calls[n];
    return none;
}

void open_gate(uint32_t gate) {
    say("opens gate %u of the server", gate);
    atomic_store(&stage->gates[gate], 1);
}

void fill_pool(rpc_pending calls[RPC_POOL]) {
    uint32_t gate = 0;
    unsigned n;
    say("gives each thread of the server's pool a call of LISTEN");
    atomic_store(&stage->gates[gate], 1);
    for (n = 0; n < RPC_POOL; n++) {
        if (rpc_send(server, RPC_LISTEN, &gate, sizeof gate, 0, 0, &calls[n]) != S_OK) abort();
        UNTIL(atomic_load(&stage->entered) > n);
    }
}

void free_pool(rpc_pending calls[RPC_POOL]) {
    unsigned n;
    say("cancels the calls that hold the pool");
    for (n = RPC_POOL; n-- > 0;) {
        cocancel_cancel_call(NULL, calls[n].call, 0, 0);
        rpc_wait(&calls[n], NULL, NULL);
    }
}
