/* loads the library itself */
/* The shared library is unloaded while threads that used it are alive, and loaded again. SPDX-License-Identifier: MIT OR Apache-2.0
   The file of the library is COCANCEL_LIBRARY. It stays mapped while a thread that is attached lives, so that the hook which runs
   at the thread's end is still there. */
#define _POSIX_C_SOURCE 200809L
#include <dlfcn.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <sys/types.h>
#include <sys/wait.h>
#include <unistd.h>

#include "cocancel_com.h"
#include "cocancel.h"

static int failures;

static void check(int line, const char *what, int holds) {
    if (holds) return;
    failures++;
    printf("%s:%d: not so: %s\n", __FILE__, line, what);
}
#define CHECK_TRUE(condition) check(__LINE__, #condition, condition)

/* What is used of it. */
typedef struct library {
    void *handle;
    HRESULT (*enable)(LPVOID);
    HRESULT (*disable)(LPVOID);
    HRESULT (*cancel)(DWORD, ULONG);
    int32_t (*begin)(cocancel_runtime *, const cocancel_call_options *, cocancel_call *);
    int32_t (*wait)(cocancel_runtime *, cocancel_call);
    int32_t (*finish)(cocancel_runtime *, cocancel_call);
    int32_t (*complete)(cocancel_runtime *, cocancel_call, void **);
    uint32_t (*thread_id)(void);
} library;

/* ISO C knows no conversion from void * to a function pointer; POSIX promises that they look the same. */
static void find(void *handle, const char *name, void *function) {
    void *symbol = dlsym(handle, name);
    if (!symbol) printf("no %s: %s\n", name, dlerror());
    CHECK_TRUE(symbol != NULL);
    memcpy(function, &symbol, sizeof symbol);
}

static library load(void) {
    library it;
    it.handle = dlopen(COCANCEL_LIBRARY, RTLD_NOW | RTLD_LOCAL);
    if (!it.handle) {
        printf("%s\n", dlerror());
        _exit(1);
    }
    find(it.handle, "CoEnableCallCancellation", &it.enable);
    find(it.handle, "CoDisableCallCancellation", &it.disable);
    find(it.handle, "CoCancelCall", &it.cancel);
    find(it.handle, "cocancel_begin", &it.begin);
    find(it.handle, "cocancel_wait", &it.wait);
    find(it.handle, "cocancel_finish", &it.finish);
    find(it.handle, "cocancel_complete", &it.complete);
    find(it.handle, "cocancel_thread_id", &it.thread_id);
    return it;
}

static void unload(const library *it) { CHECK_TRUE(dlclose(it->handle) == 0); }

static int is_loaded(void) {
    void *handle = dlopen(COCANCEL_LIBRARY, RTLD_NOW | RTLD_NOLOAD);
    if (handle) dlclose(handle);
    return handle != NULL;
}

/* ---- threads that have used it ---- */

enum { THREADS = 4 };

static pthread_barrier_t used, unloaded;
static library current;

static void wait_at(pthread_barrier_t *barrier) {
    int result = pthread_barrier_wait(barrier);
    CHECK_TRUE(result == 0 || result == PTHREAD_BARRIER_SERIAL_THREAD);
}

/* Each in another state when the library goes: enabled; with a call out; after a whole call; having asked for its id only. */
static void *use(void *argument) {
    int n = *(const int *)argument;
    library it = current;
    cocancel_call call;
    CHECK_TRUE(it.thread_id() != 0);
    if (n != 3) CHECK_TRUE(it.enable(NULL) == S_OK);
    if (n == 1) CHECK_TRUE(it.begin(NULL, NULL, &call) == S_OK);
    if (n == 2) {
        CHECK_TRUE(it.begin(NULL, NULL, &call) == S_OK);
        CHECK_TRUE(it.cancel(it.thread_id(), 0) == S_OK);
        CHECK_TRUE(it.wait(NULL, call) == RPC_E_CALL_CANCELED);
        CHECK_TRUE(it.finish(NULL, call) == RPC_E_CALL_CANCELED);
        CHECK_TRUE(it.complete(NULL, call, NULL) == RPC_E_CALL_CANCELED);
    }
    wait_at(&used);
    wait_at(&unloaded);
    return NULL; /* the hook runs now */
}

static void threads_outlive_it(void) {
    static const int numbers[THREADS] = {0, 1, 2, 3};
    pthread_t threads[THREADS];
    size_t n;
    current = load();
    CHECK_TRUE(pthread_barrier_init(&used, NULL, THREADS + 1) == 0 && pthread_barrier_init(&unloaded, NULL, THREADS + 1) == 0);
    for (n = 0; n < THREADS; n++) CHECK_TRUE(pthread_create(&threads[n], NULL, use, (void *)&numbers[n]) == 0);
    wait_at(&used);
    unload(&current);
    memset(&current, 0, sizeof current);
    wait_at(&unloaded);
    for (n = 0; n < THREADS; n++) CHECK_TRUE(pthread_join(threads[n], NULL) == 0);
    CHECK_TRUE(pthread_barrier_destroy(&used) == 0 && pthread_barrier_destroy(&unloaded) == 0);
}

/* One that is blocked in it, and comes back by its own timeout into what must still be there. */
static void *block(void *argument) {
    library it = current;
    cocancel_call_options options = {0};
    cocancel_call call;
    options.timeout_ms = 50;
    CHECK_TRUE(it.enable(NULL) == S_OK);
    CHECK_TRUE(it.begin(NULL, &options, &call) == S_OK);
    wait_at(&used);
    CHECK_TRUE(it.wait(NULL, call) == RPC_E_CALL_CANCELED);
    return argument;
}

static void a_thread_is_blocked_in_it(void) {
    pthread_t thread;
    current = load();
    CHECK_TRUE(pthread_barrier_init(&used, NULL, 2) == 0);
    CHECK_TRUE(pthread_create(&thread, NULL, block, NULL) == 0);
    wait_at(&used);
    unload(&current);
    CHECK_TRUE(pthread_join(thread, NULL) == 0 && pthread_barrier_destroy(&used) == 0);
}

/* ---- nobody holds it: then it really goes ---- */

static void *use_and_end(void *argument) {
    CHECK_TRUE(current.enable(NULL) == S_OK);
    return argument;
}

static void nobody_holds_it(void) {
    pthread_t thread;
    pid_t child;
    int status = -1;
    current = load();
    CHECK_TRUE(pthread_create(&thread, NULL, use_and_end, NULL) == 0 && pthread_join(thread, NULL) == 0);
    CHECK_TRUE(current.disable(NULL) == CO_E_CANCEL_DISABLED && current.thread_id() != 0);
    CHECK_TRUE(current.cancel(0, 0) == E_NOINTERFACE);
    unload(&current);
    CHECK_TRUE(!is_loaded());
    /* its fork handler went with it */
    child = fork();
    if (child == 0) _exit(0);
    CHECK_TRUE(waitpid(child, &status, 0) == child && status == 0);
}

int main(void) {
    int round;
    for (round = 0; round < 20; round++) {
        nobody_holds_it();
        threads_outlive_it();
        a_thread_is_blocked_in_it();
    }
    /* the main thread, too, has used it when the process ends */
    current = load();
    CHECK_TRUE(current.enable(NULL) == S_OK);
    unload(&current);
    return failures != 0;
}
