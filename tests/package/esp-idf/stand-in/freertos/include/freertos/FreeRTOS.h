/* A stand-in for ESP-IDF's FreeRTOS on POSIX threads: as much of its interface as the port and the example use, with ESP-IDF's critical sections,
   which take a lock. Not ESP-IDF: it shows what the port's code does, not that it compiles with ESP-IDF's own headers.
   SPDX-License-Identifier: MIT OR Apache-2.0 */
#ifndef STAND_IN_FREERTOS_H
#define STAND_IN_FREERTOS_H

#include <stddef.h>
#include <stdint.h>

#define configTICK_RATE_HZ 100
#define configNUMBER_OF_CORES (CONFIG_FREERTOS_UNICORE ? 1 : 2)
#define configNUM_THREAD_LOCAL_STORAGE_POINTERS CONFIG_FREERTOS_THREAD_LOCAL_STORAGE_POINTERS
#define configUSE_TASK_NOTIFICATIONS 1
#define configTASK_NOTIFICATION_ARRAY_ENTRIES CONFIG_FREERTOS_TASK_NOTIFICATION_ARRAY_ENTRIES
#define pdFALSE 0
#define pdTRUE 1
#define pdPASS 1
#define portMAX_DELAY 0xFFFFFFFFu

typedef int BaseType_t;
typedef unsigned UBaseType_t;
typedef uint32_t TickType_t;
typedef struct task *TaskHandle_t;
typedef struct {
    int unused;
} portMUX_TYPE;
#define portMUX_INITIALIZER_UNLOCKED \
    { 0 }

void stand_in_enter(portMUX_TYPE *lock);
void stand_in_exit(portMUX_TYPE *lock);
#define taskENTER_CRITICAL(lock) stand_in_enter(lock)
#define taskEXIT_CRITICAL(lock) stand_in_exit(lock)
#define portYIELD_FROM_ISR(woken) (void)(woken)

BaseType_t xPortInIsrContext(void);
TickType_t xTaskGetTickCount(void);
TickType_t xTaskGetTickCountFromISR(void);
TaskHandle_t xTaskGetCurrentTaskHandle(void);
void *pvTaskGetThreadLocalStoragePointer(TaskHandle_t task, BaseType_t index);
void vTaskSetThreadLocalStoragePointer(TaskHandle_t task, BaseType_t index, void *value);
uint32_t ulTaskNotifyTakeIndexed(UBaseType_t index, BaseType_t clear, TickType_t ticks);
BaseType_t xTaskNotifyGiveIndexed(TaskHandle_t task, UBaseType_t index);
void vTaskNotifyGiveIndexedFromISR(TaskHandle_t task, UBaseType_t index, BaseType_t *woken);
void vTaskDelay(TickType_t ticks);

/* Declared and no more: at this rate and width the port must link without them. Kernels before V11 have no macro that tells the width. */
typedef struct {
    BaseType_t xOverflowCount;
    TickType_t xTimeOnEntering;
} TimeOut_t;
void vTaskSetTimeOutState(TimeOut_t *now);
void vTaskInternalSetTimeOutState(TimeOut_t *now);
UBaseType_t taskENTER_CRITICAL_FROM_ISR(void);
void taskEXIT_CRITICAL_FROM_ISR(UBaseType_t mask);

BaseType_t xTaskCreate(void (*run)(void *argument), const char *name, uint32_t stack, void *argument, UBaseType_t priority, TaskHandle_t *task);
void vTaskDelete(TaskHandle_t task);

#endif
