/* The demonstration's server: rpc-server PATH. SPDX-License-Identifier: MIT OR Apache-2.0 */
#define _GNU_SOURCE
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "cocancel_com.h"
#include "rpc.h"

static atomic_uint seen, entered;

static uint32_t number(const void *arguments, uint32_t size) {
    uint32_t value = 0;
    if (size == sizeof value) memcpy(&value, arguments, sizeof value);
    return value;
}

static int32_t answer(uint32_t value, void *result, uint32_t *size) {
    memcpy(result, &value, sizeof value);
    *size = sizeof value;
    return S_OK;
}

static void pause_ms(uint32_t ms) {
    struct timespec left = {.tv_sec = ms / 1000, .tv_nsec = (long)(ms % 1000) * 1000000};
    while (nanosleep(&left, &left) != 0) continue;
}

static int32_t echo(const void *arguments, uint32_t argument_size, void *result, uint32_t *size) {
    atomic_fetch_add(&entered, 1);
    return answer(number(arguments, argument_size), result, size);
}

static int32_t deaf_sleep(const void *arguments, uint32_t argument_size, void *result, uint32_t *size) {
    atomic_fetch_add(&entered, 1);
    pause_ms(number(arguments, argument_size));
    return answer(number(arguments, argument_size), result, size);
}

static int32_t work(const void *arguments, uint32_t argument_size, void *result, uint32_t *size) {
    uint32_t steps = 0;
    atomic_fetch_add(&entered, 1);
    for (uint32_t left = number(arguments, argument_size); left > 0; left--) {
        pause_ms(1);
        steps++;
        /* RPC_S_CALLPENDING is a failure code: compare, never SUCCEEDED() */
        if (CoTestCancel() == RPC_E_CALL_CANCELED) {
            atomic_fetch_add(&seen, 1);
            break;
        }
    }
    return answer(steps, result, size);
}

static int32_t how_many_seen(const void *arguments, uint32_t argument_size, void *result, uint32_t *size) {
    (void)arguments;
    (void)argument_size;
    return answer(atomic_load(&seen), result, size);
}

static int32_t fail(const void *arguments, uint32_t argument_size, void *result, uint32_t *size) {
    (void)result;
    (void)size;
    return (int32_t)number(arguments, argument_size);
}

static int32_t how_many_entered(const void *arguments, uint32_t argument_size, void *result, uint32_t *size) {
    (void)arguments;
    (void)argument_size;
    return answer(atomic_load(&entered), result, size);
}

int main(int count, char **arguments) {
    static const rpc_method methods[RPC_METHODS] = {
        [RPC_ECHO] = echo, [RPC_SLEEP] = deaf_sleep, [RPC_WORK] = work,
        [RPC_SEEN] = how_many_seen, [RPC_FAIL] = fail, [RPC_ENTERED] = how_many_entered,
    };
    if (count != 2) {
        fprintf(stderr, "usage: rpc-server PATH\n");
        return 2;
    }
    return rpc_serve(arguments[1], methods, RPC_METHODS, 16) == 0 ? 0 : 1;
}
