/* Bad input to calls: a documented HRESULT, and nothing lost. SPDX-License-Identifier: MIT OR Apache-2.0 */
#include <pthread.h>
#include <string.h>

#include "check.h"
#include "cocancel_com.h"

/* ---- a runtime of its own, small enough to fill ---- */

static uint32_t port_id(void *user) {
    (void)user;
    return cocancel_thread_id();
}
static uint32_t port_tick(void *user) { return *(uint32_t *)user; }

static uint32_t now;
static COCANCEL_STORAGE(storage, 2, 1);

static cocancel_port small_port(void) {
    cocancel_port port = {0};
    port.size = sizeof port;
    port.thread_id = port_id;
    port.tick = port_tick;
    port.hooks.user = &now;
    return port;
}

static void *foreign(void *argument) {
    cocancel_runtime *runtime = (cocancel_runtime *)argument;
    cocancel_call call, frame;
    /* the one thread slot is taken */
    CHECK(cocancel_enable(runtime), COCANCEL_E_OUTOFMEMORY);
    CHECK(cocancel_begin(runtime, NULL, &call), COCANCEL_E_OUTOFMEMORY);
    CHECK(cocancel_complete(runtime, call, NULL), COCANCEL_S_OK);
    CHECK(cocancel_finish(runtime, call), COCANCEL_S_OK);
    CHECK(cocancel_disable(runtime), COCANCEL_CO_E_CANCEL_DISABLED);
    CHECK(cocancel_thread_exit(runtime), COCANCEL_S_OK);
    /* nor can it be found, but it can serve */
    CHECK(cocancel_enter(runtime, call, &frame, NULL), COCANCEL_S_OK);
    CHECK(cocancel_leave(runtime, frame), COCANCEL_S_OK);
    return NULL;
}

/* Without a free slot everything goes on, but for cancelling. */
static void without_a_slot(cocancel_runtime *runtime) {
    cocancel_call call = 0, frame, inner;
    uint32_t remaining = 5;
    void *object = runtime;
    CHECK(cocancel_begin_async(runtime, NULL, &call), COCANCEL_E_OUTOFMEMORY);
    CHECK_TRUE(call != 0);
    CHECK(cocancel_cancel_call(runtime, call, 0, 0), COCANCEL_E_NOINTERFACE);
    CHECK(cocancel_object_of(runtime, call, &IID_IUnknown, &object), COCANCEL_E_NOINTERFACE);
    CHECK_TRUE(object == NULL);
    CHECK(cocancel_poll(runtime, call, &remaining), COCANCEL_E_OUTOFMEMORY);
    CHECK_TRUE(remaining == COCANCEL_INFINITE);
    CHECK(cocancel_test_call(runtime, call), COCANCEL_RPC_S_CALLPENDING);
    CHECK(cocancel_finish(runtime, call), COCANCEL_S_OK);
    CHECK(cocancel_serve(runtime, NULL, &call), COCANCEL_E_OUTOFMEMORY);
    CHECK(cocancel_enter(runtime, call, &frame, NULL), COCANCEL_S_OK);
    CHECK(cocancel_enter(runtime, call, &inner, NULL), COCANCEL_S_OK);
    CHECK(cocancel_test(runtime), COCANCEL_RPC_S_CALLPENDING);
    CHECK(cocancel_leave(runtime, frame), COCANCEL_E_UNEXPECTED);
    CHECK(cocancel_leave(runtime, inner), COCANCEL_S_OK);
    CHECK(cocancel_leave(runtime, frame), COCANCEL_S_OK);
    CHECK(cocancel_leave(runtime, frame), COCANCEL_E_UNEXPECTED);
    CHECK(cocancel_test(runtime), COCANCEL_RPC_E_CALL_COMPLETE);
    CHECK(cocancel_complete(runtime, call, NULL), COCANCEL_S_OK);
    CHECK(cocancel_abandon(runtime, call, COCANCEL_E_FAIL, NULL), COCANCEL_S_OK);
}

static void full_tables(void) {
    cocancel_port port = small_port();
    cocancel_runtime *runtime = NULL;
    cocancel_call calls[4];
    pthread_t thread;
    int n;
    CHECK(cocancel_init(COCANCEL_ABI_VERSION, storage, sizeof storage, 2, 1, &port, &runtime), COCANCEL_S_OK);
    CHECK(cocancel_enable(runtime), COCANCEL_S_OK);
    CHECK_TRUE(pthread_create(&thread, NULL, foreign, runtime) == 0 && pthread_join(thread, NULL) == 0);
    /* two shared slots and the thread's own */
    for (n = 0; n < 3; n++) CHECK(cocancel_begin(runtime, NULL, &calls[n]), COCANCEL_S_OK);
    CHECK(cocancel_begin(runtime, NULL, &calls[3]), COCANCEL_E_OUTOFMEMORY);
    /* the one without a slot is a barrier: the outer ones are not meant */
    CHECK(cocancel_cancel_thread(runtime, cocancel_thread_id(), 0, 0), COCANCEL_E_NOINTERFACE);
    CHECK(cocancel_cancel_call(runtime, calls[3], 0, 0), COCANCEL_E_NOINTERFACE);
    CHECK(cocancel_wait(runtime, calls[3]), COCANCEL_E_OUTOFMEMORY);
    without_a_slot(runtime);
    CHECK(cocancel_deinit(runtime), COCANCEL_E_ACCESSDENIED);
    for (n = 3; n >= 0; n--) {
        CHECK(cocancel_complete(runtime, calls[n], NULL), COCANCEL_S_OK);
        CHECK(cocancel_finish(runtime, calls[n]), COCANCEL_S_OK);
        CHECK(cocancel_finish(runtime, calls[n]), COCANCEL_E_INVALIDARG);
    }
    CHECK(cocancel_wait(runtime, calls[0]), COCANCEL_E_INVALIDARG);
    CHECK(cocancel_begin(runtime, NULL, &calls[0]), COCANCEL_S_OK);
    /* nothing here can block */
    CHECK(cocancel_wait(runtime, calls[0]), COCANCEL_E_NOTIMPL);
    CHECK(cocancel_finish(runtime, calls[0]), COCANCEL_RPC_E_CALL_CANCELED);
    CHECK(cocancel_deinit(runtime), COCANCEL_E_ACCESSDENIED);
    CHECK(cocancel_complete(runtime, calls[0], NULL), COCANCEL_RPC_E_CALL_CANCELED);
    CHECK(cocancel_deinit(runtime), COCANCEL_S_OK);
}

/* NULL and misaligned where a pointer is due. */
static void pointers(void) {
    cocancel_call_info infos[2];
    cocancel_call calls[2];
    void *orphans[2] = {NULL, NULL};
    size_t counts[2] = {3, 3};
    cocancel_call_options options[2];
    cocancel_call call, frame = 5;
    void *odd_call = (unsigned char *)calls + 1, *odd_options = (unsigned char *)options + 1, *odd_info = (unsigned char *)infos + 1,
         *odd_object = (unsigned char *)orphans + 1, *odd_count = (unsigned char *)counts + 1;
    memset(options, 0, sizeof options);
    CHECK(cocancel_begin(NULL, NULL, NULL), COCANCEL_E_INVALIDARG);
    CHECK(cocancel_begin(NULL, NULL, (cocancel_call *)odd_call), COCANCEL_E_INVALIDARG);
    CHECK(cocancel_begin(NULL, (cocancel_call_options *)odd_options, &call), COCANCEL_E_INVALIDARG);
    CHECK(cocancel_begin_async(NULL, NULL, NULL), COCANCEL_E_INVALIDARG);
    CHECK(cocancel_begin_async(NULL, NULL, (cocancel_call *)odd_call), COCANCEL_E_INVALIDARG);
    call = 0;
    CHECK(cocancel_begin_async(NULL, (cocancel_call_options *)odd_options, &call), COCANCEL_E_INVALIDARG);
    CHECK_TRUE(call == 0);
    CHECK(cocancel_serve(NULL, NULL, NULL), COCANCEL_E_INVALIDARG);
    CHECK(cocancel_serve(NULL, NULL, (cocancel_call *)odd_call), COCANCEL_E_INVALIDARG);
    CHECK(cocancel_serve(NULL, (cocancel_call_options *)odd_options, &call), COCANCEL_E_INVALIDARG);
    options[0].flags = 0x80;
    call = 5;
    CHECK(cocancel_begin(NULL, options, &call), COCANCEL_E_INVALIDARG);
    CHECK_TRUE(call == 0);
    CHECK(cocancel_serve(NULL, options, &call), COCANCEL_E_INVALIDARG);
    CHECK(cocancel_begin_async(NULL, options, &call), COCANCEL_E_INVALIDARG);
    CHECK(cocancel_snapshot(NULL, NULL, NULL), COCANCEL_E_INVALIDARG);
    CHECK(cocancel_snapshot(NULL, NULL, counts), COCANCEL_E_INVALIDARG);
    CHECK(cocancel_snapshot(NULL, infos, (size_t *)odd_count), COCANCEL_E_INVALIDARG);
    CHECK(cocancel_snapshot(NULL, (cocancel_call_info *)odd_info, counts), COCANCEL_E_INVALIDARG);
    CHECK(cocancel_cancel_thread(NULL, 0, 0, 9), COCANCEL_E_INVALIDARG);
    CHECK(cocancel_cancel_thread(NULL, 0, 0, 0), COCANCEL_E_NOINTERFACE);
    CHECK(cocancel_cancel_thread(NULL, 0x7ffffff0, 0, 0), COCANCEL_E_NOINTERFACE);
    CHECK(cocancel_cancel_thread(NULL, 0xFFFFFFFF, COCANCEL_INFINITE, 0), COCANCEL_E_NOINTERFACE);
    CHECK(cocancel_enable((cocancel_runtime *)(void *)(storage + 3)), COCANCEL_E_INVALIDARG);
    /* with a good handle; nothing has happened to the call */
    CHECK(cocancel_serve(NULL, NULL, &call), COCANCEL_S_OK);
    CHECK(cocancel_cancel_call(NULL, call, 0, 2), COCANCEL_E_INVALIDARG);
    CHECK(cocancel_enter(NULL, call, NULL, NULL), COCANCEL_E_INVALIDARG);
    CHECK(cocancel_enter(NULL, call, (cocancel_call *)odd_call, NULL), COCANCEL_E_INVALIDARG);
    CHECK(cocancel_enter(NULL, call, &frame, (void **)odd_object), COCANCEL_E_INVALIDARG);
    CHECK(cocancel_complete(NULL, call, (void **)odd_object), COCANCEL_E_INVALIDARG);
    CHECK(cocancel_abandon(NULL, call, COCANCEL_E_FAIL, (void **)odd_object), COCANCEL_E_INVALIDARG);
    CHECK(cocancel_test_call(NULL, call), COCANCEL_RPC_S_CALLPENDING);
    CHECK(cocancel_poll(NULL, call, (uint32_t *)odd_count), COCANCEL_E_INVALIDARG);
    CHECK(cocancel_object_of(NULL, call, &IID_IUnknown, NULL), COCANCEL_E_INVALIDARG);
    CHECK(cocancel_object_of(NULL, call, &IID_IUnknown, (void **)odd_object), COCANCEL_E_INVALIDARG);
    orphans[0] = &call;
    CHECK(cocancel_object_of(NULL, call, NULL, orphans), COCANCEL_E_INVALIDARG);
    CHECK_TRUE(orphans[0] == NULL);
    CHECK(cocancel_object_of(NULL, call, odd_object, orphans), COCANCEL_E_INVALIDARG);
    CHECK(cocancel_test_call(NULL, call), COCANCEL_RPC_S_CALLPENDING);
    CHECK(cocancel_enter(NULL, call, &frame, NULL), COCANCEL_S_OK);
    CHECK(cocancel_leave(NULL, frame), COCANCEL_S_OK);
    CHECK(cocancel_complete(NULL, call, NULL), COCANCEL_S_OK);
    /* the COM functions */
    orphans[0] = &call;
    CHECK(CoGetCancelObject(0, NULL, orphans), E_INVALIDARG);
    CHECK_TRUE(orphans[0] == NULL);
    CHECK(CoGetCancelObject(0, &IID_IUnknown, NULL), E_INVALIDARG);
    CHECK(CoGetCancelObject(0, &IID_IUnknown, (void **)odd_object), E_INVALIDARG);
    orphans[0] = orphans;
    CHECK(CoGetCallContext(NULL, orphans), E_INVALIDARG);
    CHECK_TRUE(orphans[0] == NULL);
    CHECK(CoGetCallContext(&IID_IUnknown, NULL), E_POINTER);
    CHECK(CoSwitchCallContext(NULL, NULL), E_INVALIDARG);
    CHECK(CoSwitchCallContext(NULL, (IUnknown **)odd_object), E_INVALIDARG);
    CHECK(CoSwitchCallContext((IUnknown *)odd_object, (IUnknown **)(void *)orphans), E_INVALIDARG);
    CHECK(CoSetCancelObject((IUnknown *)odd_object), E_INVALIDARG);
    CHECK(CoSetCancelObject(NULL), E_UNEXPECTED);
    CHECK(CoEnableCallCancellation(orphans), E_INVALIDARG);
    CHECK(CoDisableCallCancellation(orphans), E_INVALIDARG);
    CHECK(CoDisableCallCancellation(NULL), CO_E_CANCEL_DISABLED);
}

/* Every function that takes a handle refuses one that means nothing here. */
static void all_refuse(cocancel_call stale) {
    cocancel_call frame = 5;
    void *out = &frame;
    uint32_t remaining = 5;
    CHECK(cocancel_poll(NULL, stale, &remaining), COCANCEL_E_INVALIDARG);
    CHECK(cocancel_wait(NULL, stale), COCANCEL_E_INVALIDARG);
    CHECK(cocancel_finish(NULL, stale), COCANCEL_E_INVALIDARG);
    CHECK(cocancel_enter(NULL, stale, &frame, &out), COCANCEL_E_INVALIDARG);
    CHECK_TRUE(frame == 0 && out == NULL);
    CHECK(cocancel_leave(NULL, stale), COCANCEL_E_INVALIDARG);
    CHECK(cocancel_complete(NULL, stale, NULL), COCANCEL_E_INVALIDARG);
    CHECK(cocancel_abandon(NULL, stale, COCANCEL_E_FAIL, NULL), COCANCEL_E_INVALIDARG);
    CHECK(cocancel_cancel_call(NULL, stale, 0, 0), COCANCEL_E_INVALIDARG);
    CHECK(cocancel_test_call(NULL, stale), COCANCEL_E_INVALIDARG);
    out = &frame;
    CHECK(cocancel_object_of(NULL, stale, &IID_IUnknown, &out), COCANCEL_E_INVALIDARG);
    CHECK_TRUE(out == NULL);
}

static void stale_handles(void) {
    cocancel_call sync, served, asynchronous = 0, again, next;
    all_refuse(0);
    all_refuse(4); /* no tag */
    all_refuse((cocancel_call)-1 ^ 2); /* a slot beyond all tables */
    CHECK(cocancel_enable(NULL), COCANCEL_S_OK);
    CHECK(cocancel_begin(NULL, NULL, &sync), COCANCEL_S_OK);
    CHECK(cocancel_begin_async(NULL, NULL, &asynchronous), COCANCEL_S_OK);
    CHECK(cocancel_serve(NULL, NULL, &served), COCANCEL_S_OK);
    CHECK(cocancel_finish(NULL, sync), COCANCEL_RPC_E_CALL_CANCELED);
    CHECK(cocancel_finish(NULL, asynchronous), COCANCEL_RPC_E_CALL_CANCELED);
    /* finished, though its server's side is still out */
    CHECK(cocancel_finish(NULL, sync), COCANCEL_E_INVALIDARG);
    CHECK(cocancel_cancel_call(NULL, sync, 0, 0), COCANCEL_RPC_E_CALL_CANCELED);
    CHECK(cocancel_complete(NULL, sync, NULL), COCANCEL_RPC_E_CALL_CANCELED);
    CHECK(cocancel_complete(NULL, asynchronous, NULL), COCANCEL_RPC_E_CALL_CANCELED);
    CHECK(cocancel_complete(NULL, served, NULL), COCANCEL_S_OK);
    all_refuse(sync);
    all_refuse(asynchronous);
    all_refuse(served);
    /* nor do they mean the next calls in the same slots */
    again = asynchronous;
    CHECK(cocancel_begin(NULL, NULL, &next), COCANCEL_S_OK);
    CHECK(cocancel_begin_async(NULL, NULL, &again), COCANCEL_S_OK);
    CHECK_TRUE(next != sync && again != asynchronous);
    all_refuse(sync);
    all_refuse(asynchronous);
    all_refuse(served);
    CHECK(cocancel_poll(NULL, next, NULL), COCANCEL_RPC_S_CALLPENDING);
    CHECK(cocancel_poll(NULL, again, NULL), COCANCEL_RPC_S_CALLPENDING);
    CHECK(cocancel_complete(NULL, next, NULL), COCANCEL_S_OK);
    CHECK(cocancel_complete(NULL, again, NULL), COCANCEL_S_OK);
    CHECK(cocancel_finish(NULL, next), COCANCEL_S_OK);
    CHECK(cocancel_finish(NULL, again), COCANCEL_S_OK);
    CHECK(cocancel_disable(NULL), COCANCEL_S_OK);
}

/* Steps done twice, or in the wrong order. */
static void order(void) {
    cocancel_call call, frame;
    uint32_t remaining;
    int record = 0;
    void *orphan = &record;
    cocancel_call_options with_record;
    memset(&with_record, 0, sizeof with_record);
    with_record.host = &record;
    CHECK(cocancel_enable(NULL), COCANCEL_S_OK);
    CHECK(cocancel_begin(NULL, &with_record, &call), COCANCEL_S_OK);
    CHECK(cocancel_leave(NULL, call), COCANCEL_E_UNEXPECTED);
    CHECK(cocancel_enter(NULL, call, &frame, NULL), COCANCEL_S_OK);
    CHECK(cocancel_enter(NULL, call, &frame, NULL), COCANCEL_E_UNEXPECTED);
    CHECK(cocancel_leave(NULL, call), COCANCEL_S_OK);
    CHECK(cocancel_leave(NULL, call), COCANCEL_E_UNEXPECTED);
    CHECK(cocancel_complete(NULL, call, &orphan), COCANCEL_S_OK);
    CHECK_TRUE(orphan == NULL);
    CHECK(cocancel_complete(NULL, call, NULL), COCANCEL_E_UNEXPECTED);
    CHECK(cocancel_abandon(NULL, call, COCANCEL_E_FAIL, NULL), COCANCEL_E_UNEXPECTED);
    CHECK(cocancel_enter(NULL, call, &frame, NULL), COCANCEL_E_UNEXPECTED);
    CHECK(cocancel_poll(NULL, call, &remaining), COCANCEL_S_OK);
    CHECK(cocancel_finish(NULL, call), COCANCEL_S_OK);
    /* a refused enter is the completion */
    CHECK(cocancel_begin(NULL, &with_record, &call), COCANCEL_S_OK);
    CHECK(cocancel_cancel_call(NULL, call, 1000, 0), COCANCEL_S_OK);
    CHECK(cocancel_enter(NULL, call, &frame, &orphan), COCANCEL_RPC_E_CALL_CANCELED);
    CHECK_TRUE(orphan == &record && frame == 0);
    CHECK(cocancel_complete(NULL, call, &orphan), COCANCEL_E_UNEXPECTED);
    CHECK_TRUE(orphan == NULL);
    CHECK(cocancel_finish(NULL, call), COCANCEL_RPC_E_CALL_CANCELED);
    /* a success is no failure, nor are codes that mean something else to a client */
    {
        static const int32_t given[] = {COCANCEL_S_OK, 1, COCANCEL_RPC_E_CALL_CANCELED, COCANCEL_RPC_S_CALLPENDING};
        size_t n;
        for (n = 0; n < sizeof given / sizeof *given; n++) {
            CHECK(cocancel_begin(NULL, NULL, &call), COCANCEL_S_OK);
            CHECK(cocancel_abandon(NULL, call, given[n], NULL), COCANCEL_S_OK);
            CHECK(cocancel_wait(NULL, call), COCANCEL_E_FAIL);
            CHECK(cocancel_finish(NULL, call), COCANCEL_E_FAIL);
        }
    }
    CHECK(cocancel_disable(NULL), COCANCEL_S_OK);
    CHECK(cocancel_disable(NULL), COCANCEL_CO_E_CANCEL_DISABLED);
}

/* The longest timeouts, and none. */
static void timeouts(void) {
    cocancel_call_options options;
    cocancel_call call;
    uint32_t remaining;
    int n;
    memset(&options, 0, sizeof options);
    CHECK(cocancel_enable(NULL), COCANCEL_S_OK);
    for (n = 0; n < 3; n++) {
        options.timeout_ms = 0xFFFFFFFE + (uint32_t)n; /* and as an own timeout 0 is none */
        CHECK(cocancel_begin(NULL, &options, &call), COCANCEL_S_OK);
        CHECK(cocancel_poll(NULL, call, &remaining), COCANCEL_RPC_S_CALLPENDING);
        CHECK_TRUE(n == 0 ? remaining > 0 && remaining != COCANCEL_INFINITE : remaining == COCANCEL_INFINITE);
        CHECK(CoCancelCall(0, 0xFFFFFFFE + (uint32_t)n), S_OK);
        CHECK(cocancel_poll(NULL, call, NULL), n == 2 ? COCANCEL_RPC_E_CALL_CANCELED : COCANCEL_RPC_S_CALLPENDING);
        CHECK(cocancel_cancel_call(NULL, call, COCANCEL_INFINITE, COCANCEL_NO_WAIT), COCANCEL_RPC_E_CALL_CANCELED);
        CHECK(cocancel_cancel_call(NULL, call, 0xFFFFFFFE, 0), COCANCEL_RPC_E_CALL_CANCELED);
        CHECK(cocancel_cancel_call(NULL, call, 0, 0), COCANCEL_RPC_E_CALL_CANCELED);
        CHECK(cocancel_finish(NULL, call), COCANCEL_RPC_E_CALL_CANCELED);
        CHECK(cocancel_complete(NULL, call, NULL), COCANCEL_RPC_E_CALL_CANCELED);
    }
    CHECK(cocancel_disable(NULL), COCANCEL_S_OK);
}

/* More nested calls of a disabled thread than are counted; then the rest is not tracked. */
static void deep_nesting(void) {
    enum { DEEP = 600, COUNTED = 511 };
    static cocancel_call calls[DEEP];
    int n;
    for (n = 0; n < DEEP; n++) {
        CHECK(cocancel_begin(NULL, NULL, &calls[n]), n < COUNTED ? COCANCEL_CO_E_CANCEL_DISABLED : COCANCEL_E_OUTOFMEMORY);
        CHECK_TRUE(calls[n] != 0);
    }
    CHECK(CoCancelCall(cocancel_thread_id(), 0), CO_E_CANCEL_DISABLED);
    CHECK(CoSetCancelObject(NULL), E_ACCESSDENIED);
    for (n = DEEP; n-- > 0;) {
        CHECK(cocancel_complete(NULL, calls[n], NULL), COCANCEL_S_OK);
        CHECK(cocancel_finish(NULL, calls[n]), COCANCEL_S_OK);
    }
    CHECK(cocancel_finish(NULL, calls[0]), COCANCEL_E_INVALIDARG);
    CHECK(CoCancelCall(0, 0), E_NOINTERFACE);
    CHECK(CoSetCancelObject(NULL), E_UNEXPECTED);
}

/* What is another thread's: its call to finish, its frame to leave. */
static void *meddler(void *argument) {
    cocancel_call call = *(cocancel_call *)argument;
    CHECK(cocancel_finish(NULL, call), COCANCEL_E_INVALIDARG);
    CHECK(cocancel_leave(NULL, call), COCANCEL_E_UNEXPECTED);
    CHECK(cocancel_enable(NULL), COCANCEL_S_OK);
    CHECK(cocancel_finish(NULL, call), COCANCEL_E_INVALIDARG);
    CHECK(cocancel_leave(NULL, call), COCANCEL_E_UNEXPECTED);
    /* completing is anybody's, but once */
    CHECK(cocancel_complete(NULL, call, NULL), COCANCEL_S_OK);
    CHECK(cocancel_complete(NULL, call, NULL), COCANCEL_E_UNEXPECTED);
    return NULL;
}

static void somebody_elses(void) {
    cocancel_call call, frame;
    pthread_t thread;
    CHECK(cocancel_enable(NULL), COCANCEL_S_OK);
    CHECK(cocancel_begin(NULL, NULL, &call), COCANCEL_S_OK);
    CHECK(cocancel_enter(NULL, call, &frame, NULL), COCANCEL_S_OK);
    CHECK_TRUE(pthread_create(&thread, NULL, meddler, &call) == 0 && pthread_join(thread, NULL) == 0);
    CHECK(cocancel_test(NULL), COCANCEL_RPC_S_CALLPENDING);
    CHECK(cocancel_leave(NULL, frame), COCANCEL_S_OK);
    CHECK(cocancel_finish(NULL, call), COCANCEL_S_OK);
    CHECK(cocancel_disable(NULL), COCANCEL_S_OK);
}

/* Random integers as handles, while a call of another thread's is out. */
static void *forger(void *argument) {
    cocancel_call real = *(cocancel_call *)argument;
    uint64_t seed = 88172645463325252u;
    long n;
    for (n = 0; n < 300000; n++) {
        cocancel_call forged, frame;
        seed ^= seed << 13;
        seed ^= seed >> 7;
        seed ^= seed << 17;
        /* half of them near the real one, in index or in generation */
        forged = n % 2 ? (cocancel_call)seed : real ^ ((cocancel_call)1 << (seed % (8 * sizeof real)));
        if (forged == real) continue;
        cocancel_complete(NULL, forged, NULL);
        cocancel_abandon(NULL, forged, COCANCEL_E_FAIL, NULL);
        cocancel_finish(NULL, forged);
        cocancel_cancel_call(NULL, forged, 0, 0);
        cocancel_poll(NULL, forged, NULL);
        cocancel_test_call(NULL, forged);
        if (cocancel_enter(NULL, forged, &frame, NULL) == COCANCEL_S_OK) cocancel_leave(NULL, frame);
        cocancel_leave(NULL, forged);
    }
    CHECK(cocancel_finish(NULL, real), COCANCEL_E_INVALIDARG); /* somebody else's */
    return NULL;
}

static void forged_handles(void) {
    cocancel_call call;
    pthread_t thread;
    CHECK(cocancel_enable(NULL), COCANCEL_S_OK);
    CHECK(cocancel_begin(NULL, NULL, &call), COCANCEL_S_OK);
    CHECK_TRUE(pthread_create(&thread, NULL, forger, &call) == 0 && pthread_join(thread, NULL) == 0);
    CHECK(cocancel_poll(NULL, call, NULL), COCANCEL_RPC_S_CALLPENDING);
    CHECK(cocancel_complete(NULL, call, NULL), COCANCEL_S_OK);
    CHECK(cocancel_finish(NULL, call), COCANCEL_S_OK);
    CHECK(cocancel_disable(NULL), COCANCEL_S_OK);
}

int main(void) {
    full_tables();
    pointers();
    stale_handles();
    order();
    timeouts();
    deep_nesting();
    somebody_elses();
    forged_handles();
    CHECK_TRUE(slots_in_use(NULL) == 0);
    return failures != 0;
}
