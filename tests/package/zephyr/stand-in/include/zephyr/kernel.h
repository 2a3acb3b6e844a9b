/* A stand-in for Zephyr's kernel on POSIX threads: as much of its interface as the port, the sample and the suite's host use. Not Zephyr: it shows
   what the port's code does, not that it compiles with Zephyr's own headers.
   SPDX-License-Identifier: MIT OR Apache-2.0 */
#ifndef STAND_IN_KERNEL_H
#define STAND_IN_KERNEL_H

#include <pthread.h>
#include <semaphore.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#define printk printf
#define Z_THREAD_LOCAL __thread

typedef struct {
    int64_t ms;
} k_timeout_t;
#define K_MSEC(n) ((k_timeout_t){(n)})
#define K_FOREVER ((k_timeout_t){-1})
#define K_NO_WAIT ((k_timeout_t){0})
uint32_t k_uptime_get_32(void);
int32_t k_sleep(k_timeout_t timeout);

typedef void (*k_thread_entry_t)(void *one, void *two, void *three);
struct k_thread {
    pthread_t thread;
    k_thread_entry_t entry;
    void *arguments[3];
};
typedef struct k_thread *k_tid_t;
typedef char k_thread_stack_t;
#define K_THREAD_STACK_DEFINE(name, size) k_thread_stack_t name[size]
#define K_THREAD_STACK_ARRAY_DEFINE(name, count, size) k_thread_stack_t name[count][size]
#define K_THREAD_STACK_SIZEOF(name) sizeof(name)
#define K_PRIO_PREEMPT(n) (n)
k_tid_t k_thread_create(struct k_thread *thread, k_thread_stack_t *stack, size_t size, k_thread_entry_t entry, void *one, void *two,
                        void *three, int priority, uint32_t options, k_timeout_t delay);
void k_thread_start(k_tid_t thread);
int k_thread_join(struct k_thread *thread, k_timeout_t timeout);
k_tid_t k_current_get(void);
bool k_is_in_isr(void);

struct k_sem {
    pthread_mutex_t mutex;
    pthread_cond_t given;
    unsigned count, limit;
};
#define K_SEM_DEFINE(name, initial, most) struct k_sem name = {PTHREAD_MUTEX_INITIALIZER, PTHREAD_COND_INITIALIZER, initial, most}
int k_sem_init(struct k_sem *sem, unsigned initial, unsigned limit);
int k_sem_take(struct k_sem *sem, k_timeout_t timeout);
void k_sem_give(struct k_sem *sem);

/* All 0 is free. */
struct k_spinlock {
    int is_taken;
};
typedef struct {
    int unused;
} k_spinlock_key_t;
k_spinlock_key_t k_spin_lock(struct k_spinlock *lock);
void k_spin_unlock(struct k_spinlock *lock, k_spinlock_key_t key);

struct k_timer;
typedef void (*k_timer_expiry_t)(struct k_timer *timer);
struct k_timer {
    k_timer_expiry_t expire;
    int64_t ms;
};
#define K_TIMER_DEFINE(name, expire, stop) struct k_timer name = {expire, 0}
void k_timer_start(struct k_timer *timer, k_timeout_t duration, k_timeout_t period);

#endif
