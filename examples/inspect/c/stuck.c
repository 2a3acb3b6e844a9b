/* A process in C that is stuck in every way there is, and stays so; examples/stuck.rs is the same in Rust. It prints its table once all is set
   up, and again from the signal's handler whenever it gets SIGUSR1: also when every thread is stuck.

       cc examples/inspect/c/stuck.c examples/inspect/c/inspect.c -Iinclude target/debug/libcocancel.a -pthread -ldl -lm

   SPDX-License-Identifier: MIT OR Apache-2.0 */
#define _GNU_SOURCE
#include <errno.h>
#include <pthread.h>
#include <semaphore.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "cocancel_com.h"
#include "inspect.h"

#define MUST(condition)                                                     \
    do {                                                                    \
        if (!(condition)) {                                                 \
            fprintf(stderr, "line %d: not so: %s\n", __LINE__, #condition); \
            exit(1);                                                        \
        }                                                                   \
    } while (0)

/* --- what a host takes over --- */

/* The tick of the default runtime. */
static uint32_t tick(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint32_t)((uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000);
}

static void event(void *user, uint32_t kind, cocancel_call call) {
    (void)user;
    cocancel_inspect_event(kind, call, tick());
}

static void to_file(void *to, const char *line, size_t length) {
    /* what cannot be written cannot be reported either */
    if (write(*(const int *)to, line, length) < 0) return;
}

static void print(int signal) {
    static cocancel_call_info room[64]; /* one thread at a time: the signal is not blocked while main prints, but sent after */
    int file = STDERR_FILENO, saved = errno;
    (void)signal;
    cocancel_inspect_print(NULL, tick(), room, sizeof room / sizeof room[0], to_file, &file);
    errno = saved;
}

/* --- the ways to be stuck --- */

static sem_t there;
static uint32_t client_thread;
static cocancel_call client_call;

__attribute__((noreturn)) static void for_ever(void) {
    for (;;) pause();
}

/* Runs `body` on a thread of its own that ends with the process; comes back when it has said that it is there. */
static void stuck(void *(*body)(void *), void *with) {
    pthread_t thread;
    MUST(pthread_create(&thread, NULL, body, with) == 0);
    MUST(sem_wait(&there) == 0);
}

/* A call whose client waits for ever, as the options say. */
static void *client(void *options) {
    client_thread = cocancel_thread_id();
    if (!(((cocancel_call_options *)options)->flags & COCANCEL_ALWAYS_SLOT)) MUST(cocancel_enable(NULL) == S_OK);
    /* a call that takes a slot all the same can be cancelled by the host, but CoCancelCall does not reach it */
    MUST(cocancel_begin(NULL, options, &client_call) == S_OK);
    sem_post(&there);
    cocancel_wait(NULL, client_call);
    for_ever();
}

static void *canceller(void *with) {
    (void)with;
    sem_post(&there);
    cocancel_cancel_thread(NULL, client_thread, 7200 * 1000, 0);
    for_ever();
}

static void *released_client(void *with) {
    cocancel_call call;
    (void)with;
    MUST(cocancel_enable(NULL) == S_OK && cocancel_begin(NULL, NULL, &call) == S_OK);
    client_thread = cocancel_thread_id();
    client_call = call;
    sem_post(&there);
    MUST(cocancel_wait(NULL, call) == RPC_E_CALL_CANCELED && cocancel_finish(NULL, call) == RPC_E_CALL_CANCELED);
    for_ever();
}

static void *server_of_an_orphan(void *with) {
    cocancel_call frame;
    (void)with;
    MUST(cocancel_enter(NULL, client_call, &frame, NULL) == S_OK);
    sem_post(&there);
    for_ever();
}

static void *two_calls(void *with) {
    cocancel_call outer, inner;
    (void)with;
    MUST(cocancel_enable(NULL) == S_OK && cocancel_begin(NULL, NULL, &outer) == S_OK && cocancel_begin(NULL, NULL, &inner) == S_OK);
    sem_post(&there);
    cocancel_wait(NULL, inner);
    for_ever();
}

static HRESULT query(ICancelMethodCalls *me, REFIID iid, void **out) { return (void)iid, *out = me, S_OK; }
static ULONG reference(ICancelMethodCalls *me) { return (void)me, 1; }
static HRESULT cancel(ICancelMethodCalls *me, ULONG seconds) { return (void)me, (void)seconds, S_OK; }
static HRESULT test(ICancelMethodCalls *me) { return (void)me, RPC_S_CALLPENDING; }

static void *with_an_object(void *with) {
    static const ICancelMethodCallsVtbl methods = {query, reference, reference, cancel, test};
    static ICancelMethodCalls object = {&methods};
    (void)with;
    MUST(CoEnableCallCancellation(NULL) == S_OK && CoSetCancelObject((IUnknown *)&object) == S_OK);
    sem_post(&there);
    for_ever();
}

/* Waits until the call's row has all of `flags` and none of `without`, and so many pins. */
static void wait_for(cocancel_call call, uint32_t flags, uint32_t without, uint32_t pins) {
    static const struct timespec moment = {0, 1000000};
    for (;; nanosleep(&moment, NULL)) {
        cocancel_call_info room[64];
        size_t n, count = 64;
        MUST(cocancel_snapshot(NULL, room, &count) == S_OK);
        for (n = 0; n < count; n++) {
            if (room[n].call == call && (room[n].flags & (flags | without)) == flags && room[n].pins == pins) return;
        }
    }
}

/* The last line of a table, and how many there are. */
static struct {
    int count;
    char last[80];
} lines;

static void count_line(void *to, const char *line, size_t length) {
    (void)to;
    lines.count++;
    if (length < sizeof lines.last) memcpy(lines.last, line, length + 1);
}

int main(void) {
    static const cocancel_hooks hooks = {NULL, NULL, NULL, NULL, NULL, event};
    static cocancel_call_options plain, limited, disabled;
    cocancel_call call;
    cocancel_call_info one;
    signal(SIGUSR1, print);
    MUST(sem_init(&there, 0, 0) == 0 && cocancel_set_hooks(&hooks) == S_OK);

    /* pending: nobody has asked anything; with a timeout of its own; begun while its thread was disabled */
    limited.timeout_ms = 3600 * 1000;
    disabled.flags = COCANCEL_ALWAYS_SLOT;
    stuck(client, &plain);
    stuck(client, &limited);
    stuck(client, &disabled);
    /* canceling: requested, in its grace time; a second canceller waits for the server */
    stuck(client, &plain);
    stuck(canceller, NULL);
    wait_for(client_call, COCANCEL_IS_REQUESTED, 0, 3);
    /* an orphan: its client was released and has finished, a serving thread still has it */
    stuck(released_client, NULL);
    stuck(server_of_an_orphan, NULL);
    MUST(cocancel_cancel_thread(NULL, client_thread, 0, COCANCEL_NO_WAIT) == S_OK);
    wait_for(client_call, COCANCEL_IS_SERVER, COCANCEL_IS_CLIENT, 1);
    /* two calls of one thread, the outer in its home slot, the inner in a shared one; a registered object */
    stuck(two_calls, NULL);
    stuck(with_an_object, NULL);
    /* asynchronous ones: completed but not finished, and one whose server failed */
    call = 0;
    MUST(cocancel_begin_async(NULL, NULL, &call) == S_OK && cocancel_complete(NULL, call, NULL) == S_OK);
    call = 0;
    MUST(cocancel_begin_async(NULL, NULL, &call) == S_OK && cocancel_abandon(NULL, call, E_FAIL, NULL) == S_OK);

    /* room for one: it says that there are more */
    MUST(cocancel_inspect_print(NULL, tick(), &one, 1, count_line, NULL) == 10);
    MUST(lines.count == 4 && strcmp(lines.last, "10 in use, of which are shown 1\n") == 0);
    print(0);
    for (;;) pause();
}
