/* A port to POSIX threads and semaphores, and the suite on it. Interrupt handlers are signal handlers here. With arguments: the name of a
   defect that the port is to have (planted.c), and which clauses to run.
   SPDX-License-Identifier: MIT OR Apache-2.0 */
#define _GNU_SOURCE /* sem_clockwait */
#include <errno.h>
#include <pthread.h>
#include <semaphore.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "conformance.h"
#include "planted.h"

/* ---- the port ---- */

enum { RECORDS = 8 };

/* A thread's. It is there for ever, so that a late wake finds it. */
typedef struct record {
    sem_t woken;
    shared_word is_taken;
    uint32_t id; /* of the last thread that had it */
    void *local;
    uint32_t handlers;
} record;

static record records[RECORDS];
static pthread_key_t own;
/* So that the tick wraps soon. */
static uint32_t first_tick;

static record *need_record(void) {
    record *found = (record *)pthread_getspecific(own);
    uint32_t n;
    for (n = 0; found == NULL && n < RECORDS; n++) {
        if (__atomic_exchange_n(&records[n].is_taken, 1, __ATOMIC_ACQ_REL) != 0) continue;
        found = &records[n];
        found->id = ((found->id | 0xFF) + 1) | (n + 1);
        if (pthread_setspecific(own, found) != 0) abort();
    }
    return found;
}

/* When a thread ends. */
static void end_thread(void *argument) {
    record *gone = (record *)argument;
    if (pthread_setspecific(own, gone) != 0) abort();
    if (!exit_is_forgotten) (void)cocancel_thread_exit(NULL);
    if (pthread_setspecific(own, NULL) != 0) abort();
    gone->local = NULL;
    set(&gone->is_taken, 0);
}

static uint32_t in_interrupt(void *user) {
    record *self = (record *)pthread_getspecific(own);
    (void)user;
    return self != NULL && self->handlers != 0;
}

static uint32_t thread_id(void *user) {
    record *self = in_interrupt(user) ? NULL : need_record();
    return self != NULL ? self->id : 0;
}

static uint32_t monotonic_ms(void) {
    struct timespec now;
    if (clock_gettime(CLOCK_MONOTONIC, &now) != 0) abort();
    return (uint32_t)now.tv_sec * 1000 + (uint32_t)(now.tv_nsec / 1000000);
}

static uint32_t tick(void *user) {
    (void)user;
    return monotonic_ms() - first_tick;
}

static void *local(void *user) {
    record *self = in_interrupt(user) ? NULL : (record *)pthread_getspecific(own);
    return self != NULL ? self->local : NULL;
}

static void set_local(void *user, void *value) {
    record *self = need_record();
    (void)user;
    if (self != NULL) self->local = value;
}

static void *waiter(void *user) {
    (void)user;
    return need_record();
}

static void wait(void *user, const cocancel_wait_point *point, uint32_t ms) {
    record *self = (record *)point->context;
    struct timespec until;
    (void)user;
    if (clock_gettime(CLOCK_MONOTONIC, &until) != 0) abort();
    until.tv_sec += ms / 1000;
    until.tv_nsec += (long)(ms % 1000) * 1000000;
    if (until.tv_nsec >= 1000000000) {
        until.tv_sec++;
        until.tv_nsec -= 1000000000;
    }
    if (ms == COCANCEL_INFINITE) (void)sem_wait(&self->woken);
    else (void)sem_clockwait(&self->woken, CLOCK_MONOTONIC, &until);
}

static void wake(void *user, const cocancel_wait_point *point) {
    (void)user;
    (void)sem_post(&((record *)point->context)->woken);
}

/* ---- the host ---- */

typedef struct thread {
    pthread_t thread;
    void (*run)(void *argument);
    void *argument;
} thread;

static void *run_thread(void *argument) {
    thread *self = (thread *)argument;
    self->run(self->argument);
    return NULL;
}

static void *start(void (*run)(void *argument), void *argument) {
    thread *it = (thread *)malloc(sizeof *it);
    if (it == NULL) abort();
    it->run = run;
    it->argument = argument;
    if (pthread_create(&it->thread, NULL, run_thread, it) != 0) abort();
    return it;
}

static void join(void *argument) {
    thread *it = (thread *)argument;
    if (pthread_join(it->thread, NULL) != 0) abort();
    free(it);
}

static void sleep_ms(uint32_t ms) {
    struct timespec left = {(time_t)(ms / 1000), (long)(ms % 1000) * 1000000};
    while (nanosleep(&left, &left) != 0) {
        if (errno != EINTR) abort();
    }
}

static void (*handler)(void *argument);
static void *handlers_argument;

static void handle(int signal) {
    record *self = (record *)pthread_getspecific(own);
    (void)signal;
    self->handlers++;
    handler(handlers_argument);
    self->handlers--;
}

static void interrupt(void (*run)(void *argument), void *argument) {
    (void)need_record();
    handler = run;
    handlers_argument = argument;
    if (raise(SIGUSR1) != 0) abort();
}

static void say(const char *text) {
    (void)fputs(text, stdout);
    (void)fflush(stdout);
}

int main(int count, char **words) {
    conformance_host host = {{sizeof(cocancel_port), thread_id, tick, local, set_local, in_interrupt, waiter, wait, wake,
                              {NULL, NULL, NULL, NULL, NULL, NULL}},
                             start, join, sleep_ms, interrupt, say, COCANCEL_INFINITE, 0, 0, NULL};
    struct sigaction action = {0};
    int n;
    action.sa_handler = handle;
    if (sigaction(SIGUSR1, &action, NULL) != 0 || pthread_key_create(&own, end_thread) != 0) return 2;
    for (n = 0; n < RECORDS; n++)
        if (sem_init(&records[n].woken, 0, 0) != 0) return 2;
    host.wraps_within_ms = 60000;
    first_tick = monotonic_ms() + 1000;
    if (count > 1 && !plant(words[1], &host)) return 2;
    if (count > 2) host.only = &words[2];
    return (int)conformance_run(&host);
}
