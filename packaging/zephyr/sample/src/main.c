/* A client thread is stuck in a call: its server never answers. It is freed at once by another thread, after a grace time by a timer's
   interrupt handler, and by a timeout of its own. Every outcome is checked.
   SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "cocancel_zephyr.h"

enum { CALLS = 4, THREADS = 2, STACK = 2048 };

static COCANCEL_STORAGE(storage, CALLS, THREADS);
K_THREAD_STACK_DEFINE(client_stack, STACK);
static struct k_thread client;
static uint32_t client_id;
static unsigned wrong;

static void check(const char *what, int32_t got, int32_t expected) {
    if (got != expected) wrong++;
    printk("%s: %s%s\n", what, cocancel_hresult_name(got), got == expected ? "" : ", which is wrong");
}

/* One call. The server's side gets its handle and is silent; here it is told at the end, in the same thread. */
static void call(const char *what, uint32_t timeout_ms) {
    cocancel_call_options options = {0};
    cocancel_call handle;
    options.timeout_ms = timeout_ms;
    check("begin", cocancel_begin(NULL, &options, &handle), COCANCEL_S_OK);
    check(what, cocancel_wait(NULL, handle), COCANCEL_RPC_E_CALL_CANCELED);
    check("finish", cocancel_finish(NULL, handle), COCANCEL_RPC_E_CALL_CANCELED);
    check("the late reply", cocancel_complete(NULL, handle, NULL), COCANCEL_RPC_E_CALL_CANCELED);
}

static K_SEM_DEFINE(is_next, 0, 1);

static void run_client(void *one, void *two, void *three) {
    (void)one, (void)two, (void)three;
    check("enable", cocancel_enable(NULL), COCANCEL_S_OK);
    call("cancelled by a thread", 0);
    k_sem_give(&is_next);
    call("cancelled by a handler", 0);
    call("out of time", 30);
    cocancel_zephyr_exit();
}

/* In the timer's interrupt handler. */
static void expire(struct k_timer *timer) {
    int32_t answer = cocancel_cancel_thread(NULL, client_id, 20, 0);
    /* the client may not have begun its call yet */
    if (answer != COCANCEL_S_OK) k_timer_start(timer, K_MSEC(10), K_NO_WAIT);
}

static K_TIMER_DEFINE(timer, expire, NULL);

int main(void) {
    check("init", cocancel_zephyr_init(storage, sizeof storage, CALLS, THREADS, NULL), COCANCEL_S_OK);
    (void)k_thread_create(&client, client_stack, K_THREAD_STACK_SIZEOF(client_stack), run_client, NULL, NULL, NULL, K_PRIO_PREEMPT(5), 0,
                          K_FOREVER);
    client_id = cocancel_zephyr_id(&client);
    k_thread_start(&client);
    while (cocancel_cancel_thread(NULL, client_id, 0, 0) != COCANCEL_S_OK) k_sleep(K_MSEC(10));
    (void)k_sem_take(&is_next, K_FOREVER);
    k_timer_start(&timer, K_MSEC(10), K_NO_WAIT);
    (void)k_thread_join(&client, K_FOREVER);
    printk("%u wrong\n", wrong);
    return (int)wrong;
}
