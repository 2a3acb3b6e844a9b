/* A client task is stuck in calls: its server never answers. It is freed by another task, by a timeout, and by its own deletion. Every outcome is
   checked. SPDX-License-Identifier: MIT OR Apache-2.0 */
#include <stdio.h>

#include "cocancel_freertos.h"

enum { CALLS = 4, THREADS = 2, STACK = 3072, PRIORITY = 5 };

static COCANCEL_STORAGE(storage, CALLS, THREADS);
static cocancel_call last;
static volatile uint32_t wrong, is_timed_out, is_begun;

static void check(const char *what, int32_t got, int32_t expected) {
    if (got != expected) wrong++;
    printf("%s: %s%s\n", what, cocancel_hresult_name(got), got == expected ? "" : ", which is wrong");
}

/* One call. The server's side gets its handle and is silent; here it is told at the end, in the same task. */
static void call(const char *what, uint32_t timeout_ms) {
    cocancel_call_options options = {0};
    cocancel_call handle;
    options.timeout_ms = timeout_ms;
    check("begin", cocancel_begin(NULL, &options, &handle), COCANCEL_S_OK);
    check(what, cocancel_wait(NULL, handle), COCANCEL_RPC_E_CALL_CANCELED);
    check("finish", cocancel_finish(NULL, handle), COCANCEL_RPC_E_CALL_CANCELED);
    check("the late reply", cocancel_complete(NULL, handle, NULL), COCANCEL_RPC_E_CALL_CANCELED);
}

static void run_client(void *unused) {
    cocancel_call_options options = {0};
    (void)unused;
    check("enable", cocancel_enable(NULL), COCANCEL_S_OK);
    call("cancelled by a task", 0);
    call("out of time", 30);
    is_timed_out = 1;
    check("begin", cocancel_begin(NULL, &options, &last), COCANCEL_S_OK);
    is_begun = 1;
    vTaskDelete(NULL);
}

void app_main(void) {
    TaskHandle_t client;
    uint32_t id;
    check("init", cocancel_freertos_init(storage, sizeof storage, CALLS, THREADS, NULL), COCANCEL_S_OK);
    if (xTaskCreate(run_client, "client", STACK, NULL, PRIORITY, &client) != pdPASS) wrong++;
    id = cocancel_freertos_id(client);
    while (!is_timed_out && cocancel_cancel_thread(NULL, id, 0, 0) != COCANCEL_S_OK) vTaskDelay(1);
    while (!is_begun) vTaskDelay(1);
    vTaskDelay(10);
    /* the kernel told the port of the deletion */
    check("the deleted task's call", cocancel_complete(NULL, last, NULL), COCANCEL_RPC_E_CALL_CANCELED);
    check("the deleted task", cocancel_cancel_thread(NULL, id, 0, 0), COCANCEL_E_NOINTERFACE);
    printf("%u wrong\n", (unsigned)wrong);
}
