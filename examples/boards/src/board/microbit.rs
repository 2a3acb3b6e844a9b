//! BBC micro:bit, version 1: nRF51822, Cortex-M0. Its Cortex-M0 has no SysTick; the tick is TIMER0.

use cortex_m_rt::exception;

const TIMER0: *mut u32 = 0x4000_8000 as *mut u32;
const TIMER0_IRQ: u8 = 8;
// Offsets of registers in bytes, from the nRF51 reference manual, chapter TIMER.
const TASKS_START: usize = 0x000;
const EVENTS_COMPARE0: usize = 0x140;
const SHORTS: usize = 0x200;
const INTENSET: usize = 0x304;
const PRESCALER: usize = 0x510;
const CC0: usize = 0x540;

fn write(register: usize, value: u32) {
    // SAFETY: a register of TIMER0, which nobody else uses
    unsafe { TIMER0.byte_add(register).write_volatile(value) }
}

/// Interrupts every millisecond from now on.
pub fn start_tick() {
    write(PRESCALER, 4); // 16 MHz / 2^4: a microsecond
    write(CC0, 1000);
    write(SHORTS, 1); // compare 0 clears the counter
    write(INTENSET, 1 << 16); // compare 0 interrupts
    write(TASKS_START, 1);
    // SAFETY: the handler stands below; nothing here relies on interrupts being masked
    unsafe { cortex_m::peripheral::NVIC::unmask(Irq(TIMER0_IRQ)) };
}

#[derive(Clone, Copy)]
struct Irq(u8);

// SAFETY: the numbers are the chip's, and below 32
unsafe impl cortex_m::interrupt::InterruptNumber for Irq {
    fn number(self) -> u16 {
        self.0.into()
    }
}

/// All interrupts of the chip come here.
// SAFETY: may cut into everything; it only takes the event back and calls the program's handler
#[exception]
unsafe fn DefaultHandler(irq: i16) {
    if irq == i16::from(TIMER0_IRQ) {
        write(EVENTS_COMPARE0, 0);
        crate::tick();
    }
}
