/* Setting up with bad input, and use before and after. SPDX-License-Identifier: MIT OR Apache-2.0 */
#include <pthread.h>
#include <string.h>

#include "check.h"
#include "cocancel_com.h"

static uint32_t port_id(void *user) { return user ? 4711 : 0; /* one thread uses it */ }
static uint32_t port_tick(void *user) { return *(uint32_t *)user; }
static void *port_word(void *user) { return user; }
static void port_set_word(void *user, void *value) {
    (void)user;
    (void)value;
}
static void port_wait(void *user, const cocancel_wait_point *point, uint32_t ms) {
    (void)user;
    (void)point;
    (void)ms;
}
static void port_wake(void *user, const cocancel_wait_point *point) {
    (void)user;
    (void)point;
}

enum { CALLS = 2, THREADS = 1 };

static uint32_t now;
static COCANCEL_STORAGE(storage, CALLS, THREADS);
static COCANCEL_ALIGNED unsigned char larger[sizeof storage + 2 * COCANCEL_STORAGE_ALIGN];

static cocancel_port small_port(void) {
    cocancel_port port;
    memset(&port, 0, sizeof port);
    port.size = sizeof port;
    port.thread_id = port_id;
    port.tick = port_tick;
    port.hooks.user = &now;
    return port;
}

/* Tries it; what fails must leave no runtime behind, and no byte of the storage changed. */
static int32_t init(uint32_t version, void *in, size_t size, size_t calls, size_t threads, const cocancel_port *port) {
    cocancel_runtime *runtime = (cocancel_runtime *)(void *)&now;
    int32_t answer = cocancel_init(version, in, size, calls, threads, port, &runtime);
    size_t n;
    CHECK_TRUE(runtime == NULL);
    for (n = 0; n < sizeof storage; n++)
        if (storage[n] || larger[n]) break;
    CHECK_TRUE(n == sizeof storage);
    return answer;
}

static void arguments(void) {
    cocancel_port port = small_port();
    void *misaligned = (unsigned char *)&port + 1;
    size_t n;
    CHECK(init(COCANCEL_ABI_VERSION + 1, storage, sizeof storage, CALLS, THREADS, &port), COCANCEL_E_UNEXPECTED);
    CHECK(init(COCANCEL_ABI_VERSION - 1, storage, sizeof storage, CALLS, THREADS, &port), COCANCEL_E_UNEXPECTED);
    CHECK(init(0xFFFFFFFFu, NULL, 0, 0, 0, NULL), COCANCEL_E_UNEXPECTED);
    CHECK(init(COCANCEL_ABI_VERSION, NULL, sizeof storage, CALLS, THREADS, &port), COCANCEL_E_INVALIDARG);
    CHECK(init(COCANCEL_ABI_VERSION, storage, sizeof storage, CALLS, THREADS, NULL), COCANCEL_E_INVALIDARG);
    CHECK(init(COCANCEL_ABI_VERSION, storage, sizeof storage, CALLS, THREADS, (cocancel_port *)misaligned), COCANCEL_E_INVALIDARG);
    CHECK(cocancel_init(COCANCEL_ABI_VERSION, storage, sizeof storage, CALLS, THREADS, &port, NULL), COCANCEL_E_INVALIDARG);
    CHECK(cocancel_init(COCANCEL_ABI_VERSION, storage, sizeof storage, CALLS, THREADS, &port, (cocancel_runtime **)misaligned),
          COCANCEL_E_INVALIDARG);
    /* every alignment but the right one */
    for (n = 1; n < COCANCEL_STORAGE_ALIGN; n++)
        CHECK(init(COCANCEL_ABI_VERSION, larger + n, sizeof storage, CALLS, THREADS, &port), COCANCEL_E_INVALIDARG);
    /* every size that is too small */
    for (n = 0; n < sizeof storage; n++)
        CHECK(init(COCANCEL_ABI_VERSION, storage, n, CALLS, THREADS, &port), COCANCEL_E_INVALIDARG);
    CHECK(init(COCANCEL_ABI_VERSION, storage, sizeof storage, CALLS + 1, THREADS, &port), COCANCEL_E_INVALIDARG);
    CHECK(init(COCANCEL_ABI_VERSION, storage, sizeof storage, CALLS, THREADS + 1, &port), COCANCEL_E_INVALIDARG);
    CHECK(init(COCANCEL_ABI_VERSION, storage, sizeof storage, 0, THREADS, &port), COCANCEL_E_INVALIDARG);
    CHECK(init(COCANCEL_ABI_VERSION, storage, sizeof storage, CALLS, 0, &port), COCANCEL_E_INVALIDARG);
    /* products and sums that wrap */
    for (n = 0; n < 8; n++) {
        size_t many = SIZE_MAX >> n;
        CHECK(init(COCANCEL_ABI_VERSION, storage, SIZE_MAX, many, THREADS, &port), COCANCEL_E_INVALIDARG);
        CHECK(init(COCANCEL_ABI_VERSION, storage, SIZE_MAX, CALLS, many, &port), COCANCEL_E_INVALIDARG);
        CHECK(init(COCANCEL_ABI_VERSION, storage, SIZE_MAX, many, many, &port), COCANCEL_E_INVALIDARG);
        CHECK(cocancel_set_capacity(many, 1), COCANCEL_E_INVALIDARG);
        CHECK(cocancel_set_capacity(1, many), COCANCEL_E_INVALIDARG);
    }
    CHECK(cocancel_set_capacity(0, 5), COCANCEL_E_INVALIDARG);
    CHECK(cocancel_set_capacity(5, 0), COCANCEL_E_INVALIDARG);
    CHECK_TRUE(cocancel_storage_size(CALLS, THREADS) == sizeof storage);
    CHECK_TRUE(cocancel_storage_size(100, 50) == COCANCEL_STORAGE_SIZE(100, 50));
    CHECK_TRUE(cocancel_storage_size(100, COCANCEL_INDEXED_ABOVE) == COCANCEL_STORAGE_SIZE(100, COCANCEL_INDEXED_ABOVE));
    CHECK_TRUE(cocancel_storage_size(SIZE_MAX, 1) == 0 && cocancel_storage_size(1, SIZE_MAX) == 0);
    CHECK(cocancel_set_hooks((const cocancel_hooks *)misaligned), COCANCEL_E_INVALIDARG);
}

/* A port that lacks something, or is another version's. */
static void ports(void) {
    cocancel_port broken[9];
    size_t n;
    for (n = 0; n < sizeof broken / sizeof *broken; n++) broken[n] = small_port();
    broken[0].thread_id = NULL;
    broken[1].tick = NULL;
    broken[2].size--;
    broken[3].size++;
    broken[4].size = 0;
    broken[5].waiter = port_word; /* neither */
    broken[6].waiter = port_word;
    broken[6].wait = port_wait;
    broken[7].waiter = port_word;
    broken[7].wake = port_wake;
    broken[8].local = port_word;
    for (n = 0; n < sizeof broken / sizeof *broken; n++) {
        int32_t answer = init(COCANCEL_ABI_VERSION, storage, sizeof storage, CALLS, THREADS, &broken[n]);
        if (answer != COCANCEL_E_INVALIDARG) printf("port %u\n", (unsigned)n);
        CHECK(answer, COCANCEL_E_INVALIDARG);
    }
    broken[8].local = NULL;
    broken[8].set_local = port_set_word;
    CHECK(init(COCANCEL_ABI_VERSION, storage, sizeof storage, CALLS, THREADS, &broken[8]), COCANCEL_E_INVALIDARG);
}

/* Every function that takes a runtime gives that answer, and changes nothing. */
static void all_answer(cocancel_runtime *runtime, cocancel_call plausible, int32_t expected) {
    cocancel_call call = plausible, frame = plausible;
    uint32_t remaining = 7;
    size_t count = 0;
    void *out = &now;
    CHECK(cocancel_enable(runtime), expected);
    CHECK(cocancel_disable(runtime), expected);
    CHECK(cocancel_thread_exit(runtime), expected);
    CHECK(cocancel_begin(runtime, NULL, &call), expected);
    CHECK_TRUE(call == 0);
    CHECK(cocancel_begin_async(runtime, NULL, &call), expected);
    CHECK_TRUE(call == 0);
    call = plausible;
    CHECK(cocancel_serve(runtime, NULL, &call), expected);
    CHECK_TRUE(call == 0);
    CHECK(cocancel_poll(runtime, plausible, &remaining), expected);
    CHECK(cocancel_wait(runtime, plausible), expected);
    CHECK(cocancel_finish(runtime, plausible), expected);
    CHECK(cocancel_enter(runtime, plausible, &frame, &out), expected);
    CHECK_TRUE(frame == 0 && out == NULL);
    CHECK(cocancel_leave(runtime, plausible), expected);
    out = &now;
    CHECK(cocancel_complete(runtime, plausible, &out), expected);
    CHECK_TRUE(out == NULL);
    CHECK(cocancel_abandon(runtime, plausible, COCANCEL_E_FAIL, NULL), expected);
    CHECK(cocancel_cancel_thread(runtime, cocancel_thread_id(), 0, 0), expected);
    CHECK(cocancel_cancel_call(runtime, plausible, 0, 0), expected);
    CHECK(cocancel_test(runtime), expected);
    CHECK(cocancel_test_call(runtime, plausible), expected);
    out = &now;
    CHECK(cocancel_object_of(runtime, plausible, &IID_IUnknown, &out), expected);
    CHECK_TRUE(out == NULL);
    CHECK(cocancel_snapshot(runtime, NULL, &count), expected);
    CHECK_TRUE(cocancel_tick(runtime, 100) == COCANCEL_INFINITE);
    CHECK(cocancel_set_default(runtime), expected);
    CHECK(cocancel_deinit(runtime), expected);
}

static void life(void) {
    cocancel_port port = small_port();
    cocancel_runtime *runtime = NULL, *again = (cocancel_runtime *)(void *)storage;
    cocancel_call call;
    int round;
    all_answer(again, 5, COCANCEL_E_UNEXPECTED);
    all_answer((cocancel_runtime *)(void *)(storage + 3), 5, COCANCEL_E_INVALIDARG);
    for (round = 0; round < 3; round++) {
        CHECK(cocancel_init(COCANCEL_ABI_VERSION, storage, sizeof storage, CALLS, THREADS, &port, &runtime), COCANCEL_S_OK);
        CHECK_TRUE(runtime == (cocancel_runtime *)(void *)storage);
        CHECK(cocancel_init(COCANCEL_ABI_VERSION, storage, sizeof storage, CALLS, THREADS, &port, &again), COCANCEL_E_UNEXPECTED);
        CHECK_TRUE(again == NULL);
        /* the counter, the calls and the threads of the last time are forgotten */
        CHECK(cocancel_disable(runtime), COCANCEL_CO_E_CANCEL_DISABLED);
        CHECK(cocancel_enable(runtime), COCANCEL_S_OK);
        CHECK(cocancel_begin(runtime, NULL, &call), COCANCEL_S_OK);
        CHECK(cocancel_deinit(runtime), COCANCEL_E_ACCESSDENIED);
        CHECK(cocancel_finish(runtime, call), COCANCEL_RPC_E_CALL_CANCELED);
        CHECK(cocancel_deinit(runtime), COCANCEL_E_ACCESSDENIED);
        CHECK(cocancel_complete(runtime, call, NULL), COCANCEL_RPC_E_CALL_CANCELED);
        CHECK(cocancel_set_default(runtime), COCANCEL_S_OK);
        CHECK(cocancel_deinit(runtime), COCANCEL_E_ACCESSDENIED);
        CHECK(cocancel_set_default(NULL), COCANCEL_S_OK);
        CHECK(cocancel_deinit(runtime), COCANCEL_S_OK);
        all_answer(runtime, call, COCANCEL_E_UNEXPECTED);
    }
    CHECK(cocancel_deinit(NULL), COCANCEL_E_INVALIDARG);
}

/* ---- the built-in runtime's capacity, which can be set once, before its first use ---- */

enum { FEW_CALLS = 2, FEW_THREADS = 2 };

static void *one_too_many(void *argument) {
    cocancel_call call;
    IUnknown *old = NULL;
    CHECK(CoEnableCallCancellation(NULL), E_OUTOFMEMORY);
    CHECK(CoDisableCallCancellation(NULL), CO_E_CANCEL_DISABLED);
    CHECK(CoSwitchCallContext(NULL, &old), E_OUTOFMEMORY);
    CHECK(CoTestCancel(), RPC_E_CALL_COMPLETE);
    CHECK(CoSetCancelObject(NULL), E_UNEXPECTED);
    /* a call can be made all the same, and a canceller needs no slot */
    CHECK(cocancel_begin(NULL, NULL, &call), E_OUTOFMEMORY);
    CHECK(cocancel_finish(NULL, call), S_OK);
    CHECK(CoCancelCall(*(uint32_t *)argument, 0), S_OK);
    return NULL;
}

static void *another(void *argument) {
    uint32_t id = cocancel_thread_id();
    cocancel_call call;
    pthread_t thread;
    CHECK(CoEnableCallCancellation(NULL), S_OK);
    CHECK(cocancel_begin(NULL, NULL, &call), S_OK);
    CHECK_TRUE(pthread_create(&thread, NULL, one_too_many, &id) == 0 && pthread_join(thread, NULL) == 0);
    CHECK(cocancel_wait(NULL, call), RPC_E_CALL_CANCELED);
    CHECK(cocancel_finish(NULL, call), RPC_E_CALL_CANCELED);
    CHECK(cocancel_complete(NULL, call, NULL), RPC_E_CALL_CANCELED);
    return argument;
}

static void capacity(void) {
    cocancel_call calls[FEW_CALLS + 2];
    pthread_t thread;
    int n;
    CHECK(cocancel_set_capacity(FEW_CALLS, FEW_THREADS), COCANCEL_S_OK);
    CHECK(cocancel_set_capacity(FEW_CALLS, FEW_THREADS), COCANCEL_E_UNEXPECTED);
    CHECK(CoEnableCallCancellation(NULL), S_OK);
    CHECK(cocancel_set_capacity(1000, 1000), COCANCEL_E_UNEXPECTED);
    CHECK_TRUE(pthread_create(&thread, NULL, another, NULL) == 0 && pthread_join(thread, NULL) == 0);
    /* those of the capacity and the thread's own */
    for (n = 0; n < FEW_CALLS + 1; n++) CHECK(cocancel_begin(NULL, NULL, &calls[n]), S_OK);
    CHECK(cocancel_begin(NULL, NULL, &calls[n]), E_OUTOFMEMORY);
    for (; n >= 0; n--) {
        cocancel_complete(NULL, calls[n], NULL);
        CHECK(cocancel_finish(NULL, calls[n]), S_OK);
    }
    CHECK_TRUE(slots_in_use(NULL) == 0);
}

static void names(void) {
    CHECK_TRUE(cocancel_abi_version() == COCANCEL_ABI_VERSION);
    CHECK_TRUE(strchr(cocancel_version(), '.') != NULL);
    CHECK_TRUE(strcmp(cocancel_hresult_name(COCANCEL_RPC_E_CALL_CANCELED), "RPC_E_CALL_CANCELED") == 0);
    CHECK_TRUE(strcmp(cocancel_hresult_name(4711), "unknown") == 0);
}

int main(void) {
    names();
    arguments();
    capacity();
    ports();
    life();
    return failures != 0;
}
