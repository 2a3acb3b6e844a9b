/* The demonstration's server: rpc-server PATH [STAGE]. SPDX-License-Identifier: MIT OR Apache-2.0 */
#define _GNU_SOURCE
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "cocancel_com.h"
#include "rpc.h"
#include "server_methods.h"
#include "stage.h"

struct stage *stage;

uint32_t number(const void *arguments, uint32_t size) {
    uint32_t value = 0;
    if (size == sizeof value) memcpy(&value, arguments, sizeof value);
    return value;
}

int32_t answer(uint32_t value, void *result, uint32_t *size) {
    memcpy(result, &value, sizeof value);
    *size = sizeof value;
    return S_OK;
}

static void pause_ms(uint32_t ms) {
    struct timespec left = {.tv_sec = ms / 1000, .tv_nsec = (long)(ms % 1000) * 1000000};
    while (nanosleep(&left, &left) != 0) continue;
}

static void until_gate(uint32_t gate) {
    while (atomic_load(&stage->gates[gate % STAGE_GATES]) == 0) pause_ms(1);
}

void until_canceled(void) {
    /* RPC_S_CALLPENDING is a failure code: compare, never SUCCEEDED() */
    while (CoTestCancel() != RPC_E_CALL_CANCELED) pause_ms(1);
    atomic_fetch_add(&stage->heard, 1);
}

static int32_t echo(const void *arguments, uint32_t argument_size, void *result, uint32_t *size) {
    atomic_fetch_add(&stage->entered, 1);
    return answer(number(arguments, argument_size), result, size);
}

static int32_t deaf_sleep(const void *arguments, uint32_t argument_size, void *result, uint32_t *size) {
    atomic_fetch_add(&stage->entered, 1);
    pause_ms(number(arguments, argument_size));
    return answer(number(arguments, argument_size), result, size);
}

static int32_t work(const void *arguments, uint32_t argument_size, void *result, uint32_t *size) {
    uint32_t steps = 0;
    atomic_fetch_add(&stage->entered, 1);
    for (uint32_t left = number(arguments, argument_size); left > 0; left--) {
        pause_ms(1);
        steps++;
        if (CoTestCancel() == RPC_E_CALL_CANCELED) {
            atomic_fetch_add(&stage->heard, 1);
            break;
        }
    }
    return answer(steps, result, size);
}

static int32_t fail(const void *arguments, uint32_t argument_size, void *result, uint32_t *size) {
    (void)result;
    (void)size;
    atomic_fetch_add(&stage->entered, 1);
    return (int32_t)number(arguments, argument_size);
}

static int32_t hold(const void *arguments, uint32_t argument_size, void *result, uint32_t *size) {
    atomic_fetch_add(&stage->entered, 1);
    until_gate(number(arguments, argument_size));
    return answer(number(arguments, argument_size), result, size);
}

static int32_t listen(const void *arguments, uint32_t argument_size, void *result, uint32_t *size) {
    atomic_fetch_add(&stage->entered, 1);
    until_canceled();
    until_gate(number(arguments, argument_size));
    return answer(number(arguments, argument_size), result, size);
}

/* Steps of the calls served here, for the demonstration's trace and its hand-offs. */
static void event(void *user, uint32_t kind, cocancel_call call) {
    uint32_t at = atomic_fetch_add(&stage->steps, 1);
    (void)user;
    if (at < STAGE_STEPS) stage->step[at] = stage_step(kind, call);
    if (kind == COCANCEL_EVENT_REQUESTED || kind == COCANCEL_EVENT_CANCELED) atomic_fetch_add(&stage->reached, 1);
}

int main(int count, char **arguments) {
    static const rpc_method methods[RPC_METHODS] = {
        [RPC_ECHO] = echo, [RPC_SLEEP] = deaf_sleep, [RPC_WORK] = work,     [RPC_FAIL] = fail,
        [RPC_HOLD] = hold, [RPC_LISTEN] = listen,    [RPC_INSIDE] = inside,
    };
    static struct stage alone;
    stage = count == 3 ? stage_open(atoi(arguments[2])) : &alone;
    if (count < 2 || count > 3 || stage == NULL) {
        fprintf(stderr, "usage: rpc-server PATH [STAGE, a descriptor of the demonstration's]\n");
        return 2;
    }
    if (count == 3) rpc_trace(event);
    return rpc_serve(arguments[1], methods, RPC_METHODS, RPC_POOL) == 0 ? 0 : 1;
}
