/* Bad input: a documented HRESULT, and nothing lost. SPDX-License-Identifier: MIT OR Apache-2.0 */
#include <pthread.h>

#include "check.h"

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

static void setting_up(void) {
    cocancel_port port = small_port(), broken;
    cocancel_runtime *runtime = NULL, *unset = (cocancel_runtime *)(void *)storage;
    cocancel_call call;
    CHECK(cocancel_enable(unset), COCANCEL_E_UNEXPECTED);
    CHECK(cocancel_begin(unset, NULL, &call), COCANCEL_E_UNEXPECTED);
    CHECK(cocancel_deinit(unset), COCANCEL_E_UNEXPECTED);
    CHECK(cocancel_set_default(unset), COCANCEL_E_UNEXPECTED);
    CHECK(cocancel_init(COCANCEL_ABI_VERSION + 1, storage, sizeof storage, 2, 1, &port, &runtime), COCANCEL_E_UNEXPECTED);
    CHECK(cocancel_init(COCANCEL_ABI_VERSION, NULL, sizeof storage, 2, 1, &port, &runtime), COCANCEL_E_INVALIDARG);
    CHECK(cocancel_init(COCANCEL_ABI_VERSION, storage, sizeof storage, 2, 1, NULL, &runtime), COCANCEL_E_INVALIDARG);
    CHECK(cocancel_init(COCANCEL_ABI_VERSION, storage, sizeof storage, 2, 1, &port, NULL), COCANCEL_E_INVALIDARG);
    CHECK(cocancel_init(COCANCEL_ABI_VERSION, storage, sizeof storage - 1, 2, 1, &port, &runtime), COCANCEL_E_INVALIDARG);
    CHECK(cocancel_init(COCANCEL_ABI_VERSION, storage + 8, sizeof storage, 1, 1, &port, &runtime), COCANCEL_E_INVALIDARG);
    CHECK(cocancel_init(COCANCEL_ABI_VERSION, storage, sizeof storage, 0, 1, &port, &runtime), COCANCEL_E_INVALIDARG);
    CHECK(cocancel_init(COCANCEL_ABI_VERSION, storage, SIZE_MAX, SIZE_MAX, SIZE_MAX, &port, &runtime), COCANCEL_E_INVALIDARG);
    broken = port;
    broken.thread_id = NULL;
    CHECK(cocancel_init(COCANCEL_ABI_VERSION, storage, sizeof storage, 2, 1, &broken, &runtime), COCANCEL_E_INVALIDARG);
    broken = port;
    broken.size--;
    CHECK(cocancel_init(COCANCEL_ABI_VERSION, storage, sizeof storage, 2, 1, &broken, &runtime), COCANCEL_E_INVALIDARG);
    CHECK_TRUE(runtime == NULL);
    CHECK_TRUE(cocancel_storage_size(2, 1) == sizeof storage && cocancel_storage_size(SIZE_MAX, 1) == 0);
    CHECK_TRUE(cocancel_storage_size(100, 50) == COCANCEL_STORAGE_SIZE(100, 50));
    CHECK(cocancel_init(COCANCEL_ABI_VERSION, storage, sizeof storage, 2, 1, &port, &runtime), COCANCEL_S_OK);
    CHECK(cocancel_init(COCANCEL_ABI_VERSION, storage, sizeof storage, 2, 1, &port, &unset), COCANCEL_E_UNEXPECTED);
    CHECK(cocancel_deinit(runtime), COCANCEL_S_OK);
    CHECK(cocancel_deinit(runtime), COCANCEL_E_UNEXPECTED);
    CHECK(cocancel_deinit(NULL), COCANCEL_E_INVALIDARG);
    CHECK(cocancel_set_capacity(0, 5), COCANCEL_E_INVALIDARG);
}

static void *foreign(void *argument) {
    cocancel_runtime *runtime = (cocancel_runtime *)argument;
    cocancel_call call;
    /* the one thread slot is taken */
    CHECK(cocancel_enable(runtime), COCANCEL_E_OUTOFMEMORY);
    CHECK(cocancel_begin(runtime, NULL, &call), COCANCEL_E_OUTOFMEMORY);
    CHECK(cocancel_complete(runtime, call, NULL), COCANCEL_S_OK);
    CHECK(cocancel_finish(runtime, call), COCANCEL_S_OK);
    return NULL;
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
    CHECK(cocancel_wait(runtime, calls[3]), COCANCEL_E_OUTOFMEMORY);
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

static void pointers_and_order(void) {
    cocancel_call call, frame;
    uint32_t remaining;
    size_t count = 3;
    cocancel_call_options unknown_flags = {0};
    int record = 0;
    void *orphan = &record;
    cocancel_call_options with_record = {0};
    unknown_flags.flags = 0x80;
    with_record.host = &record;
    CHECK(cocancel_begin(NULL, NULL, NULL), COCANCEL_E_INVALIDARG);
    CHECK(cocancel_begin_async(NULL, NULL, NULL), COCANCEL_E_INVALIDARG);
    CHECK(cocancel_serve(NULL, NULL, NULL), COCANCEL_E_INVALIDARG);
    CHECK(cocancel_begin(NULL, &unknown_flags, &call), COCANCEL_E_INVALIDARG);
    CHECK(cocancel_enter(NULL, 5, NULL, NULL), COCANCEL_E_INVALIDARG);
    CHECK(cocancel_snapshot(NULL, NULL, NULL), COCANCEL_E_INVALIDARG);
    CHECK(cocancel_snapshot(NULL, NULL, &count), COCANCEL_E_INVALIDARG);
    CHECK(cocancel_cancel_thread(NULL, 0, 0, 9), COCANCEL_E_INVALIDARG);
    CHECK(cocancel_enable((cocancel_runtime *)(void *)(storage + 3)), COCANCEL_E_INVALIDARG);
    CHECK(cocancel_cancel_thread(NULL, 0, 0, 0), COCANCEL_E_NOINTERFACE);
    CHECK(cocancel_cancel_thread(NULL, 0x7ffffff0, 0, 0), COCANCEL_E_NOINTERFACE);
    /* out of order */
    CHECK(cocancel_enable(NULL), COCANCEL_S_OK);
    CHECK(cocancel_begin(NULL, &with_record, &call), COCANCEL_S_OK);
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
    CHECK(cocancel_complete(NULL, call, NULL), COCANCEL_E_INVALIDARG);
    CHECK(cocancel_test_call(NULL, call), COCANCEL_E_INVALIDARG);
    /* a success code is no failure */
    CHECK(cocancel_begin(NULL, NULL, &call), COCANCEL_S_OK);
    CHECK(cocancel_abandon(NULL, call, COCANCEL_S_OK, NULL), COCANCEL_S_OK);
    CHECK(cocancel_finish(NULL, call), COCANCEL_E_FAIL);
    /* the longest timeouts are neither early nor infinite */
    CHECK(cocancel_begin(NULL, &with_record, &call), COCANCEL_S_OK);
    CHECK(cocancel_cancel_call(NULL, call, 0xFFFFFFFE, COCANCEL_NO_WAIT), COCANCEL_S_OK);
    CHECK(cocancel_poll(NULL, call, &remaining), COCANCEL_RPC_S_CALLPENDING);
    CHECK_TRUE(remaining != COCANCEL_INFINITE && remaining > 0);
    CHECK(cocancel_cancel_call(NULL, call, COCANCEL_INFINITE, COCANCEL_NO_WAIT), COCANCEL_RPC_E_CALL_CANCELED);
    CHECK(cocancel_cancel_call(NULL, call, 0, 0), COCANCEL_RPC_E_CALL_CANCELED);
    CHECK(cocancel_finish(NULL, call), COCANCEL_RPC_E_CALL_CANCELED);
    CHECK(cocancel_complete(NULL, call, &orphan), COCANCEL_RPC_E_CALL_CANCELED);
    CHECK_TRUE(orphan == &record);
    CHECK(cocancel_disable(NULL), COCANCEL_S_OK);
    CHECK(cocancel_disable(NULL), COCANCEL_CO_E_CANCEL_DISABLED);
    CHECK(cocancel_set_capacity(5, 5), COCANCEL_E_UNEXPECTED);
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
    setting_up();
    full_tables();
    pointers_and_order();
    forged_handles();
    CHECK_TRUE(slots_in_use(NULL) == 0);
    return failures != 0;
}
