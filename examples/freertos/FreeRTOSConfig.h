/* The kernel as both boards and all programs use it.
   SPDX-License-Identifier: MIT OR Apache-2.0 */
#ifndef FREERTOS_CONFIG_H
#define FREERTOS_CONFIG_H

#include <stdint.h>

#include "board.h"

#define configCPU_CLOCK_HZ BOARD_CLOCK_HZ
/* Others for the conformance suite: see CMakeLists.txt. The rate with the cast that most applications have, there without. */
#ifndef configTICK_RATE_HZ
#define configTICK_RATE_HZ ((TickType_t)1000)
#endif
#ifndef configTICK_TYPE_WIDTH_IN_BITS
#define configTICK_TYPE_WIDTH_IN_BITS TICK_TYPE_WIDTH_32_BITS
#endif
#ifndef configINITIAL_TICK_COUNT
#define configINITIAL_TICK_COUNT 0
#endif

#define configUSE_PREEMPTION 1
#define configMAX_PRIORITIES 5
#define configMINIMAL_STACK_SIZE 80
#define configMAX_TASK_NAME_LEN 8
#define configUSE_IDLE_HOOK 1
#define configUSE_TICK_HOOK 1
#define configCHECK_FOR_STACK_OVERFLOW 2

#define configSUPPORT_STATIC_ALLOCATION 1
#define configSUPPORT_DYNAMIC_ALLOCATION 0
#define configKERNEL_PROVIDED_STATIC_MEMORY 1

#define INCLUDE_vTaskDelay 1
#define INCLUDE_vTaskDelete 1
#define INCLUDE_vTaskSuspend 1
#define INCLUDE_xTaskGetCurrentTaskHandle 1

/* What the port of cocancel needs. */
#define configNUM_THREAD_LOCAL_STORAGE_POINTERS 1
#define configTASK_NOTIFICATION_ARRAY_ENTRIES 2
void cocancel_freertos_deleted(void *task);
#define traceTASK_DELETE(task) cocancel_freertos_deleted(task)

/* The upper four bits count on the STM32. */
#define configKERNEL_INTERRUPT_PRIORITY 0xF0
#define configMAX_SYSCALL_INTERRUPT_PRIORITY 0xB0

#define vPortSVCHandler SVC_Handler
#define xPortPendSVHandler PendSV_Handler
#define xPortSysTickHandler SysTick_Handler

#define configASSERT(condition)                                                                                                            \
    do {                                                                                                                                   \
        if (!(condition)) board_fail("kernel assertion");                                                                                  \
    } while (0)

#endif
