/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#define _GNU_SOURCE
#include "demo_trace.h"

#include <inttypes.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "rpc.h"
#include "stage.h"

enum { SPAN_BEGIN = 100, SPAN_END = 101, PROCESS_END = 102 };

/* A step, and the process it was in. */
struct traced {
    struct stage_step step;
    int process;
};

/* What lasts: a span of a thread, a call at its client or at its server. */
struct slice {
    const struct traced *begin;
    const char *name;
    uint64_t end;
    int crossing; /* it does not nest with the others of its thread */
};

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static struct traced *steps;
static size_t count, room;
static int on;

static const char *const names[] = {"", "begun", "entered", "left", "requested", "completed", "failed", "canceled", "orphaned", "finished"};

/* Remembers a step, if there is to be a trace. */
static void keep(struct stage_step step, int process) {
    pthread_mutex_lock(&mutex);
    if (on && count == room) {
        room = room == 0 ? 1024 : 2 * room;
        steps = realloc(steps, room * sizeof *steps);
        if (steps == NULL) abort();
    }
    if (on) steps[count++] = (struct traced){step, process};
    pthread_mutex_unlock(&mutex);
}

/* The library's hook in this process. */
static void event(void *user, uint32_t kind, cocancel_call call) {
    (void)user;
    keep(stage_step(kind, call), getpid());
}

void trace_begin(void) {
    on = 1;
    rpc_trace(event);
}

void trace_span_begin(const char *name) {
    struct stage_step step = stage_step(SPAN_BEGIN, 0);
    snprintf(step.text, sizeof step.text, "%s", name);
    keep(step, getpid());
}

void trace_span_end(void) { keep(stage_step(SPAN_END, 0), getpid()); }

void trace_server(int pid, const char *name, struct stage *stage) {
    struct stage_step end = stage_step(PROCESS_END, 0);
    unsigned left = atomic_load(&stage->steps), n;
    for (n = 0; n < left && n < STAGE_STEPS; n++)
        if (stage->step[n].kind != 0) keep(stage->step[n], pid); /* 0: it was killed while it wrote this one */
    snprintf(end.text, sizeof end.text, "%s", name);
    keep(end, pid);
}

/* ---- writing ---- */

static FILE *out;
static uint64_t first;

static double us(uint64_t ns) { return (double)(ns - first) / 1e3; }

/* An object's beginning: its phase, its place and its name; the caller writes the rest of it. */
static void object(const char *phase, int process, uint32_t thread, uint64_t ns, const char *name) {
    static const char *separator;
    fprintf(out, "%s{\"ph\":\"%s\",\"pid\":%d,\"tid\":%" PRIu32 ",\"ts\":%.3f,\"cat\":\"cocancel\",\"name\":\"%s\"", separator == NULL ? "" : separator,
            phase, process, thread, us(ns), name);
    separator = ",\n";
}

static int same_thread(const struct traced *a, const struct traced *b) { return a->process == b->process && a->step.thread == b->step.thread; }

/* The step that ends what `begin` begins. */
static const struct traced *end_of(const struct traced *begin) {
    const struct traced *at;
    unsigned depth = 0;
    for (at = begin + 1; at < steps + count; at++) {
        uint32_t kind = at->step.kind;
        if (at->process != begin->process) continue;
        if (kind == PROCESS_END) return at; /* killed in the middle of it */
        if (begin->step.kind == SPAN_BEGIN) {
            if (!same_thread(at, begin)) continue;
            if (kind == SPAN_BEGIN) depth++;
            if (kind == SPAN_END && depth-- == 0) return at;
        } else if (at->step.call == begin->step.call) {
            if (begin->step.kind == COCANCEL_EVENT_BEGUN && kind == COCANCEL_EVENT_FINISHED) return at;
            /* a call that is served, and not begun, in its process */
            if (begin->step.kind == COCANCEL_EVENT_ENTERED && kind == COCANCEL_EVENT_LEFT) return at;
        }
    }
    return steps + count - 1;
}

/* All that lasts, in the order of its beginning; `slices` has room for one for each step. */
static size_t find_slices(struct slice *slices) {
    size_t found = 0, n, m;
    for (n = 0; n < count; n++) {
        const struct traced *begin = &steps[n];
        int is_server = begin->process != getpid();
        const char *name = begin->step.kind == SPAN_BEGIN                               ? begin->step.text
                           : begin->step.kind == COCANCEL_EVENT_BEGUN && !is_server     ? "call"
                           : begin->step.kind == COCANCEL_EVENT_ENTERED && is_server    ? "served call"
                                                                                        : NULL;
        if (name != NULL) slices[found++] = (struct slice){begin, name, end_of(begin)->step.ns, 0};
    }
    for (n = 0; n < found; n++)
        for (m = 0; m < n; m++)
            if (same_thread(slices[m].begin, slices[n].begin) && !slices[m].crossing && slices[n].begin->step.ns < slices[m].end &&
                slices[m].end < slices[n].end)
                slices[n].crossing = 1;
    return found;
}

/* What became of a call at its client: the step that decided it. */
static const char *outcome(const struct slice *slice) {
    const struct traced *at;
    for (at = slice->begin; at < steps + count && at->step.ns <= slice->end; at++) {
        uint32_t kind = at->step.kind;
        if (at->process == slice->begin->process && at->step.call == slice->begin->step.call &&
            (kind == COCANCEL_EVENT_COMPLETED || kind == COCANCEL_EVENT_FAILED || kind == COCANCEL_EVENT_CANCELED))
            return names[kind];
    }
    return "given up";
}

static void write_slice(const struct slice *slice, size_t number) {
    const struct stage_step *begin = &slice->begin->step;
    int process = slice->begin->process;
    char name[40];
    if (begin->kind == COCANCEL_EVENT_BEGUN) snprintf(name, sizeof name, "%s, %s", slice->name, outcome(slice));
    else snprintf(name, sizeof name, "%s", slice->name);
    if (!slice->crossing) {
        object("X", process, begin->thread, begin->ns, name);
        fprintf(out, ",\"dur\":%.3f,\"args\":{\"call\":%" PRIu64 "}}", (double)(slice->end - begin->ns) / 1e3, begin->call);
        return;
    }
    /* finished out of order: on a track of its own under its process */
    object("b", process, begin->thread, begin->ns, name);
    fprintf(out, ",\"id\":%zu,\"args\":{\"call\":%" PRIu64 "}}", number, begin->call);
    object("e", process, begin->thread, slice->end, name);
    fprintf(out, ",\"id\":%zu}", number);
}

/* From who asked first to the call: its client is on another thread. */
static void write_arrow(const struct slice *slice, size_t number) {
    const struct traced *at;
    if (slice->crossing || slice->begin->step.kind != COCANCEL_EVENT_BEGUN) return;
    for (at = slice->begin; at < steps + count && at->step.ns < slice->end; at++) {
        int asks = at->step.kind == COCANCEL_EVENT_REQUESTED || at->step.kind == COCANCEL_EVENT_CANCELED;
        if (!asks || at->process != slice->begin->process || at->step.call != slice->begin->step.call) continue;
        if (same_thread(at, slice->begin)) return;
        object("s", at->process, at->step.thread, at->step.ns, "cancel");
        fprintf(out, ",\"id\":%zu}", number);
        object("f", at->process, slice->begin->step.thread, at->step.ns + 1 < slice->end ? at->step.ns + 1 : at->step.ns, "cancel");
        fprintf(out, ",\"bp\":\"e\",\"id\":%zu}", number);
        return;
    }
}

static int is_first_of_thread(const struct traced *step) {
    const struct traced *at;
    for (at = steps; at < step; at++)
        if (same_thread(at, step) && strcmp(at->step.name, step->step.name) == 0) return 0;
    return 1;
}

static int by_time(const void *a, const void *b) {
    uint64_t left = ((const struct traced *)a)->step.ns, right = ((const struct traced *)b)->step.ns;
    return left < right ? -1 : left > right;
}

int trace_write(const char *file) {
    struct slice *slices;
    size_t found, n;
    rpc_trace(NULL);
    pthread_mutex_lock(&mutex);
    on = 0;
    pthread_mutex_unlock(&mutex);
    out = fopen(file, "w");
    slices = calloc(count + 1, sizeof *slices);
    if (out == NULL || slices == NULL) return 0;
    qsort(steps, count, sizeof *steps, by_time);
    first = count == 0 ? 0 : steps[0].step.ns;
    fprintf(out, "{\"displayTimeUnit\":\"ms\",\"traceEvents\":[\n");
    object("M", getpid(), 0, first, "process_name");
    fprintf(out, ",\"args\":{\"name\":\"rpc-demo, the client\"}}");
    for (n = 0; n < count; n++) {
        const struct stage_step *step = &steps[n].step;
        if (step->kind == PROCESS_END) {
            object("M", steps[n].process, 0, first, "process_name");
            fprintf(out, ",\"args\":{\"name\":\"rpc-server of %s\"}}", step->text);
            continue;
        }
        if (is_first_of_thread(&steps[n])) {
            object("M", steps[n].process, step->thread, first, "thread_name");
            fprintf(out, ",\"args\":{\"name\":\"%s\"}}", step->name);
        }
        if (step->kind < sizeof names / sizeof *names) {
            object("i", steps[n].process, step->thread, step->ns, names[step->kind]);
            fprintf(out, ",\"s\":\"t\",\"args\":{\"call\":%" PRIu64 "}}", step->call);
        }
    }
    found = find_slices(slices);
    for (n = 0; n < found; n++) {
        write_slice(&slices[n], n + 1);
        write_arrow(&slices[n], n + 1);
    }
    fprintf(out, "\n]}\n");
    free(slices);
    free(steps);
    steps = NULL;
    return fclose(out) == 0;
}
