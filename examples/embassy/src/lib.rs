//! What the programs in `src/bin` share: embassy's clock on SysTick, and the port's [`System`].
#![no_std]

use core::cell::{Cell, RefCell};
use core::task::Waker;

use cocancel_tasks::System;
use cortex_m::peripheral::SCB;
use cortex_m::peripheral::syst::SystClkSource;
use critical_section::Mutex;
use embassy_time_driver::Driver;
use embassy_time_queue_utils::Queue;

pub use semihosting::{println, process};

/// Embassy's clock: SysTick counts milliseconds, and each looks after those who sleep.
struct Clock {
    now: Mutex<Cell<u64>>,
    sleepers: Mutex<RefCell<Queue>>,
    each_tick: Mutex<Cell<fn()>>,
}

embassy_time_driver::time_driver_impl!(static CLOCK: Clock = Clock {
    now: Mutex::new(Cell::new(0)),
    sleepers: Mutex::new(RefCell::new(Queue::new())),
    each_tick: Mutex::new(Cell::new(|| {})),
});

impl Driver for Clock {
    fn now(&self) -> u64 {
        critical_section::with(|cs| self.now.borrow(cs).get())
    }

    fn schedule_wake(&self, at: u64, waker: &Waker) {
        critical_section::with(|cs| {
            self.sleepers.borrow(cs).borrow_mut().schedule_wake(at, waker);
        });
    }
}

#[cortex_m_rt::exception]
fn SysTick() {
    let each_tick = critical_section::with(|cs| {
        let now = CLOCK.now.borrow(cs).get() + 1;
        CLOCK.now.borrow(cs).set(now);
        CLOCK.sleepers.borrow(cs).borrow_mut().next_expiration(now);
        CLOCK.each_tick.borrow(cs).get()
    });
    each_tick();
}

/// Starts the clock. `each_tick` runs in its interrupt handler, every millisecond.
///
/// # Panics
///
/// The second time.
pub fn start_clock(each_tick: fn()) {
    critical_section::with(|cs| CLOCK.each_tick.borrow(cs).set(each_tick));
    let mut systick = cortex_m::Peripherals::take().expect("only here").SYST;
    systick.set_clock_source(SystClkSource::Core);
    // After reset the chip runs on its internal 8 MHz. The emulator's runs at 24 MHz, and its milliseconds are shorter.
    systick.set_reload(8_000 - 1);
    systick.clear_current();
    systick.enable_interrupt();
    systick.enable_counter();
}

/// Embassy on a Cortex-M: its time, from that tick on.
#[derive(Debug)]
pub struct Embassy {
    /// The tick at which the program starts.
    pub first_tick: u32,
}

// SAFETY: 1. VECTACTIVE is the number of the exception being handled. 2. embassy's time is monotonic, and 64 bits do not wrap
// before 32 do. 3. the chip has one core.
unsafe impl System for Embassy {
    fn level(&self) -> u32 {
        // SAFETY: reading it changes nothing
        unsafe { (*SCB::PTR).icsr.read() & 0x1FF }
    }

    fn now(&self) -> u32 {
        (embassy_time_driver::now() as u32).wrapping_add(self.first_tick)
    }

    fn wake_in(&self, ms: u32, waker: &Waker) {
        embassy_time_driver::schedule_wake(embassy_time_driver::now() + u64::from(ms), waker);
    }
}

#[panic_handler]
fn panic(info: &core::panic::PanicInfo) -> ! {
    println!("{info}");
    process::exit(101)
}
