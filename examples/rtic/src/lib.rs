//! What the programs in `src/bin` share: a tick on SysTick, and the port's [`System`].
#![no_std]

use core::sync::atomic::{AtomicU32, Ordering};
use core::task::Waker;

use cocancel_tasks::System;
use cortex_m::peripheral::syst::SystClkSource;
use cortex_m::peripheral::{SCB, SYST};

pub use semihosting::{println, process};

/// RTIC on a Cortex-M: milliseconds that SysTick counts. Deadlines are `Runtime::tick`'s, in that task.
#[derive(Debug)]
pub struct Rtic {
    now: AtomicU32,
}

impl Rtic {
    /// Time from that tick on.
    #[must_use]
    pub const fn new(first_tick: u32) -> Self {
        Self { now: AtomicU32::new(first_tick) }
    }

    /// The tick in so many milliseconds.
    #[must_use]
    pub fn now_in(&self, ms: u32) -> u32 {
        self.now().wrapping_add(ms)
    }

    /// A millisecond has gone by. For the task bound to SysTick, and no other.
    pub fn advance(&self) -> u32 {
        // Relaxed, both: one core, and one who writes
        let now = self.now.load(Ordering::Relaxed).wrapping_add(1);
        self.now.store(now, Ordering::Relaxed);
        now
    }
}

// SAFETY: 1. VECTACTIVE is the number of the exception being handled. 2. one writer, who only adds. 3. the chip has one core.
unsafe impl System for Rtic {
    fn level(&self) -> u32 {
        // SAFETY: reading it changes nothing
        unsafe { (*SCB::PTR).icsr.read() & 0x1FF }
    }

    fn now(&self) -> u32 {
        self.now.load(Ordering::Relaxed) // Relaxed: as in `advance`
    }

    fn wake_in(&self, _: u32, _: &Waker) {
        // `Runtime::tick` releases the call, and that wakes
    }
}

/// SysTick interrupts every millisecond from now on.
pub fn start_tick(mut systick: SYST) {
    systick.set_clock_source(SystClkSource::Core);
    // After reset the chip runs on its internal 12 MHz, and the emulator's does, too.
    systick.set_reload(12_000 - 1);
    systick.clear_current();
    systick.enable_interrupt();
    systick.enable_counter();
}

#[panic_handler]
fn panic(info: &core::panic::PanicInfo) -> ! {
    println!("{info}");
    process::exit(101)
}
