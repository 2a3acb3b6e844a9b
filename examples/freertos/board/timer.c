/* One timer interrupt, at a priority that may call the kernel.
   SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "FreeRTOS.h"
#include "task.h"

#include "board.h"

#define REGISTER(address) (*(volatile uint32_t *)(address))
#define NVIC_ENABLE REGISTER(0xE000E100)
#define NVIC_PEND REGISTER(0xE000E200)
#define NVIC_PRIORITY(irq) (*(volatile uint8_t *)(0xE000E400 + (irq)))

/* More urgent than the kernel's own, and still allowed to call it. */
enum { PRIORITY = configMAX_SYSCALL_INTERRUPT_PRIORITY + 0x10 };

static void enable(uint32_t irq) {
    NVIC_PRIORITY(irq) = PRIORITY;
    NVIC_ENABLE = 1u << irq;
}

#if defined(BOARD_mps2_an385)

/* TIMER0 of the board */
enum { IRQ = 8 };
#define TIMER_CONTROL REGISTER(0x40000000)
#define TIMER_VALUE REGISTER(0x40000004)
#define TIMER_RELOAD REGISTER(0x40000008)
#define TIMER_CLEAR REGISTER(0x4000000C)

void board_start_timer_cycles(uint32_t cycles) {
    enable(IRQ);
    TIMER_RELOAD = cycles;
    TIMER_VALUE = cycles;
    TIMER_CONTROL = 9; /* counts, interrupts */
}

void board_start_timer(uint32_t ms) { board_start_timer_cycles(ms * (BOARD_CLOCK_HZ / 1000)); }

void board_interrupt(void) {
    TIMER_CONTROL = 0;
    TIMER_CLEAR = 1;
    interrupt_handler();
}

void vApplicationTickHook(void) {}

#else

/* The emulator has none of this chip's timers, so the kernel's tick counts, in its interrupt, and pends the one of TIM2. */
enum { IRQ = 28 };
static volatile uint32_t ticks_left;

void board_start_timer(uint32_t ms) {
    enable(IRQ);
    ticks_left = pdMS_TO_TICKS(ms);
}

void board_interrupt(void) { interrupt_handler(); }

void vApplicationTickHook(void) {
    if (ticks_left != 0 && --ticks_left == 0) NVIC_PEND = 1u << IRQ;
}

#endif

void board_interrupt_now(void) {
    enable(IRQ);
    NVIC_PEND = 1u << IRQ;
}
