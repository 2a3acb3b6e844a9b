/* Several runtimes in one program, in storage whose size the compiler knows. SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "cocancel_com.h"
#include "hand_port.h"

/* with an index and without, with thread-local storage and without, able to block and not; and the built-in one */
enum { FEW = 2, MANY = 24, RUNTIMES = 3 };
static COCANCEL_STORAGE(first, 1, FEW);
static COCANCEL_STORAGE(second, 3, MANY);
static COCANCEL_STORAGE(third, 40, MANY);
static hand_port ports[RUNTIMES];
static cocancel_runtime *runtimes[RUNTIMES + 1];

static void set_up(void) {
    void *storage[RUNTIMES];
    const size_t sizes[RUNTIMES] = {sizeof first, sizeof second, sizeof third};
    const size_t calls[RUNTIMES] = {1, 3, 40}, threads[RUNTIMES] = {FEW, MANY, MANY};
    int n;
    storage[0] = first;
    storage[1] = second;
    storage[2] = third;
    for (n = 0; n < RUNTIMES; n++) {
        static cocancel_port functions[RUNTIMES]; /* the library keeps pointers to them */
        hand_set_up(&ports[n], (uint32_t)n * 1000);
        functions[n] = n == 1 ? hand_polling(&ports[n]) : hand_blocking(&ports[n]);
        memset(&functions[n].hooks, 0, sizeof functions[n].hooks); /* nothing is written down */
        functions[n].hooks.user = &ports[n];
        CHECK_TRUE(sizes[n] == cocancel_storage_size(calls[n], threads[n]));
        CHECK(cocancel_init(COCANCEL_ABI_VERSION, storage[n], sizes[n], calls[n], threads[n], &functions[n], &runtimes[n]), COCANCEL_S_OK);
    }
}

/* Each knows only its own threads, counters, calls and served calls. */
static void apart(void) {
    cocancel_call calls[RUNTIMES + 1], frame;
    int n, other;
    for (n = 0; n <= RUNTIMES; n++) {
        CHECK(cocancel_disable(runtimes[n]), COCANCEL_CO_E_CANCEL_DISABLED);
        CHECK(cocancel_enable(runtimes[n]), COCANCEL_S_OK);
    }
    for (n = 0; n <= RUNTIMES; n++) {
        CHECK(cocancel_begin(runtimes[n], NULL, &calls[n]), COCANCEL_S_OK);
        for (other = n + 1; other <= RUNTIMES; other++) CHECK(cocancel_cancel_thread(runtimes[other], 0, 0, 0), COCANCEL_E_NOINTERFACE);
    }
    for (n = 0; n <= RUNTIMES; n++) {
        CHECK(cocancel_enter(runtimes[n], calls[n], &frame, NULL), COCANCEL_S_OK);
        for (other = n + 1; other <= RUNTIMES; other++) CHECK(cocancel_test(runtimes[other]), COCANCEL_RPC_E_CALL_COMPLETE);
    }
    for (n = 0; n <= RUNTIMES; n++) {
        CHECK(cocancel_cancel_thread(runtimes[n], 0, 0, 0), COCANCEL_S_OK);
        CHECK(cocancel_test(runtimes[n]), COCANCEL_RPC_E_CALL_CANCELED);
        for (other = n + 1; other <= RUNTIMES; other++) CHECK(cocancel_test(runtimes[other]), COCANCEL_RPC_S_CALLPENDING);
    }
    for (n = 0; n <= RUNTIMES; n++) {
        CHECK(cocancel_leave(runtimes[n], calls[n]), COCANCEL_S_OK);
        CHECK(cocancel_finish(runtimes[n], calls[n]), COCANCEL_RPC_E_CALL_CANCELED);
        CHECK(cocancel_complete(runtimes[n], calls[n], NULL), COCANCEL_RPC_E_CALL_CANCELED);
        CHECK(cocancel_disable(runtimes[n]), COCANCEL_S_OK);
        CHECK_TRUE(slots_in_use(runtimes[n]) == 0);
    }
}

/* The COM functions, and NULL, work on the one that was named, and follow when another one is. */
static void default_one(void) {
    cocancel_call call;
    void *object = NULL;
    int n;
    for (n = 0; n < RUNTIMES; n++) {
        CHECK(cocancel_set_default(runtimes[n]), COCANCEL_S_OK);
        CHECK(cocancel_deinit(runtimes[n]), COCANCEL_E_ACCESSDENIED);
        CHECK_TRUE(cocancel_thread_id() == hand_thread_id(&ports[n]));
        CHECK(CoEnableCallCancellation(NULL), S_OK);
        CHECK(cocancel_begin(NULL, NULL, &call), COCANCEL_S_OK);
        CHECK_TRUE(slots_in_use(runtimes[n]) == 1 && slots_in_use(runtimes[(n + 1) % RUNTIMES]) == 0);
        CHECK(CoGetCancelObject(cocancel_thread_id(), &IID_ICancelMethodCalls, &object), S_OK);
        /* an object leads to its own runtime, whichever is the default one */
        CHECK(cocancel_set_default(NULL), COCANCEL_S_OK);
        CHECK(CoCancelCall(0, 0), E_NOINTERFACE);
        CHECK(((ICancelMethodCalls *)object)->lpVtbl->Cancel((ICancelMethodCalls *)object, 0), S_OK);
        CHECK_TRUE(((ICancelMethodCalls *)object)->lpVtbl->Release((ICancelMethodCalls *)object) == 0);
        CHECK(cocancel_finish(runtimes[n], call), COCANCEL_RPC_E_CALL_CANCELED);
        CHECK(cocancel_complete(runtimes[n], call, NULL), COCANCEL_RPC_E_CALL_CANCELED);
        CHECK(cocancel_disable(runtimes[n]), COCANCEL_S_OK);
        CHECK(cocancel_disable(runtimes[n]), COCANCEL_CO_E_CANCEL_DISABLED);
    }
}

static void *call_in_all(void *argument) {
    unsigned round, n;
    for (n = 0; n < RUNTIMES; n++) CHECK(cocancel_enable(runtimes[n]), COCANCEL_S_OK);
    for (round = 0; round < 200; round++)
        for (n = 0; n < RUNTIMES; n++) {
            cocancel_call call;
            CHECK(cocancel_begin(runtimes[n], NULL, &call), COCANCEL_S_OK);
            CHECK(cocancel_cancel_thread(runtimes[n], hand_thread_id(&ports[n]), 0, 0), COCANCEL_S_OK);
            CHECK(cocancel_finish(runtimes[n], call), COCANCEL_RPC_E_CALL_CANCELED);
            CHECK(cocancel_complete(runtimes[n], call, NULL), COCANCEL_RPC_E_CALL_CANCELED);
        }
    for (n = 0; n < RUNTIMES; n++) CHECK(cocancel_thread_exit(runtimes[n]), COCANCEL_S_OK);
    return argument;
}

/* As many threads at once as the smallest has room for, then more of them one after the other. */
static void from_threads(void) {
    enum { BATCH = 8 };
    pthread_t threads[BATCH];
    unsigned n;
    CHECK(cocancel_thread_exit(runtimes[0]), COCANCEL_S_OK);
    for (n = 0; n < FEW; n++) CHECK_TRUE(pthread_create(&threads[n], NULL, call_in_all, NULL) == 0);
    for (n = 0; n < FEW; n++) CHECK_TRUE(pthread_join(threads[n], NULL) == 0);
    for (n = 0; n < BATCH; n++) {
        CHECK_TRUE(pthread_create(&threads[n], NULL, call_in_all, NULL) == 0);
        CHECK_TRUE(pthread_join(threads[n], NULL) == 0);
    }
}

int main(void) {
    int n;
    set_up();
    apart();
    default_one();
    from_threads();
    for (n = 0; n < RUNTIMES; n++) {
        CHECK_TRUE(slots_in_use(runtimes[n]) == 0);
        CHECK(cocancel_deinit(runtimes[n]), COCANCEL_S_OK);
        CHECK(cocancel_enable(runtimes[n]), COCANCEL_E_UNEXPECTED);
    }
    /* each may be set up again */
    set_up();
    apart();
    for (n = 0; n < RUNTIMES; n++) CHECK(cocancel_deinit(runtimes[n]), COCANCEL_S_OK);
    return failures != 0;
}
