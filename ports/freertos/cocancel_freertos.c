/* The port of cocancel to FreeRTOS. How it keeps each clause of the contract: docs/porting.md.
   SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "cocancel_freertos.h"

#ifndef COCANCEL_FREERTOS_TLS_INDEX
#define COCANCEL_FREERTOS_TLS_INDEX 0
#endif
#ifndef COCANCEL_FREERTOS_NOTIFY_INDEX
#define COCANCEL_FREERTOS_NOTIFY_INDEX (configTASK_NOTIFICATION_ARRAY_ENTRIES - 1)
#endif
/* Where neither function is there, the application's: see the header. */
#if !defined(COCANCEL_FREERTOS_IN_INTERRUPT) && defined(ESP_PLATFORM)
#define COCANCEL_FREERTOS_IN_INTERRUPT() (xPortInIsrContext() != pdFALSE)
#elif !defined(COCANCEL_FREERTOS_IN_INTERRUPT)
#define COCANCEL_FREERTOS_IN_INTERRUPT() (xPortIsInsideInterrupt() != pdFALSE)
#endif

#if configNUM_THREAD_LOCAL_STORAGE_POINTERS <= COCANCEL_FREERTOS_TLS_INDEX
#error "configNUM_THREAD_LOCAL_STORAGE_POINTERS is too small for COCANCEL_FREERTOS_TLS_INDEX"
#endif
#if configUSE_TASK_NOTIFICATIONS == 0 || configTASK_NOTIFICATION_ARRAY_ENTRIES <= COCANCEL_FREERTOS_NOTIFY_INDEX
#error "configTASK_NOTIFICATION_ARRAY_ENTRIES is too small for COCANCEL_FREERTOS_NOTIFY_INDEX"
#endif
#if COCANCEL_FREERTOS_TASKS > 255
#error "a task's id has 8 bits for its record"
#endif
#if defined(configNUMBER_OF_CORES) && configNUMBER_OF_CORES > 1
#error "for one core: the deletion of a task that runs on another one is not handled"
#endif

/* ESP-IDF's kernel asks for a lock, also on one core. */
#if defined(ESP_PLATFORM)
static portMUX_TYPE critical = portMUX_INITIALIZER_UNLOCKED;
#define ENTER_CRITICAL() taskENTER_CRITICAL(&critical)
#define EXIT_CRITICAL() taskEXIT_CRITICAL(&critical)
#else
#define ENTER_CRITICAL() taskENTER_CRITICAL()
#define EXIT_CRITICAL() taskEXIT_CRITICAL()
#endif

/* What a task has here. A wake context is a record and not a task handle, because a waker may be late: records are there for ever, and one
   whose task is gone wakes nobody, or for no reason the task that has it now. */
typedef struct record {
    TaskHandle_t task; /* NULL: free */
    uint32_t id;       /* stays when it is free, so that the next task gets another */
    void *local;
} record;

static record records[COCANCEL_FREERTOS_TASKS];
/* Of a task that another one is deleting just now: what is done meanwhile is done in its name. */
static record *deleted;

static record *record_of(TaskHandle_t task) {
    return deleted != NULL ? deleted : (record *)pvTaskGetThreadLocalStoragePointer(task, COCANCEL_FREERTOS_TLS_INDEX);
}

/* The same; takes a free one if it has none yet. */
static record *need_record(TaskHandle_t task) {
    record *found;
    uint32_t n;
    ENTER_CRITICAL();
    found = record_of(task);
    for (n = 0; found == NULL && n < COCANCEL_FREERTOS_TASKS; n++) {
        if (records[n].task != NULL) continue;
        found = &records[n];
        found->task = task != NULL ? task : xTaskGetCurrentTaskHandle();
        found->id = ((found->id | 0xFFu) + 1) | (n + 1);
        vTaskSetThreadLocalStoragePointer(task, COCANCEL_FREERTOS_TLS_INDEX, found);
    }
    EXIT_CRITICAL();
    return found;
}

static void free_record(record *of, TaskHandle_t task) {
    ENTER_CRITICAL();
    vTaskSetThreadLocalStoragePointer(task, COCANCEL_FREERTOS_TLS_INDEX, NULL);
    of->local = NULL;
    of->task = NULL;
    EXIT_CRITICAL();
}

static uint32_t in_interrupt(void *user) {
    (void)user;
    return COCANCEL_FREERTOS_IN_INTERRUPT();
}

static uint32_t thread_id(void *user) { return in_interrupt(user) ? 0 : cocancel_freertos_id(NULL); }

static uint32_t tick(void *user) {
    /* no #if: the rate is often written with a cast; the compiler leaves out the other half */
    if (1000 % configTICK_RATE_HZ == 0 && sizeof(TickType_t) >= 4) {
        /* wraps at 2^32 together with the kernel's */
        return (uint32_t)(in_interrupt(user) ? xTaskGetTickCountFromISR() : xTaskGetTickCount()) * (1000 / configTICK_RATE_HZ);
    } else {
        /* does not wrap where the kernel's does, so its wraps count */
        TimeOut_t now;
        uint64_t ticks;
        if (in_interrupt(user)) {
            UBaseType_t mask = taskENTER_CRITICAL_FROM_ISR();
            vTaskInternalSetTimeOutState(&now);
            taskEXIT_CRITICAL_FROM_ISR(mask);
        } else {
            vTaskSetTimeOutState(&now);
        }
        ticks = ((uint64_t)(uint32_t)now.xOverflowCount << (sizeof(TickType_t) < 4 ? 16 : 32)) + now.xTimeOnEntering;
        return (uint32_t)(ticks * 1000 / configTICK_RATE_HZ);
    }
}

static void *local(void *user) {
    record *own = in_interrupt(user) ? NULL : record_of(NULL);
    return own != NULL ? own->local : NULL;
}

static void set_local(void *user, void *value) {
    record *own = need_record(NULL);
    (void)user;
    if (own != NULL) own->local = value;
}

static void *waiter(void *user) {
    (void)user;
    return need_record(NULL);
}

/* Rounded up. A longer sleep than fits ends early, and is begun again. */
static TickType_t in_ticks(uint32_t ms) {
    const uint32_t longest = (0xFFFFFFFFu - 999) / configTICK_RATE_HZ;
    uint32_t ticks;
    if (ms == COCANCEL_INFINITE) return portMAX_DELAY;
    ticks = ((ms < longest ? ms : longest) * configTICK_RATE_HZ + 999) / 1000;
    return ticks < portMAX_DELAY ? (TickType_t)ticks : portMAX_DELAY - 1;
}

static void wait(void *user, const cocancel_wait_point *point, uint32_t ms) {
    (void)user;
    if (point->context != NULL) {
        (void)ulTaskNotifyTakeIndexed(COCANCEL_FREERTOS_NOTIFY_INDEX, pdTRUE, in_ticks(ms));
    } else {
        vTaskDelay(1); /* no record was free, so nobody can wake it: look again */
    }
}

static void wake(void *user, const cocancel_wait_point *point) {
    record *whose = (record *)point->context;
    if (whose == NULL) return;
    if (in_interrupt(user)) {
        BaseType_t woken = pdFALSE;
        /* no task is deleted meanwhile */
        if (whose->task != NULL) vTaskNotifyGiveIndexedFromISR(whose->task, COCANCEL_FREERTOS_NOTIFY_INDEX, &woken);
        portYIELD_FROM_ISR(woken);
    } else {
        /* nor here; the kernel's own functions yield in critical sections, too */
        ENTER_CRITICAL();
        if (whose->task != NULL) (void)xTaskNotifyGiveIndexed(whose->task, COCANCEL_FREERTOS_NOTIFY_INDEX);
        EXIT_CRITICAL();
    }
}

const cocancel_port cocancel_freertos_port = {
    sizeof(cocancel_port), thread_id, tick, local, set_local, in_interrupt, waiter, wait, wake, {NULL, NULL, NULL, NULL, NULL, NULL},
};

int32_t cocancel_freertos_init(void *storage, size_t size, size_t calls, size_t threads, const cocancel_hooks *hooks) {
    static cocancel_port port; /* the library keeps a pointer to it */
    cocancel_runtime *runtime;
    int32_t answer;
    port = cocancel_freertos_port;
    if (hooks != NULL) port.hooks = *hooks;
    answer = cocancel_init(COCANCEL_ABI_VERSION, storage, size, calls, threads, &port, &runtime);
    return answer == COCANCEL_S_OK ? cocancel_set_default(runtime) : answer;
}

uint32_t cocancel_freertos_id(TaskHandle_t task) {
    record *found = need_record(task);
    return found != NULL ? found->id : 0;
}

void *cocancel_freertos_context(void) { return need_record(NULL); }

void cocancel_freertos_exit(void) {
    record *own = record_of(NULL);
    if (own == NULL) return;
    (void)cocancel_thread_exit(NULL);
    free_record(own, NULL);
}

/* In a critical section of the kernel's, in the task that deletes. */
void cocancel_freertos_deleted(void *task) {
    record *gone = record_of((TaskHandle_t)task);
    if (gone == NULL) return;
    deleted = gone;
    (void)cocancel_thread_exit(NULL);
    deleted = NULL;
    free_record(gone, (TaskHandle_t)task);
}
