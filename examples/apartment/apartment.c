/* See docs/integrating-in-a-com-runtime.md, which shows pieces of this. SPDX-License-Identifier: MIT OR Apache-2.0 */
#define _POSIX_C_SOURCE 200809L
#include "apartment.h"

#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <time.h>

/* A call's record. */
typedef struct call {
    method method;
    uint32_t argument, result;
    int32_t hr; /* the method's own */
    cocancel_call handle;
    int tracked;       /* 0: it took no slot, so the client waits for `done` */
    int done;          /* under the client's lock */
    apartment *client;
} call;

typedef struct item {
    struct item *next;
    call *call; /* NULL: a message */
    message message;
    void *argument;
} item;

struct apartment {
    atomic_long references;
    pthread_mutex_t lock;
    pthread_cond_t changed;
    item *first, **last;
    int woken, quit, closed;
    message_filter filter; /* its own thread's */
};

static _Thread_local apartment *current;
static atomic_long live;

long apartment_live(void) { return atomic_load(&live); }

static void *allocate(size_t size) {
    void *memory = calloc(1, size);
    if (memory == NULL)
        abort();
    atomic_fetch_add(&live, 1);
    return memory;
}

static void give_back(void *memory) {
    free(memory);
    atomic_fetch_sub(&live, 1);
}

apartment *apartment_reference(apartment *self) {
    atomic_fetch_add(&self->references, 1);
    return self;
}

void apartment_release(apartment *self) {
    if (atomic_fetch_sub(&self->references, 1) != 1)
        return;
    pthread_mutex_destroy(&self->lock);
    pthread_cond_destroy(&self->changed);
    give_back(self);
}

/* ---- the library's hooks ---- */

/* A wake context is an apartment with a reference. */
static void hook_wake(void *user, void *context) {
    apartment *self = context;
    (void)user;
    if (self == NULL)
        return;
    pthread_mutex_lock(&self->lock);
    self->woken = 1;
    pthread_cond_signal(&self->changed);
    pthread_mutex_unlock(&self->lock);
}

static void hook_retire(void *user, void *context) {
    (void)user;
    if (context != NULL)
        apartment_release(context);
}

/* The client's and the server's thread both ended. */
static void hook_orphaned(void *user, void *host) {
    (void)user;
    if (host != NULL)
        give_back(host);
}

void apartment_start(void) {
    static const cocancel_hooks hooks = {.wake = hook_wake, .retire = hook_retire, .orphaned = hook_orphaned};
    cocancel_set_hooks(&hooks);
}

/* ---- the queue ---- */

static int push(apartment *self, item *item) {
    int open;
    item->next = NULL;
    pthread_mutex_lock(&self->lock);
    open = !self->closed;
    if (open) {
        *self->last = item;
        self->last = &item->next;
        pthread_cond_signal(&self->changed);
    }
    pthread_mutex_unlock(&self->lock);
    return open;
}

static item *pop_locked(apartment *self) {
    item *item = self->first;
    if (item != NULL) {
        self->first = item->next;
        if (self->first == NULL)
            self->last = &self->first;
    }
    return item;
}

static struct timespec after(uint32_t ms) {
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    time.tv_sec += ms / 1000;
    time.tv_nsec += (long)(ms % 1000) * 1000000;
    if (time.tv_nsec >= 1000000000) {
        time.tv_sec++;
        time.tv_nsec -= 1000000000;
    }
    return time;
}

/* The next item; NULL: woken, or *stop, or `ms` are over. */
static item *take(apartment *self, uint32_t ms, const int *stop) {
    struct timespec until = after(ms);
    item *item = NULL;
    int late = 0;
    pthread_mutex_lock(&self->lock);
    while (!self->woken && !*stop && !late && (item = pop_locked(self)) == NULL)
        if (ms == COCANCEL_INFINITE)
            pthread_cond_wait(&self->changed, &self->lock);
        else
            late = pthread_cond_timedwait(&self->changed, &self->lock, &until) == ETIMEDOUT;
    self->woken = 0;
    pthread_mutex_unlock(&self->lock);
    return item;
}

/* ---- the server's side ---- */

/* By the host's own means: the client waits for `done`, and has the record from then on. A method must not end its thread: the library would fail
   the calls it tracks, but nobody would come here for the others. examples/ole32 does, at thread detach. */
static void deliver_untracked(call *call) {
    apartment *client = call->client;
    pthread_mutex_lock(&client->lock);
    call->done = 1;
    pthread_cond_signal(&client->changed);
    pthread_mutex_unlock(&client->lock);
}

static void end(call *call, int32_t failure) {
    int32_t hr;
    if (!call->tracked) {
        if (failure != COCANCEL_S_OK)
            call->hr = failure;
        deliver_untracked(call);
        return;
    }
    hr = failure != COCANCEL_S_OK ? cocancel_abandon(NULL, call->handle, failure, NULL)
                                  : cocancel_complete(NULL, call->handle, NULL);
    if (hr == COCANCEL_RPC_E_CALL_CANCELED)
        give_back(call); /* the client went before: the record is ours */
}

static void serve(call *call) {
    cocancel_call frame;
    if (cocancel_enter(NULL, call->handle, &frame, NULL) != COCANCEL_S_OK) {
        give_back(call); /* cancelled in the queue; that was its completion */
        return;
    }
    call->hr = call->method(call->argument, &call->result);
    cocancel_leave(NULL, frame);
    end(call, COCANCEL_S_OK);
}

static void dispatch(item *item) {
    if (item->call != NULL)
        serve(item->call);
    else
        item->message(item->argument);
    give_back(item);
}

/* ---- the client's side ---- */

/* What the client keeps of its call while it waits: the record may be the server's any time. */
typedef struct waiting {
    cocancel_call handle;
    const int *done; /* the record's, if it took no slot: then it stays the client's */
} waiting;

static void pump(apartment *self, const waiting *call, uint32_t ms) {
    static const int never = 0;
    item *item = take(self, ms, call->done != NULL ? call->done : &never);
    if (item == NULL)
        return;
    /* calls come in as ever; about messages the filter is asked */
    if (item->call == NULL && self->filter != NULL && self->filter() == FILTER_CANCEL_CALL)
        cocancel_cancel_call(NULL, call->handle, 0, COCANCEL_NO_WAIT);
    dispatch(item);
}

static int is_pending(apartment *self, const waiting *call, uint32_t *remaining) {
    int pending;
    if (call->done == NULL)
        return cocancel_poll(NULL, call->handle, remaining) == COCANCEL_RPC_S_CALLPENDING;
    *remaining = COCANCEL_INFINITE;
    pthread_mutex_lock(&self->lock);
    pending = !*call->done;
    pthread_mutex_unlock(&self->lock);
    return pending;
}

static void hand_off(apartment *server, call *call) {
    item *item = allocate(sizeof *item);
    item->call = call;
    if (!push(server, item)) {
        give_back(item);
        end(call, COCANCEL_RPC_E_SERVER_DIED);
    }
}

int32_t apartment_call(apartment *server, method method, uint32_t argument, uint32_t *result) {
    apartment *self = current;
    cocancel_call_options options = {0};
    call *call = allocate(sizeof *call);
    waiting waiting = {0, NULL};
    uint32_t remaining;
    int32_t hr;
    call->method = method;
    call->argument = argument;
    call->client = self;
    options.host = call;
    options.context = apartment_reference(self);
    options.flags = COCANCEL_ALWAYS_SLOT; /* or the message filter could not cancel the call of a disabled thread */
    call->tracked = cocancel_begin(NULL, &options, &call->handle) == COCANCEL_S_OK;
    waiting.handle = call->handle;
    if (!call->tracked) {
        waiting.done = &call->done;
        apartment_release(self); /* it has no wake context */
    }
    hand_off(server, call);
    while (is_pending(self, &waiting, &remaining))
        pump(self, &waiting, remaining);
    hr = cocancel_finish(NULL, waiting.handle);
    if (hr == COCANCEL_RPC_E_CALL_CANCELED)
        return hr; /* the record is the server's */
    if (hr == COCANCEL_S_OK)
        hr = call->hr;
    *result = call->result;
    give_back(call);
    return hr;
}

/* ---- apartments ---- */

apartment *apartment_enter(void) {
    pthread_condattr_t attributes;
    current = allocate(sizeof *current);
    atomic_store(&current->references, 1);
    pthread_mutex_init(&current->lock, NULL);
    pthread_condattr_init(&attributes);
    pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    pthread_cond_init(&current->changed, &attributes);
    pthread_condattr_destroy(&attributes);
    current->last = &current->first;
    return current;
}

void apartment_leave(void) {
    apartment *self = current;
    item *item;
    pthread_mutex_lock(&self->lock);
    self->closed = 1; /* nothing comes in from here on */
    pthread_mutex_unlock(&self->lock);
    while ((item = pop_locked(self)) != NULL) {
        if (item->call != NULL)
            end(item->call, COCANCEL_RPC_E_SERVER_DIED);
        give_back(item);
    }
    current = NULL;
    apartment_release(self);
}

void apartment_set_filter(message_filter filter) { current->filter = filter; }

void apartment_run(void) {
    for (;;) {
        item *item = take(current, COCANCEL_INFINITE, &current->quit);
        if (item != NULL)
            dispatch(item);
        else if (current->quit)
            return;
    }
}

void apartment_quit(apartment *self) {
    pthread_mutex_lock(&self->lock);
    self->quit = 1;
    pthread_cond_signal(&self->changed);
    pthread_mutex_unlock(&self->lock);
}

void apartment_post(apartment *self, message message, void *argument) {
    item *item = allocate(sizeof *item);
    item->message = message;
    item->argument = argument;
    if (!push(self, item))
        give_back(item);
}
