/*
 * rpc-soak [ROUNDS] [SEED]: kills the server at random moments, under cancelled, hung and quick calls. After each round no client waits,
 * no record, no connection and no slot is left. Exit status 0: so it was.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#define _GNU_SOURCE
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cocancel_com.h"
#include "rpc.h"

enum { CLIENTS = 4 };

/* For other programs, too: kills the server so many times. Totals: replies, canceled, cancels, died since the program began. */
int rpc_soak(const char *program, long rounds, uint32_t seed, unsigned long totals[4]);

static rpc_connection *server;
static atomic_uint threads[CLIENTS];
static atomic_int running, bad;
static atomic_ulong ok, canceled, died, cancels;

static uint32_t next(uint32_t *seed) {
    *seed ^= *seed << 13;
    *seed ^= *seed >> 17;
    *seed ^= *seed << 5;
    return *seed;
}

struct client {
    int number;
    uint32_t seed;
};

/* Calls until the server is gone. */
static void *client(void *argument) {
    struct client *self = argument;
    if (next(&self->seed) % 4 != 0) CoEnableCallCancellation(NULL);
    atomic_store(&threads[self->number], cocancel_thread_id());
    for (;;) {
        static const uint32_t methods[] = {RPC_ECHO, RPC_SLEEP, RPC_WORK};
        uint32_t random = next(&self->seed), value = random % 50, result = 0, size = sizeof result;
        uint32_t timeout = random % 7 == 0 ? 1 + random % 5 : 0;
        int32_t code = rpc_call(server, methods[random / 64 % 3], &value, sizeof value, timeout, &result, &size);
        if (code == S_OK) {
            if (random / 64 % 3 == 0 && result != value) atomic_store(&bad, 1); /* another call's reply */
            atomic_fetch_add(&ok, 1);
        } else if (code == RPC_E_CALL_CANCELED) {
            atomic_fetch_add(&canceled, 1);
        } else {
            if (code != RPC_E_SERVER_DIED) atomic_store(&bad, 2);
            atomic_fetch_add(&died, 1);
            return NULL;
        }
    }
}

static void *canceller(void *argument) {
    uint32_t seed = *(uint32_t *)argument;
    while (atomic_load(&running)) {
        uint32_t thread = atomic_load(&threads[next(&seed) % CLIENTS]);
        uint32_t random = next(&seed);
        int32_t code = thread == 0      ? E_NOINTERFACE
                       : random % 2 == 0 ? CoCancelCall(thread, random / 2 % 2)
                                         : cocancel_cancel_thread(NULL, thread, random / 2 % 3, 0);
        if (code == S_OK) atomic_fetch_add(&cancels, 1);
        if (code != S_OK && code != E_NOINTERFACE && code != CO_E_CANCEL_DISABLED && code != RPC_E_CALL_CANCELED && code != RPC_E_CALL_COMPLETE)
            atomic_store(&bad, 3);
        usleep(next(&seed) % 300);
    }
    return NULL;
}

static int one_round(const char *program, uint32_t *seed) {
    char path[108];
    pthread_t clients[CLIENTS], cancelling;
    struct client selves[CLIENTS];
    uint32_t cancel_seed = next(seed);
    size_t left = 0;
    int n, process = rpc_spawn(program, -1, path, sizeof path);
    server = rpc_connect_when_up(path);
    if (server == NULL) return 0;
    alarm(60); /* a client that never returns ends the program with SIGALRM, and so not with 0 */
    atomic_store(&running, 1);
    for (n = 0; n < CLIENTS; n++) {
        selves[n] = (struct client){n, next(seed)};
        atomic_store(&threads[n], 0);
        if (pthread_create(&clients[n], NULL, client, &selves[n]) != 0) abort();
    }
    if (pthread_create(&cancelling, NULL, canceller, &cancel_seed) != 0) abort();
    usleep(next(seed) % 20000);
    rpc_kill(process, path);
    for (n = 0; n < CLIENTS; n++) pthread_join(clients[n], NULL);
    atomic_store(&running, 0);
    pthread_join(cancelling, NULL);
    rpc_disconnect(server);
    alarm(0);
    cocancel_snapshot(NULL, NULL, &left);
    if (left != 0 || rpc_records() != 0 || rpc_connections() != 0) {
        printf("left behind: %zu slots, %u records, %u connections\n", left, rpc_records(), rpc_connections());
        return 0;
    }
    return !atomic_load(&bad);
}

/* 0: something is not so, and it was said what. */
int rpc_soak(const char *program, long rounds, uint32_t seed, unsigned long totals[4]) {
    for (long n = 0; n < rounds; n++) {
        if (!one_round(program, &seed)) {
            printf("round %ld: not so (%d)\n", n, atomic_load(&bad));
            return 0;
        }
    }
    totals[0] = atomic_load(&ok);
    totals[1] = atomic_load(&canceled);
    totals[2] = atomic_load(&cancels);
    totals[3] = atomic_load(&died);
    return 1;
}

int main(int count, char **arguments) {
    long rounds = count > 1 ? strtol(arguments[1], NULL, 10) : 1000;
    uint32_t seed = count > 2 ? (uint32_t)strtoul(arguments[2], NULL, 10) : 2463534242u;
    unsigned long totals[4];
    char program[512];
    ssize_t length = readlink("/proc/self/exe", program, sizeof program - 12);
    if (length <= 0) return 1;
    program[length] = 0;
    strcpy(strrchr(program, '/') + 1, "rpc-server");
    printf("%ld rounds, seed %u\n", rounds, seed);
    if (!rpc_soak(program, rounds, seed, totals)) return 1;
    printf("%ld servers killed: %lu replies, %lu calls canceled by %lu cancels and timeouts, %lu failed with their server; nothing left\n", rounds,
           totals[0], totals[1], totals[2], totals[3]);
    return 0;
}
