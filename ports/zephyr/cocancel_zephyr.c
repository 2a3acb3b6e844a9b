/* The port of cocancel to Zephyr's kernel. The clauses of the contract: docs/porting.md.
   SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "cocancel_zephyr.h"

#if !defined(CONFIG_THREAD_LOCAL_STORAGE)
#error "the port needs CONFIG_THREAD_LOCAL_STORAGE"
#endif
#if CONFIG_COCANCEL_THREADS > 255
#error "a thread's id has 8 bits for its record"
#endif

/* Kernels with 32-bit timeouts count ticks of a microsecond at the shortest; a longer sleep ends early, and is begun again. */
#define LONGEST_SLEEP_MS 1000000u

/* What a thread has here. A wake context is a record and not a thread, because a waker may be late: records and their semaphores are there for
   ever, and one whose thread is gone wakes nobody, or for no reason the thread that has it now. */
typedef struct record {
    k_tid_t thread; /* NULL: free */
    uint32_t id;    /* stays when it is free, so that the next thread gets another; 0: not set up */
    void *local;
    struct k_sem woken;
} record;

static record records[CONFIG_COCANCEL_THREADS];
static struct k_spinlock lock; /* of `thread` and `id` in all records */
/* The calling thread's record, or the one of a thread that is gone, in whose name it does what is left. */
static Z_THREAD_LOCAL record *own;

/* A thread's record; takes a free one if it has none yet. */
static record *need_record_of(k_tid_t thread) {
    record *found = NULL;
    uint32_t n;
    k_spinlock_key_t key = k_spin_lock(&lock);
    for (n = 0; n < CONFIG_COCANCEL_THREADS; n++) {
        if (records[n].thread == thread) {
            found = &records[n];
            break;
        }
        if (records[n].thread == NULL && found == NULL) found = &records[n];
    }
    if (found != NULL && found->thread == NULL) {
        if (found->id == 0) (void)k_sem_init(&found->woken, 0, 1);
        found->id = ((found->id | 0xFFu) + 1) | ((uint32_t)(found - records) + 1);
        found->local = NULL;
        found->thread = thread;
    }
    k_spin_unlock(&lock, key);
    return found;
}

static record *need_record(void) {
    if (own == NULL) own = need_record_of(k_current_get());
    return own;
}

/* Only one that has it already. */
static record *find_record(k_tid_t thread) {
    record *found = NULL;
    uint32_t n;
    k_spinlock_key_t key = k_spin_lock(&lock);
    for (n = 0; n < CONFIG_COCANCEL_THREADS && found == NULL; n++)
        if (records[n].thread == thread) found = &records[n];
    k_spin_unlock(&lock, key);
    return found;
}

static void free_record(record *of) {
    k_spinlock_key_t key = k_spin_lock(&lock);
    of->thread = NULL;
    k_spin_unlock(&lock, key);
}

static uint32_t in_interrupt(void *user) {
    (void)user;
    return k_is_in_isr() ? 1 : 0;
}

static uint32_t thread_id(void *user) {
    record *self = in_interrupt(user) ? NULL : need_record();
    return self != NULL ? self->id : 0;
}

/* The lower half of 64 bits, so it wraps at 2^32. */
static uint32_t tick(void *user) {
    (void)user;
    return k_uptime_get_32();
}

static void *local(void *user) {
    /* in a handler the thread's words are the interrupted thread's */
    return !in_interrupt(user) && own != NULL ? own->local : NULL;
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

static void sleep_on(record *self, uint32_t ms) {
    if (self == NULL) {
        k_sleep(K_MSEC(1)); /* no record was free, so nobody can wake it: look again */
    } else if (ms == COCANCEL_INFINITE) {
        (void)k_sem_take(&self->woken, K_FOREVER);
    } else {
        /* rounded up to the kernel's ticks */
        (void)k_sem_take(&self->woken, K_MSEC(ms < LONGEST_SLEEP_MS ? ms : LONGEST_SLEEP_MS));
    }
}

static void wait(void *user, const cocancel_wait_point *point, uint32_t ms) {
    (void)user;
    sleep_on((record *)point->context, ms);
}

/* At most one token is kept: the waiter looks after each. */
static void wake(void *user, const cocancel_wait_point *point) {
    (void)user;
    if (point->context != NULL) k_sem_give(&((record *)point->context)->woken);
}

const cocancel_port cocancel_zephyr_port = {
    sizeof(cocancel_port), thread_id, tick, local, set_local, in_interrupt, waiter, wait, wake, {NULL, NULL, NULL, NULL, NULL, NULL},
};

int32_t cocancel_zephyr_init(void *storage, size_t size, size_t calls, size_t threads, const cocancel_hooks *hooks) {
    static cocancel_port port; /* the library keeps a pointer to it */
    cocancel_runtime *runtime;
    int32_t answer;
    port = cocancel_zephyr_port;
    if (hooks != NULL) port.hooks = *hooks;
    answer = cocancel_init(COCANCEL_ABI_VERSION, storage, size, calls, threads, &port, &runtime);
    return answer == COCANCEL_S_OK ? cocancel_set_default(runtime) : answer;
}

uint32_t cocancel_zephyr_id(k_tid_t thread) {
    record *found = need_record_of(thread != NULL ? thread : k_current_get());
    return found != NULL ? found->id : 0;
}

void *cocancel_zephyr_context(void) { return need_record(); }

void cocancel_zephyr_sleep(uint32_t ms) { sleep_on(need_record(), ms); }

void cocancel_zephyr_gone(k_tid_t thread) {
    record *gone = find_record(thread), *mine = own;
    if (gone == NULL) return;
    own = gone;
    (void)cocancel_thread_exit(NULL);
    own = mine;
    free_record(gone);
}

void cocancel_zephyr_exit(void) {
    cocancel_zephyr_gone(k_current_get());
    own = NULL;
}
