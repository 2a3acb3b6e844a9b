/* The stand-in for Zephyr's kernel: see include/zephyr/kernel.h. SPDX-License-Identifier: MIT OR Apache-2.0 */
#include <zephyr/irq_offload.h>
#include <zephyr/kernel.h>

#include <errno.h>
#include <sched.h>
#include <stdlib.h>
#include <time.h>

#define MUST(call) \
    if ((call) != 0) abort()

static struct k_thread of_main;
static __thread k_tid_t current;
static __thread bool in_isr;

static int64_t monotonic_ms(void) {
    struct timespec now;
    MUST(clock_gettime(CLOCK_MONOTONIC, &now));
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

uint32_t k_uptime_get_32(void) {
    static int64_t first;
    int64_t now = monotonic_ms();
    int64_t none = 0;
    __atomic_compare_exchange_n(&first, &none, now, false, __ATOMIC_RELAXED, __ATOMIC_RELAXED);
    return (uint32_t)(now - __atomic_load_n(&first, __ATOMIC_RELAXED)) + UPTIME;
}

int32_t k_sleep(k_timeout_t timeout) {
    struct timespec left = {timeout.ms / 1000, timeout.ms % 1000 * 1000000};
    while (nanosleep(&left, &left) != 0) {
    }
    return 0;
}

static void *run(void *argument) {
    current = (k_tid_t)argument;
    current->entry(current->arguments[0], current->arguments[1], current->arguments[2]);
    return NULL;
}

k_tid_t k_thread_create(struct k_thread *thread, k_thread_stack_t *stack, size_t size, k_thread_entry_t entry, void *one, void *two,
                        void *three, int priority, uint32_t options, k_timeout_t delay) {
    (void)stack, (void)size, (void)priority, (void)options;
    thread->entry = entry;
    thread->arguments[0] = one;
    thread->arguments[1] = two;
    thread->arguments[2] = three;
    if (delay.ms == 0) k_thread_start(thread);
    return thread;
}

void k_thread_start(k_tid_t thread) { MUST(pthread_create(&thread->thread, NULL, run, thread)); }
int k_thread_join(struct k_thread *thread, k_timeout_t timeout) { return (void)timeout, pthread_join(thread->thread, NULL); }
k_tid_t k_current_get(void) { return current != NULL ? current : &of_main; }
bool k_is_in_isr(void) { return in_isr; }

int k_sem_init(struct k_sem *sem, unsigned initial, unsigned limit) {
    MUST(pthread_mutex_init(&sem->mutex, NULL));
    MUST(pthread_cond_init(&sem->given, NULL));
    sem->count = initial;
    sem->limit = limit;
    return 0;
}

int k_sem_take(struct k_sem *sem, k_timeout_t timeout) {
    int64_t until = monotonic_ms() + timeout.ms;
    struct timespec end = {until / 1000, until % 1000 * 1000000};
    int answer = 0;
    if (in_isr && timeout.ms != 0) abort();
    MUST(pthread_mutex_lock(&sem->mutex));
    while (sem->count == 0 && answer == 0) {
        answer = timeout.ms < 0 ? pthread_cond_wait(&sem->given, &sem->mutex)
                                : pthread_cond_clockwait(&sem->given, &sem->mutex, CLOCK_MONOTONIC, &end);
    }
    if (answer == 0) sem->count--;
    MUST(pthread_mutex_unlock(&sem->mutex));
    return answer == 0 ? 0 : -EAGAIN;
}

void k_sem_give(struct k_sem *sem) {
    MUST(pthread_mutex_lock(&sem->mutex));
    if (sem->count < sem->limit) sem->count++;
    MUST(pthread_cond_signal(&sem->given));
    MUST(pthread_mutex_unlock(&sem->mutex));
}

k_spinlock_key_t k_spin_lock(struct k_spinlock *lock) {
    k_spinlock_key_t key = {0};
    while (__atomic_exchange_n(&lock->is_taken, 1, __ATOMIC_ACQUIRE) != 0) sched_yield();
    return key;
}

void k_spin_unlock(struct k_spinlock *lock, k_spinlock_key_t key) {
    (void)key;
    __atomic_store_n(&lock->is_taken, 0, __ATOMIC_RELEASE);
}

/* A thread of its own, which counts as an interrupt handler. */
static void *expire(void *argument) {
    struct k_timer *timer = (struct k_timer *)argument;
    k_sleep(K_MSEC(timer->ms));
    in_isr = true;
    timer->expire(timer);
    return NULL;
}

void k_timer_start(struct k_timer *timer, k_timeout_t duration, k_timeout_t period) {
    pthread_t thread;
    (void)period;
    timer->ms = duration.ms;
    MUST(pthread_create(&thread, NULL, expire, timer));
    MUST(pthread_detach(thread));
}

void irq_offload(irq_offload_routine_t routine, const void *parameter) {
    in_isr = true;
    routine(parameter);
    in_isr = false;
}
