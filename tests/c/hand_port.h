/* A host's port for tests: threads sleep on a condition variable, the clock stands still until the test sets it, and all that the
   library tells the host is written down as words. SPDX-License-Identifier: MIT OR Apache-2.0 */
#ifndef HAND_PORT_H
#define HAND_PORT_H

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "check.h"

enum { HAND_THREADS = 64, HAND_FIRST_ID = 1000, HAND_LOG = 1024 };

/* What the port knows of one thread. It is the thread's wake context, too. */
typedef struct hand_thread {
    uint32_t id;
    void *local;
    uint32_t in_interrupt;
    uint32_t seen; /* the time that it was last told */
    uint32_t until_ms;
    int asleep;
    int latched; /* woken before it slept */
    int held;    /* does not notice the clock, only a wake */
} hand_thread;

typedef struct hand_port {
    pthread_mutex_t mutex;
    pthread_cond_t changed;
    pthread_key_t self;
    uint32_t clock;
    hand_thread threads[HAND_THREADS];
    uint32_t thread_count;
    unsigned waits;
    cocancel_call call; /* the one that the words are about */
    char life[HAND_LOG];  /* events */
    char wakes[HAND_LOG]; /* whom it wakes, and contexts that it retires */
    char told[HAND_LOG];  /* what servers are told, and records that nobody owns */
} hand_port;

static inline void hand_lock(hand_port *port) { CHECK_TRUE(pthread_mutex_lock(&port->mutex) == 0); }
static inline void hand_unlock(hand_port *port) { CHECK_TRUE(pthread_mutex_unlock(&port->mutex) == 0); }

/* Adds a word to a log. The caller has the lock. */
static inline void hand_say(char *log, const char *word) {
    if (strlen(log) + strlen(word) + 2 > HAND_LOG) abort();
    if (*log) strcat(log, " ");
    strcat(log, word);
}

static inline hand_thread *hand_self(hand_port *port) {
    hand_thread *self = (hand_thread *)pthread_getspecific(port->self);
    if (self) return self;
    hand_lock(port);
    if (port->thread_count == HAND_THREADS) abort();
    self = &port->threads[port->thread_count];
    self->id = HAND_FIRST_ID + port->thread_count++;
    hand_unlock(port);
    CHECK_TRUE(pthread_setspecific(port->self, self) == 0);
    return self;
}

/* ---- the port's functions ---- */

static inline uint32_t hand_thread_id(void *user) { return hand_self((hand_port *)user)->id; }
static inline void *hand_local(void *user) { return hand_self((hand_port *)user)->local; }
static inline void hand_set_local(void *user, void *value) { hand_self((hand_port *)user)->local = value; }
static inline uint32_t hand_in_interrupt(void *user) { return hand_self((hand_port *)user)->in_interrupt; }
static inline void *hand_waiter(void *user) { return hand_self((hand_port *)user); }

static inline uint32_t hand_tick(void *user) {
    hand_port *port = (hand_port *)user;
    hand_thread *self = hand_self(port);
    uint32_t now;
    hand_lock(port);
    now = self->seen = port->clock;
    hand_unlock(port);
    return now;
}

static inline int hand_is_over(const hand_port *port, const hand_thread *thread) {
    /* counted from the time that the library saw, so that a clock set meanwhile is not missed */
    return !thread->held && thread->until_ms != COCANCEL_INFINITE && (uint32_t)(port->clock - thread->seen) >= thread->until_ms;
}

static inline void hand_wait(void *user, const cocancel_wait_point *point, uint32_t ms) {
    hand_port *port = (hand_port *)user;
    hand_thread *self = (hand_thread *)point->context;
    CHECK_TRUE(self == hand_self(port));
    CHECK_TRUE(point->word != NULL && (point->side == COCANCEL_CLIENT || point->side == COCANCEL_CANCELLER));
    CHECK_TRUE(ms != 0 && !self->in_interrupt);
    hand_lock(port);
    port->waits++;
    self->until_ms = ms;
    self->asleep = !self->latched && !hand_is_over(port, self);
    self->latched = 0;
    CHECK_TRUE(pthread_cond_broadcast(&port->changed) == 0);
    while (self->asleep) CHECK_TRUE(pthread_cond_wait(&port->changed, &port->mutex) == 0);
    hand_unlock(port);
}

static inline void hand_wake(void *user, const cocancel_wait_point *point) {
    hand_port *port = (hand_port *)user;
    hand_thread *thread = (hand_thread *)point->context;
    hand_lock(port);
    hand_say(port->wakes, point->side == COCANCEL_CLIENT ? "client" : "canceller");
    if (!thread->asleep) thread->latched = 1;
    thread->asleep = 0;
    CHECK_TRUE(pthread_cond_broadcast(&port->changed) == 0);
    hand_unlock(port);
}

/* ---- its hooks ---- */

static inline void hand_wake_context(void *user, void *context) {
    hand_port *port = (hand_port *)user;
    hand_lock(port);
    hand_say(port->wakes, (const char *)context);
    hand_unlock(port);
}

static inline void hand_retire(void *user, void *context) {
    hand_port *port = (hand_port *)user;
    CHECK_TRUE(context != NULL);
    hand_lock(port);
    hand_say(port->wakes, "retire");
    hand_unlock(port);
}

static inline void hand_retire_word(void *user, void *context) {
    hand_port *port = (hand_port *)user;
    hand_lock(port);
    hand_say(port->wakes, "retire");
    hand_say(port->wakes, (const char *)context);
    hand_unlock(port);
}

static inline void hand_cancel_requested(void *user, cocancel_call call, void *context, uint32_t remaining_ms) {
    hand_port *port = (hand_port *)user;
    char word[32];
    (void)context;
    if (remaining_ms == COCANCEL_INFINITE) strcpy(word, "for-ever");
    else snprintf(word, sizeof word, "%lu", (unsigned long)remaining_ms);
    hand_lock(port);
    hand_say(port->told, call == port->call ? word : "another");
    hand_unlock(port);
}

static inline void hand_orphaned(void *user, void *host) {
    hand_port *port = (hand_port *)user;
    hand_lock(port);
    hand_say(port->told, "nobody's:");
    hand_say(port->told, host ? (const char *)host : "none");
    hand_unlock(port);
}

static inline void hand_event(void *user, uint32_t kind, cocancel_call call) {
    static const char *const words[] = {"?",      "begun",    "entered",  "left",    "requested", "completed",
                                        "failed", "canceled", "orphaned", "finished"};
    hand_port *port = (hand_port *)user;
    hand_lock(port);
    if (kind == COCANCEL_EVENT_BEGUN) port->call = call;
    hand_say(port->life, kind < sizeof words / sizeof *words ? words[kind] : "?");
    if (call != port->call) hand_say(port->life, "(another)");
    hand_unlock(port);
}

/* ---- for the tests ---- */

static inline void hand_set_up(hand_port *port, uint32_t clock) {
    memset(port, 0, sizeof *port);
    CHECK_TRUE(pthread_mutex_init(&port->mutex, NULL) == 0 && pthread_cond_init(&port->changed, NULL) == 0);
    CHECK_TRUE(pthread_key_create(&port->self, NULL) == 0);
    port->clock = clock;
}

/* The port with thread-local storage, on which threads can block. */
static inline cocancel_port hand_blocking(hand_port *user) {
    cocancel_port port;
    memset(&port, 0, sizeof port);
    port.size = sizeof port;
    port.thread_id = hand_thread_id;
    port.tick = hand_tick;
    port.local = hand_local;
    port.set_local = hand_set_local;
    port.in_interrupt = hand_in_interrupt;
    port.waiter = hand_waiter;
    port.wait = hand_wait;
    port.wake = hand_wake;
    port.hooks.user = user;
    port.hooks.retire = hand_retire;
    port.hooks.cancel_requested = hand_cancel_requested;
    port.hooks.orphaned = hand_orphaned;
    port.hooks.event = hand_event;
    return port;
}

/* The port without thread-local storage, on which nothing can block; wake contexts are the words to write down. */
static inline cocancel_port hand_polling(hand_port *user) {
    cocancel_port port = hand_blocking(user);
    port.local = NULL;
    port.set_local = NULL;
    port.waiter = NULL;
    port.wait = NULL;
    port.wake = NULL;
    port.hooks.wake = hand_wake_context;
    port.hooks.retire = hand_retire_word;
    return port;
}

static inline void hand_hold(hand_port *port, uint32_t id, int held) {
    hand_lock(port);
    port->threads[id - HAND_FIRST_ID].held = held;
    hand_unlock(port);
}

static inline void hand_set_clock(hand_port *port, uint32_t clock) {
    uint32_t n;
    hand_lock(port);
    port->clock = clock;
    for (n = 0; n < port->thread_count; n++)
        if (hand_is_over(port, &port->threads[n])) port->threads[n].asleep = 0;
    CHECK_TRUE(pthread_cond_broadcast(&port->changed) == 0);
    hand_unlock(port);
}

static inline void hand_advance(hand_port *port, uint32_t ms) { hand_set_clock(port, port->clock + ms); }

/* Waits until that many threads are asleep, with nothing that would wake them. */
static inline void hand_await_asleep(hand_port *port, uint32_t wanted) {
    hand_lock(port);
    for (;;) {
        uint32_t n, asleep = 0;
        for (n = 0; n < port->thread_count; n++) asleep += port->threads[n].asleep != 0;
        if (asleep == wanted) break;
        CHECK_TRUE(pthread_cond_wait(&port->changed, &port->mutex) == 0);
    }
    hand_unlock(port);
}

static inline void hand_check_words(hand_port *port, const char *file, int line, char *log, const char *expected) {
    hand_lock(port);
    if (strcmp(log, expected) != 0) {
        failures++;
        printf("%s:%d: got \"%s\", expected \"%s\"\n", file, line, log, expected);
    }
    *log = 0;
    hand_unlock(port);
}

/* What was written down since the last time is just this. */
#define CHECK_LIFE(port, expected) hand_check_words(port, __FILE__, __LINE__, (port)->life, expected)
#define CHECK_WAKES(port, expected) hand_check_words(port, __FILE__, __LINE__, (port)->wakes, expected)
#define CHECK_TOLD(port, expected) hand_check_words(port, __FILE__, __LINE__, (port)->told, expected)

static inline unsigned hand_take_waits(hand_port *port) {
    unsigned waits;
    hand_lock(port);
    waits = port->waits;
    port->waits = 0;
    hand_unlock(port);
    return waits;
}

#endif
