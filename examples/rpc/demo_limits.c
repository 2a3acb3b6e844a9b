/* Scenes of limits: full tables, and runtimes that are not set up. SPDX-License-Identifier: MIT OR Apache-2.0 */
#define _GNU_SOURCE
#include <unistd.h>

#include "demo.h"

static uint32_t thread_id(void *user) {
    (void)user;
    return (uint32_t)gettid(); /* not cocancel_thread_id, which asks the default runtime's port: this one */
}
static uint32_t tick(void *user) {
    (void)user;
    return (uint32_t)now_ms();
}

static void full_calls(void) {
    static COCANCEL_STORAGE(storage, 1, 1);
    static const cocancel_port port = {.size = sizeof port, .thread_id = thread_id, .tick = tick};
    struct custom custom = custom_object(S_OK);
    cocancel_runtime *small;
    cocancel_call calls[3], async = 0;
    int n;
    expect("cocancel_init: room for one call, and one of the thread's own",
           cocancel_init(COCANCEL_ABI_VERSION, storage, sizeof storage, 1, 1, &port, &small), S_OK);
    cocancel_enable(small);
    expect("cocancel_begin: the thread's own slot", cocancel_begin(small, NULL, &calls[0]), S_OK);
    expect("cocancel_begin: the table's slot", cocancel_begin(small, NULL, &calls[1]), S_OK);
    expect("cocancel_begin: none is left", cocancel_begin(small, NULL, &calls[2]), E_OUTOFMEMORY);
    expect("cocancel_cancel_thread(0, 0): that call is in the way", cocancel_cancel_thread(small, 0, 0, 0), E_NOINTERFACE);
    expect("cocancel_poll(the enabled call under it)", cocancel_poll(small, calls[1], NULL), RPC_S_CALLPENDING);
    expect("cocancel_begin_async", cocancel_begin_async(small, NULL, &async), E_OUTOFMEMORY);
    cocancel_finish(small, async);
    cocancel_set_default(small);
    expect("CoSetCancelObject(custom)", CoSetCancelObject((IUnknown *)&custom), E_OUTOFMEMORY);
    expect_true("  holds no reference", atomic_load(&custom.references) == 1);
    cocancel_set_default(NULL);
    expect("cocancel_deinit: calls are out", cocancel_deinit(small), E_ACCESSDENIED);
    for (n = 2; n >= 0; n--) {
        cocancel_complete(small, calls[n], NULL);
        expect("cocancel_finish: a call without a slot ends like the others", cocancel_finish(small, calls[n]), S_OK);
    }
    expect("cocancel_deinit", cocancel_deinit(small), S_OK);
}

struct second {
    cocancel_runtime *small;
    uint32_t main;
};

static void *one_too_many(void *argument) {
    struct second *second = argument;
    cocancel_runtime *small = second->small;
    cocancel_call call;
    void *old;
    be("second");
    expect("CoEnableCallCancellation: no room for this thread", CoEnableCallCancellation(NULL), E_OUTOFMEMORY);
    expect("CoSwitchCallContext", CoSwitchCallContext(NULL, (IUnknown **)&old), E_OUTOFMEMORY);
    expect("cocancel_begin", cocancel_begin(small, NULL, &call), E_OUTOFMEMORY);
    expect("  its handle is good: cocancel_wait says that there is nothing to wait on", cocancel_wait(small, call), E_OUTOFMEMORY);
    expect("  cocancel_finish", cocancel_finish(small, call), S_OK);
    expect("CoCancelCall(main, 0): a canceller needs no room", CoCancelCall(second->main, 0), S_OK);
    return NULL;
}

static void full_threads(void) {
    static COCANCEL_STORAGE(storage, 4, 1);
    static const cocancel_port port = {.size = sizeof port, .thread_id = thread_id, .tick = tick};
    cocancel_runtime *small;
    struct second second = {NULL, (uint32_t)gettid()};
    cocancel_call call;
    pthread_t thread;
    expect("cocancel_init: room for one thread", cocancel_init(COCANCEL_ABI_VERSION, storage, sizeof storage, 4, 1, &port, &small), S_OK);
    cocancel_set_default(small);
    expect("CoEnableCallCancellation", CoEnableCallCancellation(NULL), S_OK);
    expect("cocancel_begin", cocancel_begin(small, NULL, &call), S_OK);
    second.small = small;
    pthread_create(&thread, NULL, one_too_many, &second);
    pthread_join(thread, NULL);
    cocancel_complete(small, call, NULL);
    expect("cocancel_finish", cocancel_finish(small, call), RPC_E_CALL_CANCELED);
    cocancel_set_default(NULL);
    expect("cocancel_deinit", cocancel_deinit(small), S_OK);
}

static void set_up(void) {
    static COCANCEL_STORAGE(storage, 2, 2);
    static const cocancel_port port = {.size = sizeof port, .thread_id = thread_id, .tick = tick}, incomplete = {.size = sizeof port, .tick = tick};
    cocancel_runtime *unused = (cocancel_runtime *)(void *)storage, *small = NULL;
    cocancel_call call = 1;
    size_t count = 0;
    say("uses storage that is not set up");
    expect("cocancel_enable", cocancel_enable(unused), E_UNEXPECTED);
    expect("cocancel_disable", cocancel_disable(unused), E_UNEXPECTED);
    expect("cocancel_begin", cocancel_begin(unused, NULL, &call), E_UNEXPECTED);
    expect_true("  gives no handle", call == 0);
    expect("cocancel_cancel_thread", cocancel_cancel_thread(unused, 0, 0, 0), E_UNEXPECTED);
    expect("cocancel_snapshot", cocancel_snapshot(unused, NULL, &count), E_UNEXPECTED);
    expect("cocancel_thread_exit", cocancel_thread_exit(unused), E_UNEXPECTED);
    expect("cocancel_set_default", cocancel_set_default(unused), E_UNEXPECTED);
    expect("cocancel_deinit", cocancel_deinit(unused), E_UNEXPECTED);
    say("sets it up");
    expect("cocancel_init: too small", cocancel_init(COCANCEL_ABI_VERSION, storage, sizeof storage - 1, 2, 2, &port, &small), E_INVALIDARG);
    expect("cocancel_init: misaligned", cocancel_init(COCANCEL_ABI_VERSION, storage + 8, sizeof storage - 8, 1, 1, &port, &small), E_INVALIDARG);
    expect("cocancel_init: NULL", cocancel_init(COCANCEL_ABI_VERSION, NULL, sizeof storage, 2, 2, &port, &small), E_INVALIDARG);
    expect("cocancel_init: a port without thread_id", cocancel_init(COCANCEL_ABI_VERSION, storage, sizeof storage, 2, 2, &incomplete, &small),
           E_INVALIDARG);
    expect("cocancel_init: another version", cocancel_init(COCANCEL_ABI_VERSION + 1, storage, sizeof storage, 2, 2, &port, &small), E_UNEXPECTED);
    expect("cocancel_init", cocancel_init(COCANCEL_ABI_VERSION, storage, sizeof storage, 2, 2, &port, &small), S_OK);
    expect("cocancel_init: in use", cocancel_init(COCANCEL_ABI_VERSION, storage, sizeof storage, 2, 2, &port, &small), E_UNEXPECTED);
    small = unused;
    expect("cocancel_deinit", cocancel_deinit(small), S_OK);
    expect("cocancel_deinit: once more", cocancel_deinit(small), E_UNEXPECTED);
    expect("cocancel_enable: ended", cocancel_enable(small), E_UNEXPECTED);
    expect("cocancel_set_capacity, after the first use", cocancel_set_capacity(10, 10), E_UNEXPECTED);
}

const struct scene limit_scenes[] = {
    {"full-table", "E_OUTOFMEMORY: a full call table; a call without a slot hides the one under it and leaves it alone [seed] [ours]", full_calls},
    {"full-threads", "E_OUTOFMEMORY: a full thread table; a canceller needs no room [doc] [wil]", full_threads},
    {"set-up", "E_UNEXPECTED: a runtime not set up, set up twice, or ended; E_INVALIDARG: storage that will not do [seed] [ours]", set_up},
    {0},
};
