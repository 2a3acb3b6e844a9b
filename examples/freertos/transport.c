/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "transport.h"

#include <stddef.h>

#include "FreeRTOS.h"
#include "queue.h"
#include "task.h"

enum { RECORDS = 4 };

/* A call's record: the client's while it is filled and after the reply, the server's in between and for ever if the client is released. */
typedef struct record {
    cocancel_call call; /* 0: free */
    method method;
    int32_t a, b, reply;
} record;

static record records[RECORDS];
static uint32_t orphans, stubs_run;

static QueueHandle_t queue;
static StaticQueue_t queue_state;
static uint8_t queue_space[RECORDS * sizeof(record *)];

void transport_init(void) { queue = xQueueCreateStatic(RECORDS, sizeof(record *), queue_space, &queue_state); }

static record *take_record(void) {
    record *taken = NULL;
    uint32_t n;
    taskENTER_CRITICAL();
    for (n = 0; taken == NULL && n < RECORDS; n++)
        if (records[n].call == 0) taken = &records[n];
    if (taken != NULL) taken->call = 1; /* until begin has the real one */
    taskEXIT_CRITICAL();
    configASSERT(taken != NULL);
    return taken;
}

static void give_back(record *given) { given->call = 0; }

/* ---- the client's side ---- */

int32_t transport_call(method method, int32_t a, int32_t b, uint32_t timeout_ms, int32_t *reply) {
    record *mine = take_record();
    cocancel_call_options options = {0};
    cocancel_call call;
    int32_t began, outcome;
    mine->method = method;
    mine->a = a;
    mine->b = b;
    options.host = mine;
    options.timeout_ms = timeout_ms;
    began = cocancel_begin(NULL, &options, &call);
    configASSERT(began == COCANCEL_S_OK);
    mine->call = call;
    (void)xQueueSend(queue, &mine, portMAX_DELAY); /* from here on it is the server's */
    (void)cocancel_wait(NULL, call);
    outcome = cocancel_finish(NULL, call);
    if (outcome == COCANCEL_RPC_E_CALL_CANCELED) return outcome; /* the record stays the server's: never look at it again */
    *reply = mine->reply;
    give_back(mine);
    return outcome;
}

/* ---- the server's side ---- */

static int32_t run(const record *of) {
    TickType_t start = xTaskGetTickCount();
    TickType_t ticks = (TickType_t)of->a * configTICK_RATE_HZ / 1000;
    stubs_run++;
    switch (of->method) {
    case ADD:
        return of->a + of->b;
    case WORK:
        while (xTaskGetTickCount() - start < ticks) {
            if (cocancel_test(NULL) == COCANCEL_RPC_E_CALL_CANCELED) return 1;
            vTaskDelay(pdMS_TO_TICKS(2));
        }
        return 0;
    default:
        vTaskDelay(ticks);
        return 0;
    }
}

void transport_orphaned(void *user, void *orphan) {
    (void)user;
    orphans++;
    give_back((record *)orphan);
}

void transport_serve(void *unused) {
    (void)unused;
    for (;;) {
        record *next;
        cocancel_call call, frame;
        void *orphan = NULL;
        (void)xQueueReceive(queue, &next, portMAX_DELAY);
        call = next->call;
        if (cocancel_enter(NULL, call, &frame, &orphan) == COCANCEL_S_OK) {
            next->reply = run(next);
            (void)cocancel_leave(NULL, frame);
            (void)cocancel_complete(NULL, call, &orphan);
        }
        if (orphan != NULL) transport_orphaned(NULL, orphan);
    }
}

/* ---- for the checks ---- */

uint32_t transport_records_out(void) {
    uint32_t n, out = 0;
    for (n = 0; n < RECORDS; n++) out += records[n].call != 0;
    return out;
}

uint32_t transport_orphans(void) { return orphans; }
uint32_t transport_stubs_run(void) { return stubs_run; }
