/* The apartments at work. No scene depends on time, but that a grace time is not cut short. SPDX-License-Identifier: MIT OR Apache-2.0 */
#define _POSIX_C_SOURCE 200809L
#include <pthread.h>
#include <semaphore.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "apartment.h"
#include "cocancel_com.h"

static int differed;
static sem_t entered, released, ready;
static apartment *client, *server;
static uint32_t client_id;
static int runs; /* of `count`, in the server's thread */

static void expect(const char *what, int32_t seen, int32_t expected) {
    printf("    %s: %s\n", what, cocancel_hresult_name(seen));
    if (seen != expected) {
        printf("    DIFFERS: expected %s\n", cocancel_hresult_name(expected));
        differed++;
    }
}

static void expect_number(const char *what, long seen, long expected) {
    printf("    %s: %ld\n", what, seen);
    if (seen != expected) {
        printf("    DIFFERS: expected %ld\n", expected);
        differed++;
    }
}

/* ---- methods ---- */

static int32_t count(uint32_t argument, uint32_t *result) {
    runs++;
    *result = argument + 1;
    return S_OK;
}

static int32_t hold(uint32_t argument, uint32_t *result) {
    sem_post(&entered);
    sem_wait(&released);
    *result = argument;
    return S_OK;
}

static int32_t listen_for_cancel(uint32_t argument, uint32_t *result) {
    const struct timespec pause = {0, 1000000};
    (void)argument;
    sem_post(&entered);
    while (CoTestCancel() == RPC_S_CALLPENDING)
        nanosleep(&pause, NULL);
    *result = 777;
    return S_OK;
}

static int32_t call_back(uint32_t argument, uint32_t *result) { return apartment_call(client, count, argument, result); }

static void next_is_its_own(void) {
    uint32_t result = 0;
    expect("the next call", apartment_call(server, count, 41, &result), S_OK);
    expect_number("its reply", result, 42);
}

/* ---- scenes: the main thread is a client in an apartment, the server another ---- */

static void *run_server(void *unused) {
    (void)unused;
    server = apartment_enter();
    apartment_reference(server);
    sem_post(&ready);
    apartment_run();
    apartment_leave();
    /* this thread is at its end: the default runtime sees that by itself, a port's own would need cocancel_thread_exit */
    return NULL;
}

struct canceller {
    uint32_t seconds;
    int release;
    int32_t hr;
};

static void *cancel_when_entered(void *argument) {
    struct canceller *self = argument;
    sem_wait(&entered);
    self->hr = CoCancelCall(client_id, self->seconds);
    if (self->release)
        sem_post(&released);
    return NULL;
}

static int32_t call_cancelled(method method, struct canceller *canceller, uint32_t *result) {
    pthread_t thread;
    int32_t hr;
    pthread_create(&thread, NULL, cancel_when_entered, canceller);
    hr = apartment_call(server, method, 5, result);
    pthread_join(thread, NULL);
    return hr;
}

static void other_thread_cancels(void) {
    struct canceller at_once = {0}, in_time = {.seconds = 60}, too_late = {.seconds = 1}, disabled = {.release = 1};
    struct timespec from, to;
    uint32_t result = 0;
    printf("another thread cancels\n");
    expect("disabled", call_cancelled(hold, &disabled, &result), S_OK);
    expect("CoCancelCall", disabled.hr, CO_E_CANCEL_DISABLED);
    CoEnableCallCancellation(NULL);
    expect("at once, while the server holds the call", call_cancelled(hold, &at_once, &result), RPC_E_CALL_CANCELED);
    expect("CoCancelCall", at_once.hr, S_OK);
    sem_post(&released);
    next_is_its_own();
    expect("with grace, and the server hears it", call_cancelled(listen_for_cancel, &in_time, &result), S_OK);
    expect("CoCancelCall", in_time.hr, RPC_E_CALL_COMPLETE);
    expect_number("the reply", result, 777);
    clock_gettime(CLOCK_MONOTONIC, &from);
    expect("with a second of grace, and a deaf server", call_cancelled(hold, &too_late, &result), RPC_E_CALL_CANCELED);
    clock_gettime(CLOCK_MONOTONIC, &to);
    expect_number("which was granted", (to.tv_sec - from.tv_sec) * 1000 + (to.tv_nsec - from.tv_nsec) / 1000000 >= 1000, 1);
    expect("CoCancelCall", too_late.hr, S_OK);
    sem_post(&released);
    next_is_its_own();
    CoDisableCallCancellation(NULL);
}

static void cancel_own(void *argument) {
    sem_wait(&entered);
    *(int32_t *)argument = CoCancelCall(0, 0);
}

static void pump_cancels(void) {
    int32_t hr = E_FAIL;
    uint32_t result;
    printf("the waiting thread cancels its own call, from a message\n");
    CoEnableCallCancellation(NULL);
    apartment_post(client, cancel_own, &hr);
    expect("the call", apartment_call(server, hold, 5, &result), RPC_E_CALL_CANCELED);
    expect("CoCancelCall(0, 0)", hr, S_OK);
    sem_post(&released);
    next_is_its_own();
    CoDisableCallCancellation(NULL);
}

static int always_cancel(void) { return FILTER_CANCEL_CALL; }
static void nothing(void *argument) { (void)argument; }

static void filter_cancels(void) {
    uint32_t result;
    printf("a message filter cancels, though the thread is disabled\n");
    apartment_set_filter(always_cancel);
    apartment_post(client, nothing, NULL);
    /* the message is there first, so perhaps the call is never entered: the server needs no release then */
    expect("the call", apartment_call(server, listen_for_cancel, 5, &result), RPC_E_CALL_CANCELED);
    apartment_set_filter(NULL);
    next_is_its_own();
    while (sem_trywait(&entered) == 0)
        ;
}

static void callback(void) {
    uint32_t result = 0;
    printf("the server calls back\n");
    expect("the call", apartment_call(server, call_back, 6, &result), S_OK);
    expect_number("its reply", result, 7);
}

static void never_entered(void) {
    struct canceller at_once = {0};
    int32_t hr = E_FAIL;
    uint32_t result;
    int before;
    printf("cancelled while it is in the server's queue\n");
    CoEnableCallCancellation(NULL);
    expect("a call that occupies the server", call_cancelled(hold, &at_once, &result), RPC_E_CALL_CANCELED);
    before = runs;
    sem_post(&entered); /* for cancel_own */
    apartment_post(client, cancel_own, &hr);
    expect("a second one", apartment_call(server, count, 5, &result), RPC_E_CALL_CANCELED);
    expect("CoCancelCall", hr, S_OK);
    sem_post(&released);
    next_is_its_own(); /* so the server has been past it */
    expect_number("methods that ran, of these two", runs - before, 1);
    CoDisableCallCancellation(NULL);
}

enum { CALLS = 4 };

static void call_without_slot(void *argument) {
    sem_wait(&entered);
    /* the server is held by the outer call: this one goes to the thread itself, as calls within an apartment may */
    expect("a nested call for which there is no slot", apartment_call(client, count, 41, argument), S_OK);
    sem_post(&released);
}

static void no_slot(void) {
    cocancel_call asynchronous[CALLS] = {0};
    uint32_t result = 0, inner = 0;
    int i;
    printf("the table of calls is full\n");
    for (i = 0; i < CALLS; i++)
        cocancel_begin_async(NULL, NULL, &asynchronous[i]);
    apartment_post(client, call_without_slot, &inner);
    expect("the outer call", apartment_call(server, hold, 5, &result), S_OK);
    expect_number("the inner one's reply", inner, 42);
    for (i = 0; i < CALLS; i++) {
        cocancel_complete(NULL, asynchronous[i], NULL);
        cocancel_finish(NULL, asynchronous[i]);
    }
}

static void quit_when_released(void *unused) {
    (void)unused;
    sem_wait(&released);
    apartment_quit(server);
}

static void release(void *unused) {
    (void)unused;
    sem_post(&released);
}

static void shutdown_server(pthread_t thread) {
    uint32_t result;
    printf("the server's apartment ends\n");
    apartment_post(server, quit_when_released, NULL);
    apartment_post(client, release, NULL); /* dispatched when the call is in the queue */
    expect("a call that is in its queue", apartment_call(server, count, 5, &result), COCANCEL_RPC_E_SERVER_DIED);
    pthread_join(thread, NULL);
    expect("a call after that", apartment_call(server, count, 5, &result), COCANCEL_RPC_E_SERVER_DIED);
    apartment_release(server);
}

int main(void) {
    pthread_t thread;
    sem_init(&entered, 0, 0);
    sem_init(&released, 0, 0);
    sem_init(&ready, 0, 0);
    cocancel_set_capacity(CALLS, 8);
    apartment_start();
    client = apartment_enter();
    client_id = cocancel_thread_id();
    pthread_create(&thread, NULL, run_server, NULL);
    sem_wait(&ready);
    other_thread_cancels();
    pump_cancels();
    filter_cancels();
    callback();
    never_entered();
    no_slot();
    shutdown_server(thread);
    apartment_leave();
    expect_number("records, items and apartments that are left", apartment_live(), 0);
    return differed != 0;
}
