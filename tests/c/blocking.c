/* Real threads that block on the built-in default runtime, with a small in-process transport between them. No step relies on how fast
   the machine is: what must not happen in time has far more time than it needs. SPDX-License-Identifier: MIT OR Apache-2.0 */
#define _POSIX_C_SOURCE 200809L
#include <pthread.h>
#include <sched.h>
#include <string.h>
#include <time.h>

#include "check.h"
#include "cocancel_com.h"

enum { LONG_TIME = 100000 /* s: longer than anybody runs this */ };

/* ---- a gate that threads wait at ---- */

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t changed = PTHREAD_COND_INITIALIZER;

static void set(int *gate, int value) {
    pthread_mutex_lock(&mutex);
    *gate = value;
    pthread_cond_broadcast(&changed);
    pthread_mutex_unlock(&mutex);
}

static void await(const int *gate, int value) {
    pthread_mutex_lock(&mutex);
    while (*gate != value) pthread_cond_wait(&changed, &mutex);
    pthread_mutex_unlock(&mutex);
}

static uint64_t now_ms(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

static pthread_t start(void *(*run)(void *), void *argument) {
    pthread_t thread;
    CHECK_TRUE(pthread_create(&thread, NULL, run, argument) == 0);
    return thread;
}

static void join(pthread_t thread) { CHECK_TRUE(pthread_join(thread, NULL) == 0); }

/* ---- one client ---- */

typedef struct client {
    int disabled, always_slot, forgets;
    uint32_t timeout_ms;
    int out; /* its call is */
    uint32_t id;
    cocancel_call call;
    int32_t began, waited, finished;
} client;

static void *run_client(void *argument) {
    client *self = (client *)argument;
    cocancel_call_options options = {0};
    options.host = self;
    options.timeout_ms = self->timeout_ms;
    options.flags = self->always_slot ? COCANCEL_ALWAYS_SLOT : 0;
    self->id = cocancel_thread_id();
    if (!self->disabled) CHECK(CoEnableCallCancellation(NULL), S_OK);
    self->began = cocancel_begin(NULL, &options, &self->call);
    set(&self->out, 1);
    if (self->forgets) return NULL;
    self->waited = cocancel_wait(NULL, self->call);
    self->finished = cocancel_finish(NULL, self->call);
    return NULL;
}

static pthread_t start_client(client *self) {
    pthread_t thread = start(run_client, self);
    await(&self->out, 1);
    return thread;
}

static void enter(const client *it) {
    cocancel_call frame;
    CHECK(it->began, S_OK);
    CHECK(cocancel_enter(NULL, it->call, &frame, NULL), S_OK);
    CHECK(CoTestCancel(), RPC_S_CALLPENDING);
}

/* The server's end: leave, and reply to whoever still wants it. */
static void reply(client *it, HRESULT expected) {
    void *orphan = NULL;
    CHECK(cocancel_leave(NULL, it->call), S_OK);
    CHECK(CoTestCancel(), RPC_E_CALL_COMPLETE);
    CHECK(cocancel_complete(NULL, it->call, &orphan), expected);
    CHECK_TRUE(orphan == (expected == S_OK ? NULL : (void *)it));
}

static void check_client(pthread_t thread, const client *it, HRESULT expected) {
    join(thread);
    CHECK(it->waited, expected);
    CHECK(it->finished, expected);
}

/* ---- cancellers ---- */

typedef struct canceller {
    uint32_t id, seconds;
    HRESULT answer;
} canceller;

static void *run_canceller(void *argument) {
    canceller *self = (canceller *)argument;
    self->answer = CoCancelCall(self->id, self->seconds);
    return NULL;
}

/* Its request shows to the server: then it waits, or is about to. */
static pthread_t start_canceller(canceller *self, const client *it, uint32_t seconds) {
    pthread_t thread;
    self->id = it->id;
    self->seconds = seconds;
    thread = start(run_canceller, self);
    while (cocancel_test_call(NULL, it->call) == RPC_S_CALLPENDING) sched_yield();
    CHECK(cocancel_test_call(NULL, it->call), RPC_E_CALL_CANCELED);
    return thread;
}

/* ---- the scenes ---- */

static void at_once(void) {
    client it = {0};
    pthread_t thread = start_client(&it);
    enter(&it);
    CHECK(CoCancelCall(it.id, 0), S_OK);
    /* free, though the server has not moved */
    check_client(thread, &it, RPC_E_CALL_CANCELED);
    CHECK(CoTestCancel(), RPC_E_CALL_CANCELED);
    CHECK(CoCancelCall(it.id, 0), E_NOINTERFACE);
    reply(&it, RPC_E_CALL_CANCELED);
}

static void grace_kept(uint32_t seconds) {
    client it = {0};
    canceller by = {0, 0, E_FAIL};
    pthread_t thread = start_client(&it), cancelling;
    enter(&it);
    cancelling = start_canceller(&by, &it, seconds);
    CHECK(CoTestCancel(), RPC_E_CALL_CANCELED);
    reply(&it, S_OK);
    join(cancelling);
    CHECK(by.answer, RPC_E_CALL_COMPLETE);
    check_client(thread, &it, S_OK);
}

static void grace_runs_out(void) {
    enum { GRACE = 30 };
    client it = {0};
    uint64_t start_ms;
    pthread_t thread = start_client(&it);
    start_ms = now_ms();
    /* this thread does not serve the call, so it waits */
    CHECK(cocancel_cancel_thread(NULL, it.id, GRACE, 0), S_OK);
    CHECK_TRUE(now_ms() - start_ms >= GRACE);
    check_client(thread, &it, RPC_E_CALL_CANCELED);
    CHECK(cocancel_complete(NULL, it.call, NULL), RPC_E_CALL_CANCELED);
    /* the COM function counts seconds */
    it.out = 0;
    thread = start_client(&it);
    start_ms = now_ms();
    CHECK(CoCancelCall(it.id, 1), S_OK);
    CHECK_TRUE(now_ms() - start_ms >= 1000);
    check_client(thread, &it, RPC_E_CALL_CANCELED);
    CHECK(cocancel_complete(NULL, it.call, NULL), RPC_E_CALL_CANCELED);
}

static void shortened(uint32_t first) {
    client it = {0};
    canceller by = {0, 0, E_FAIL};
    pthread_t thread = start_client(&it), cancelling;
    enter(&it);
    cancelling = start_canceller(&by, &it, first);
    CHECK(CoCancelCall(it.id, LONG_TIME), RPC_E_CALL_CANCELED); /* this thread serves it: no wait */
    CHECK(CoCancelCall(it.id, 0), RPC_E_CALL_CANCELED);
    join(cancelling);
    CHECK(by.answer, S_OK);
    check_client(thread, &it, RPC_E_CALL_CANCELED);
    reply(&it, RPC_E_CALL_CANCELED);
}

static void own_timeout(void) {
    client it = {0};
    pthread_t thread;
    uint64_t start_ms = now_ms();
    it.timeout_ms = 30;
    thread = start_client(&it);
    check_client(thread, &it, RPC_E_CALL_CANCELED);
    CHECK_TRUE(now_ms() - start_ms >= 30);
    CHECK(cocancel_complete(NULL, it.call, NULL), RPC_E_CALL_CANCELED);
}

static void disabled(void) {
    client it = {0};
    void *object = &it;
    pthread_t thread;
    it.disabled = it.always_slot = 1;
    thread = start_client(&it);
    enter(&it);
    CHECK(CoCancelCall(it.id, 0), CO_E_CANCEL_DISABLED);
    CHECK(cocancel_cancel_thread(NULL, it.id, 0, 0), CO_E_CANCEL_DISABLED);
    CHECK(CoGetCancelObject(it.id, &IID_ICancelMethodCalls, &object), CO_E_CANCEL_DISABLED);
    CHECK_TRUE(object == NULL);
    CHECK(CoTestCancel(), RPC_S_CALLPENDING);
    /* the host itself may */
    CHECK(cocancel_cancel_call(NULL, it.call, 0, 0), S_OK);
    check_client(thread, &it, RPC_E_CALL_CANCELED);
    reply(&it, RPC_E_CALL_CANCELED);
    /* without a slot there is nothing to wait on, and the host waits by its own means */
    memset(&it, 0, sizeof it);
    it.disabled = 1;
    thread = start_client(&it);
    join(thread);
    CHECK(it.began, CO_E_CANCEL_DISABLED);
    CHECK(it.waited, CO_E_CANCEL_DISABLED);
    CHECK(it.finished, S_OK);
}

static void client_ends_with_its_call_out(void) {
    client it = {0};
    void *held = NULL, *orphan = NULL;
    ICancelMethodCalls *object;
    int round;
    for (round = 0; round < 100; round++) {
        memset(&it, 0, sizeof it);
        it.forgets = 1;
        join(start_client(&it));
        CHECK(CoCancelCall(it.id, 0), E_NOINTERFACE);
        CHECK(cocancel_complete(NULL, it.call, &orphan), RPC_E_CALL_CANCELED);
        CHECK_TRUE(orphan == (void *)&it);
    }
    /* an object had before outlives call and thread */
    memset(&it, 0, sizeof it);
    {
        pthread_t thread = start_client(&it);
        CHECK(CoGetCancelObject(it.id, &IID_ICancelMethodCalls, &held), S_OK);
        object = (ICancelMethodCalls *)held;
        CHECK(object->lpVtbl->Cancel(object, 0), S_OK);
        check_client(thread, &it, RPC_E_CALL_CANCELED);
    }
    CHECK(cocancel_complete(NULL, it.call, NULL), RPC_E_CALL_CANCELED);
    CHECK(object->lpVtbl->TestCancel(object), RPC_E_CALL_CANCELED);
    CHECK(object->lpVtbl->Cancel(object, LONG_TIME), RPC_E_CALL_CANCELED);
    CHECK_TRUE(object->lpVtbl->Release(object) == 0);
}

static void *serve_and_end(void *argument) {
    enter((client *)argument);
    return NULL;
}

static void server_ends_with_its_call(void) {
    client it = {0};
    pthread_t thread = start_client(&it);
    join(start(serve_and_end, &it));
    check_client(thread, &it, RPC_E_SERVER_DIED);
}

/* ---- threads that cancel each other ---- */

enum { CLIENTS = 8, SERVERS = 2, ROUNDS = 300, QUEUE = CLIENTS * ROUNDS };

typedef struct record {
    cocancel_call call;
    unsigned question, answer;
    int disposed; /* by its owner, with no lock: whoever owns it is alone */
} record;

static record records[QUEUE];
static record *queue[QUEUE];
static size_t queued, taken;
static uint32_t ids[CLIENTS];
static int started;

static record *next(void) {
    record *found = NULL;
    pthread_mutex_lock(&mutex);
    while (taken == queued && taken < QUEUE) pthread_cond_wait(&changed, &mutex);
    if (taken < QUEUE) found = queue[taken++];
    if (taken == QUEUE) pthread_cond_broadcast(&changed);
    pthread_mutex_unlock(&mutex);
    return found;
}

static void *run_server(void *argument) {
    record *it;
    unsigned served = 0;
    while ((it = next()) != NULL) {
        void *orphan = NULL;
        cocancel_call frame, call = it->call;
        HRESULT entered = cocancel_enter(NULL, call, &frame, &orphan);
        if (entered == S_OK) {
            /* every third one runs until somebody cancels it, if somebody does */
            unsigned patience = ++served % 3 ? 0 : 200;
            while (patience-- && CoTestCancel() == RPC_S_CALLPENDING) sched_yield();
            it->answer = it->question + 1;
            CHECK(cocancel_leave(NULL, frame), S_OK);
            entered = cocancel_complete(NULL, call, &orphan);
        }
        if (entered == RPC_E_CALL_CANCELED) {
            CHECK_TRUE(orphan == it);
            it->disposed++;
        } else {
            CHECK(entered, S_OK);
        }
    }
    return argument;
}

static void cancel_somebody(unsigned random) {
    static const uint32_t timeouts[] = {0, 0, 1, 3, COCANCEL_INFINITE};
    uint32_t id = ids[random % CLIENTS];
    int32_t answer = cocancel_cancel_thread(NULL, id, timeouts[random / CLIENTS % 5], random & 1024 ? COCANCEL_NO_WAIT : 0);
    if (answer != COCANCEL_E_NOINTERFACE && answer != COCANCEL_RPC_E_CALL_CANCELED && answer != COCANCEL_RPC_E_CALL_COMPLETE)
        CHECK(answer, S_OK);
}

static void *run_calling_and_cancelling(void *argument) {
    unsigned me = (unsigned)((uint32_t *)argument - ids), round, random = 2463534242u + me;
    CHECK(CoEnableCallCancellation(NULL), S_OK);
    pthread_mutex_lock(&mutex);
    ids[me] = cocancel_thread_id();
    started++;
    pthread_cond_broadcast(&changed);
    while (started < CLIENTS) pthread_cond_wait(&changed, &mutex);
    pthread_mutex_unlock(&mutex);
    for (round = 0; round < ROUNDS; round++) {
        record *it = &records[me * ROUNDS + round];
        cocancel_call_options options = {0};
        int32_t waited;
        cocancel_call call;
        options.host = it;
        it->question = me * ROUNDS + round;
        CHECK(cocancel_begin(NULL, &options, &call), S_OK);
        it->call = call;
        pthread_mutex_lock(&mutex);
        queue[queued++] = it;
        pthread_cond_broadcast(&changed);
        pthread_mutex_unlock(&mutex);
        random ^= random << 13;
        random ^= random >> 17;
        random ^= random << 5;
        /* with the own call out, so that it is in turn cancelled meanwhile */
        cancel_somebody(random);
        waited = cocancel_wait(NULL, call);
        CHECK(cocancel_finish(NULL, call), waited);
        if (waited == S_OK) {
            CHECK_TRUE(it->answer == me * ROUNDS + round + 1);
            it->disposed++;
        } else {
            CHECK(waited, RPC_E_CALL_CANCELED);
        }
    }
    return NULL;
}

static void eight_threads_cancel_each_other(void) {
    pthread_t clients[CLIENTS], servers[SERVERS];
    size_t n;
    for (n = 0; n < SERVERS; n++) servers[n] = start(run_server, NULL);
    for (n = 0; n < CLIENTS; n++) clients[n] = start(run_calling_and_cancelling, &ids[n]);
    for (n = 0; n < CLIENTS; n++) join(clients[n]);
    for (n = 0; n < SERVERS; n++) join(servers[n]);
    for (n = 0; n < QUEUE; n++) CHECK_TRUE(records[n].disposed == 1);
}

int main(void) {
    at_once();
    grace_kept(LONG_TIME);
    grace_kept(RPC_C_CANCEL_INFINITE_TIMEOUT);
    grace_runs_out();
    shortened(LONG_TIME);
    shortened(RPC_C_CANCEL_INFINITE_TIMEOUT);
    own_timeout();
    disabled();
    client_ends_with_its_call_out();
    server_ends_with_its_call();
    eight_threads_cancel_each_other();
    CHECK_TRUE(slots_in_use(NULL) == 0);
    return failures != 0;
}
