/* The stand-in for ESP-IDF's FreeRTOS: see include/freertos/FreeRTOS.h. SPDX-License-Identifier: MIT OR Apache-2.0 */
#include <pthread.h>
#include <stdlib.h>
#include <time.h>

#include "freertos/task.h"

#define MUST(call) \
    if ((call) != 0) abort()
#ifndef traceTASK_DELETE
#define traceTASK_DELETE(task)
#endif

struct task {
    pthread_t thread;
    void (*run)(void *argument);
    void *argument;
    void *local[configNUM_THREAD_LOCAL_STORAGE_POINTERS];
    uint32_t notified[configTASK_NOTIFICATION_ARRAY_ENTRIES];
};

static struct task of_main;
static __thread TaskHandle_t current;
/* One for all critical sections. */
static pthread_mutex_t kernel = PTHREAD_RECURSIVE_MUTEX_INITIALIZER_NP;
static pthread_cond_t changed = PTHREAD_COND_INITIALIZER;

void stand_in_enter(portMUX_TYPE *lock) {
    (void)lock;
    MUST(pthread_mutex_lock(&kernel));
}

void stand_in_exit(portMUX_TYPE *lock) {
    (void)lock;
    MUST(pthread_mutex_unlock(&kernel));
}

BaseType_t xPortInIsrContext(void) { return pdFALSE; }

TickType_t xTaskGetTickCount(void) {
    struct timespec now;
    MUST(clock_gettime(CLOCK_MONOTONIC, &now));
    return (TickType_t)((uint64_t)now.tv_sec * configTICK_RATE_HZ + (uint64_t)now.tv_nsec / (1000000000 / configTICK_RATE_HZ));
}

TickType_t xTaskGetTickCountFromISR(void) { return xTaskGetTickCount(); }
TaskHandle_t xTaskGetCurrentTaskHandle(void) { return current != NULL ? current : &of_main; }

void *pvTaskGetThreadLocalStoragePointer(TaskHandle_t task, BaseType_t index) {
    return (task != NULL ? task : xTaskGetCurrentTaskHandle())->local[index];
}

void vTaskSetThreadLocalStoragePointer(TaskHandle_t task, BaseType_t index, void *value) {
    (task != NULL ? task : xTaskGetCurrentTaskHandle())->local[index] = value;
}

uint32_t ulTaskNotifyTakeIndexed(UBaseType_t index, BaseType_t clear, TickType_t ticks) {
    uint32_t *own = &xTaskGetCurrentTaskHandle()->notified[index], got;
    struct timespec end;
    uint64_t ns;
    int answer = 0;
    MUST(clock_gettime(CLOCK_MONOTONIC, &end));
    ns = (uint64_t)end.tv_nsec + (uint64_t)ticks * (1000000000 / configTICK_RATE_HZ);
    end.tv_sec += (time_t)(ns / 1000000000);
    end.tv_nsec = (long)(ns % 1000000000);
    MUST(pthread_mutex_lock(&kernel));
    while (*own == 0 && answer == 0) {
        answer = ticks == portMAX_DELAY ? pthread_cond_wait(&changed, &kernel) : pthread_cond_clockwait(&changed, &kernel, CLOCK_MONOTONIC, &end);
    }
    got = *own;
    if (got != 0) *own = clear ? 0 : got - 1;
    MUST(pthread_mutex_unlock(&kernel));
    return got;
}

BaseType_t xTaskNotifyGiveIndexed(TaskHandle_t task, UBaseType_t index) {
    MUST(pthread_mutex_lock(&kernel));
    task->notified[index]++;
    MUST(pthread_cond_broadcast(&changed));
    MUST(pthread_mutex_unlock(&kernel));
    return pdPASS;
}

void vTaskNotifyGiveIndexedFromISR(TaskHandle_t task, UBaseType_t index, BaseType_t *woken) {
    *woken = xTaskNotifyGiveIndexed(task, index);
}

void vTaskDelay(TickType_t ticks) {
    struct timespec left = {ticks / configTICK_RATE_HZ, (long)(ticks % configTICK_RATE_HZ) * (1000000000 / configTICK_RATE_HZ)};
    while (nanosleep(&left, &left) != 0) {
    }
}

static void *run(void *argument) {
    current = (TaskHandle_t)argument;
    current->run(current->argument);
    abort(); /* a task does not return */
}

BaseType_t xTaskCreate(void (*body)(void *argument), const char *name, uint32_t stack, void *argument, UBaseType_t priority, TaskHandle_t *task) {
    (void)name, (void)stack, (void)priority;
    *task = (TaskHandle_t)calloc(1, sizeof **task);
    if (*task == NULL) return 0;
    (*task)->run = body;
    (*task)->argument = argument;
    MUST(pthread_create(&(*task)->thread, NULL, run, *task));
    return pdPASS;
}

/* Only of itself; its memory stays. */
void vTaskDelete(TaskHandle_t task) {
    if (task != NULL) abort();
    MUST(pthread_mutex_lock(&kernel));
    traceTASK_DELETE(xTaskGetCurrentTaskHandle());
    MUST(pthread_mutex_unlock(&kernel));
    pthread_exit(NULL);
}
