/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#define _GNU_SOURCE
#include "demo_trace.h"

#include <inttypes.h>
#include <pthread.h>
#include <stdio.h>
#include <time.h>

#include "rpc.h"

static FILE *out;
static int any;
static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;

static const char *const names[] = {"", "begun", "entered", "left", "requested", "completed", "failed", "canceled", "orphaned", "finished"};

/* A call is an asynchronous span from begun to finished; its steps are instants on the thread that took them. */
static void event(void *user, uint32_t kind, cocancel_call call) {
    struct timespec now;
    double us;
    (void)user;
    clock_gettime(CLOCK_MONOTONIC, &now);
    us = (double)now.tv_sec * 1e6 + (double)now.tv_nsec / 1e3;
    if (kind >= sizeof names / sizeof *names) return;
    pthread_mutex_lock(&mutex);
    if (out != NULL) {
        fprintf(out, "%s{\"name\":\"%s\",\"cat\":\"call\",\"ph\":\"i\",\"s\":\"t\",\"ts\":%.3f,\"pid\":1,\"tid\":%" PRIu32 ",\"args\":{\"call\":%" PRIuPTR "}}",
                any ? ",\n" : "", names[kind], us, cocancel_thread_id(), call);
        any = 1;
        if (kind == COCANCEL_EVENT_BEGUN || kind == COCANCEL_EVENT_FINISHED)
            fprintf(out, ",\n{\"name\":\"call\",\"cat\":\"call\",\"ph\":\"%s\",\"id\":%" PRIuPTR ",\"ts\":%.3f,\"pid\":1,\"tid\":%" PRIu32 "}",
                    kind == COCANCEL_EVENT_BEGUN ? "b" : "e", call, us, cocancel_thread_id());
    }
    pthread_mutex_unlock(&mutex);
}

int trace_begin(const char *file) {
    out = fopen(file, "w");
    if (out == NULL) return 0;
    fprintf(out, "{\"displayTimeUnit\":\"ms\",\"traceEvents\":[\n");
    rpc_trace(event);
    return 1;
}

void trace_end(void) {
    rpc_trace(NULL);
    pthread_mutex_lock(&mutex);
    fprintf(out, "\n]}\n");
    fclose(out);
    out = NULL;
    pthread_mutex_unlock(&mutex);
}
