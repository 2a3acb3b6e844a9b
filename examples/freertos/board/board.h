/* What the programs need of a board.
   SPDX-License-Identifier: MIT OR Apache-2.0 */
#ifndef BOARD_H
#define BOARD_H

#include <stdint.h>

#if defined(BOARD_stm32vldiscovery)
#define BOARD_CLOCK_HZ 24000000
#elif defined(BOARD_mps2_an385)
#define BOARD_CLOCK_HZ 25000000
#else
#error "an unknown board"
#endif

/* Prints through the debugger or the emulator. */
void board_say(const char *text);
/* Ends the program with an exit status, through the same way. */
void board_exit(uint32_t status);
/* Prints why, and exits with status 99. */
void board_fail(const char *why);

/* Runs interrupt_handler in an interrupt handler that may call the kernel: once, in `ms` milliseconds, from a timer. */
void board_start_timer(uint32_t ms);
/* The same in so many cycles of the processor; mps2-an385 only. */
void board_start_timer_cycles(uint32_t cycles);
/* The same at once. */
void board_interrupt_now(void);
/* How often the idle task has looked for deleted tasks and cleaned up after them. */
extern volatile uint32_t board_idle_rounds;

/* Of the program. */
void interrupt_handler(void);

#endif
