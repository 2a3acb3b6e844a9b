/* Start-up, the vector table, semihosting: the same on every Cortex-M3.
   SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "FreeRTOS.h"
#include "task.h"

#include "board.h"

enum { SYS_WRITE0 = 0x04, SYS_EXIT_EXTENDED = 0x20, APPLICATION_EXIT = 0x20026 };

static void semihosting(uint32_t operation, const void *argument) {
    register uint32_t r0 __asm__("r0") = operation;
    register const void *r1 __asm__("r1") = argument;
    __asm__ volatile("bkpt 0xAB" : "+r"(r0) : "r"(r1) : "memory");
}

void board_say(const char *text) { semihosting(SYS_WRITE0, text); }

void board_exit(uint32_t status) {
    uint32_t block[2] = {APPLICATION_EXIT, 0};
    block[1] = status;
    semihosting(SYS_EXIT_EXTENDED, block);
    for (;;) {
    }
}

void board_fail(const char *why) {
    board_say(why);
    board_say("\n");
    board_exit(99);
}

/* ---- what the kernel calls ---- */

void vApplicationStackOverflowHook(TaskHandle_t task, char *name) {
    (void)task;
    board_say(name);
    board_fail(": stack overflow");
}

volatile uint32_t board_idle_rounds;

/* A product would sleep here (WFI). The emulator counts time in instructions, and loses ticks of the kernel while the processor sleeps. */
void vApplicationIdleHook(void) { board_idle_rounds++; }

/* ---- start ---- */

extern uint32_t data_start, data_end, data_load, bss_start, bss_end, stack_top;
int main(void);
void SVC_Handler(void);
void PendSV_Handler(void);
void SysTick_Handler(void);
void board_interrupt(void);

void Reset_Handler(void) {
    uint32_t *to;
    const uint32_t *from = &data_load;
    for (to = &data_start; to < &data_end;) *to++ = *from++;
    for (to = &bss_start; to < &bss_end;) *to++ = 0;
    main();
    board_fail("main returned");
}

static void fault(void) { board_fail("fault"); }

#define FOUR_INTERRUPTS board_interrupt, board_interrupt, board_interrupt, board_interrupt

typedef void (*vector)(void);
__attribute__((section(".vectors"), used)) static const vector vectors[16 + 32] = {
    (vector)&stack_top, Reset_Handler, fault, fault, fault, fault, fault, 0, 0, 0, 0, SVC_Handler, fault, 0, PendSV_Handler, SysTick_Handler,
    FOUR_INTERRUPTS, FOUR_INTERRUPTS, FOUR_INTERRUPTS, FOUR_INTERRUPTS,
    FOUR_INTERRUPTS, FOUR_INTERRUPTS, FOUR_INTERRUPTS, FOUR_INTERRUPTS,
};
