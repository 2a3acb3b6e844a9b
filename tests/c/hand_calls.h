/* Calls on a host's own blocking port: a runtime, and the threads beside the main one, which is the server. SPDX-License-Identifier:
   MIT OR Apache-2.0 */
#ifndef HAND_CALLS_H
#define HAND_CALLS_H

#include "hand_port.h"

static hand_port port;
static cocancel_runtime *runtime;
static COCANCEL_STORAGE(storage, 4, 8);

static char record[] = "record"; /* its name is what the log shows */

/* ---- the threads beside the main one ---- */

typedef struct client {
    pthread_t thread;
    cocancel_call_options options;
    cocancel_call call;
    uint32_t id;
    int32_t began, waited, finished;
    int forgets; /* ends without finishing */
} client;

static inline void *run_client(void *argument) {
    client *self = (client *)argument;
    CHECK(cocancel_enable(runtime), COCANCEL_S_OK);
    self->id = hand_thread_id(&port);
    self->began = cocancel_begin(runtime, &self->options, &self->call);
    self->waited = cocancel_wait(runtime, self->call);
    if (!self->forgets) self->finished = cocancel_finish(runtime, self->call);
    CHECK(cocancel_thread_exit(runtime), COCANCEL_S_OK);
    return NULL;
}

/* Starts a client and waits until it is asleep. */
static inline void start_client(client *self) {
    self->options.host = record;
    CHECK_TRUE(pthread_create(&self->thread, NULL, run_client, self) == 0);
    hand_await_asleep(&port, 1);
    CHECK(self->began, COCANCEL_S_OK);
}

static inline void check_client(client *self, int32_t waited, int32_t finished) {
    CHECK_TRUE(pthread_join(self->thread, NULL) == 0);
    CHECK(self->waited, waited);
    CHECK(self->finished, finished);
}

typedef struct canceller {
    pthread_t thread;
    uint32_t own_id, id, timeout_ms;
    int32_t answer;
} canceller;

static inline void *run_canceller(void *argument) {
    canceller *self = (canceller *)argument;
    self->own_id = hand_thread_id(&port);
    self->answer = cocancel_cancel_thread(runtime, self->id, self->timeout_ms, 0);
    return NULL;
}

/* Starts a canceller and waits until it and the client are asleep. */
static inline void start_canceller(canceller *self, uint32_t id, uint32_t timeout_ms) {
    self->id = id;
    self->timeout_ms = timeout_ms;
    CHECK_TRUE(pthread_create(&self->thread, NULL, run_canceller, self) == 0);
    hand_await_asleep(&port, 2);
}

static inline void check_canceller(canceller *self, int32_t answer) {
    CHECK_TRUE(pthread_join(self->thread, NULL) == 0);
    CHECK(self->answer, answer);
}

/* The server's end of a call that it has entered. */
static inline void end_serving(client *of, int32_t expected) {
    void *orphan = &port;
    CHECK(cocancel_leave(runtime, of->call), COCANCEL_S_OK);
    CHECK(cocancel_complete(runtime, of->call, &orphan), expected);
    CHECK_TRUE(orphan == (expected == COCANCEL_S_OK ? NULL : (void *)record));
}

static inline void enter(client *of) {
    cocancel_call frame = 0;
    CHECK(cocancel_enter(runtime, of->call, &frame, NULL), COCANCEL_S_OK);
    CHECK_TRUE(frame == of->call);
    CHECK(cocancel_test(runtime), COCANCEL_RPC_S_CALLPENDING);
}

static inline void check_nothing_left(void) {
    CHECK_TRUE(slots_in_use(runtime) == 0);
    CHECK_LIFE(&port, "");
    CHECK_WAKES(&port, "");
    CHECK_TOLD(&port, "");
    CHECK_TRUE(hand_take_waits(&port) == 0);
}

static inline void set_up_calls(void) {
    static cocancel_port functions; /* the library keeps a pointer to it */
    hand_set_up(&port, 0xFFFFF000u); /* so that the clock wraps on the way */
    functions = hand_blocking(&port);
    CHECK(cocancel_init(COCANCEL_ABI_VERSION, storage, sizeof storage, 4, 8, &functions, &runtime), COCANCEL_S_OK);
}

#endif
