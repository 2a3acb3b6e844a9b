//! Arm Cortex-M.

use cocancel::port::bare::Machine;
use cortex_m::asm;
use cortex_m::peripheral::SCB;
use cortex_m::peripheral::scb::VectActive;

pub use cortex_m_rt::entry;

/// The processor, for the port.
#[derive(Debug)]
pub struct Processor;

// SAFETY: one core. WFE: a return from an interrupt handler between the question and the sleep is an event, which is latched.
// VECTACTIVE tells handlers from the superloop.
unsafe impl Machine for Processor {
    fn sleep(&self, awake: impl Fn() -> bool) {
        if !awake() {
            asm::wfe();
        }
    }

    fn wake(&self) {
        // for programs in which another core sleeps; costs one instruction
        asm::sev();
    }

    fn in_interrupt(&self) -> bool {
        SCB::vect_active() != VectActive::ThreadMode
    }
}

/// SysTick interrupts each time after that many of the core's cycles.
#[cfg(any(board = "stm32vldiscovery", board = "netduinoplus2"))]
pub(crate) fn start_systick(cycles: u32) {
    let mut systick = cortex_m::Peripherals::take().expect("only here").SYST;
    systick.set_clock_source(cortex_m::peripheral::syst::SystClkSource::Core);
    systick.set_reload(cycles - 1);
    systick.clear_current();
    systick.enable_interrupt();
    systick.enable_counter();
}

#[cfg(any(board = "stm32vldiscovery", board = "netduinoplus2"))]
#[cortex_m_rt::exception]
fn SysTick() {
    crate::tick();
}
