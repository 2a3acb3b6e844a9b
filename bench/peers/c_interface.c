/*
 * cocancel's C interface and its peers, measured in a program of its own that is linked as a host in C is. Reads lines
 * "SUBJECT TIMES" and answers each with the nanoseconds it took.
 */

#include <inttypes.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "cocancel.h"
#include "cocancel_com.h"

extern _Thread_local _Atomic uint32_t *c_load_word;
int32_t c_load(void);

static void check(int ok, const char *what) {
    if (!ok) {
        fprintf(stderr, "%s failed\n", what);
        exit(1);
    }
}

static void bracket(uint64_t n, int32_t expected) {
    for (uint64_t i = 0; i < n; i++) {
        cocancel_call call = 0;
        check(cocancel_begin(NULL, NULL, &call) == expected, "begin");
        check(cocancel_complete(NULL, call, NULL) == S_OK, "complete");
        check(cocancel_finish(NULL, call) == S_OK, "finish");
    }
}

/* A call of this thread that it also serves itself: what CoTestCancel asks. */
static void serve(cocancel_call *call, cocancel_call *frame) {
    check(cocancel_serve(NULL, NULL, call) == S_OK, "serve");
    check(cocancel_enter(NULL, *call, frame, NULL) == S_OK, "enter");
}

static void finish_serving(cocancel_call call, cocancel_call frame) {
    check(cocancel_leave(NULL, frame) == S_OK, "leave");
    check(cocancel_complete(NULL, call, NULL) == S_OK, "complete");
}

static uint64_t now(void) {
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (uint64_t)time.tv_sec * 1000000000u + (uint64_t)time.tv_nsec;
}

static uint64_t run(const char *subject, uint64_t n) {
    static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
    static _Atomic uint32_t word;
    cocancel_call call = 0, frame = 0;
    uint64_t start, end;

    if (strcmp(subject, "test") == 0) {
        serve(&call, &frame);
        start = now();
        for (uint64_t i = 0; i < n; i++) {
            check(CoTestCancel() == RPC_S_CALLPENDING, "CoTestCancel");
        }
        end = now();
        finish_serving(call, frame);
    } else if (strcmp(subject, "native_test") == 0) {
        serve(&call, &frame);
        start = now();
        for (uint64_t i = 0; i < n; i++) {
            check(cocancel_test(NULL) == RPC_S_CALLPENDING, "cocancel_test");
        }
        end = now();
        finish_serving(call, frame);
    } else if (strcmp(subject, "load") == 0) {
        c_load_word = &word;
        start = now();
        for (uint64_t i = 0; i < n; i++) {
            check(c_load() == RPC_S_CALLPENDING, "load");
        }
        end = now();
    } else if (strcmp(subject, "disabled") == 0) {
        start = now();
        bracket(n, CO_E_CANCEL_DISABLED);
        end = now();
    } else if (strcmp(subject, "enabled") == 0) {
        check(CoEnableCallCancellation(NULL) == S_OK, "enable");
        start = now();
        bracket(n, S_OK);
        end = now();
        check(CoDisableCallCancellation(NULL) == S_OK, "disable");
    } else {
        check(strcmp(subject, "mutex") == 0, "the choice of a subject");
        start = now();
        for (uint64_t i = 0; i < n; i++) {
            pthread_mutex_lock(&mutex);
            pthread_mutex_unlock(&mutex);
        }
        end = now();
    }
    return end - start;
}

/* Keeps glibc from leaving out the atomics of a mutex. */
static void *second_thread(void *unused) {
    (void)unused;
    for (;;) {
        pause();
    }
    return NULL;
}

int main(void) {
    pthread_t second;
    char subject[32];
    uint64_t n;

    check(pthread_create(&second, NULL, second_thread, NULL) == 0, "pthread_create");
    while (scanf("%31s %" SCNu64, subject, &n) == 2) {
        printf("%" PRIu64 "\n", run(subject, n));
        fflush(stdout);
    }
    return 0;
}
