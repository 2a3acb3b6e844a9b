//! What the programs in `src/bin` share: the processor, the board's tick, output and the end of a program.
#![no_std]

#[cfg_attr(target_arch = "arm", path = "processor/cortex_m.rs")]
#[cfg_attr(target_arch = "riscv32", path = "processor/riscv.rs")]
mod processor;

#[cfg_attr(board = "microbit", path = "board/microbit.rs")]
#[cfg_attr(board = "stm32vldiscovery", path = "board/stm32vldiscovery.rs")]
#[cfg_attr(board = "netduinoplus2", path = "board/netduinoplus2.rs")]
#[cfg_attr(board = "virt", path = "board/virt.rs")]
mod board;

use core::sync::atomic::{AtomicU32, Ordering};

use cocancel::port::bare::BareMetal;
use cocancel::{Fixed, Runtime};

pub use board::start_tick;
pub use processor::{Processor, entry};
pub use semihosting::{println, process};

/// The runtime of a program: that many calls at once, one superloop.
pub type Board<const CALLS: usize> = Runtime<BareMetal<Processor>, Fixed<CALLS, 1>>;

/// A runtime for a `static`.
pub const fn board<const CALLS: usize>() -> Board<CALLS> {
    Runtime::new(BareMetal::new(Processor), Fixed::new())
}

/// The id of the superloop, by which interrupt handlers cancel its innermost call.
pub const SUPERLOOP: u32 = BareMetal::<Processor>::superloop(0);

unsafe extern "Rust" {
    // SAFETY: defined by `program!`, without which nothing links
    safe fn cocancel_boards_tick();
}

/// What a board's timer interrupt calls, once a millisecond.
fn tick() {
    cocancel_boards_tick();
}

/// Makes a program: `main` runs as the superloop, and `interrupt` once a millisecond in the timer's interrupt handler, after the
/// clock and the deadlines of `runtime` were looked after.
#[macro_export]
macro_rules! program {
    ($runtime:ident, $main:ident, $interrupt:ident) => {
        #[$crate::entry]
        fn start() -> ! {
            $crate::start_tick();
            $main();
            $crate::process::exit(0)
        }

        // SAFETY: the only definition of this name
        #[unsafe(no_mangle)]
        fn cocancel_boards_tick() {
            $runtime.port().in_handler(|| {
                $runtime.port().advance(1);
                $runtime.tick(8);
                $interrupt($runtime.port().now());
            });
        }
    };
}

/// A moment at which an interrupt handler is to do something.
#[derive(Debug)]
pub struct Alarm(AtomicU32);

impl Alarm {
    /// None set.
    #[allow(clippy::new_without_default)]
    pub const fn new() -> Self {
        Self(AtomicU32::new(0))
    }

    /// Sets it to that tick; 0 is none.
    pub fn set(&self, at: u32) {
        // Release: what it is for was prepared before
        self.0.store(at, Ordering::Release);
    }

    /// Whether it is for this tick.
    pub fn rings(&self, now: u32) -> bool {
        // Acquire: pairs with `set`
        self.0.load(Ordering::Acquire) == now
    }
}

#[panic_handler]
fn panic(info: &core::panic::PanicInfo) -> ! {
    println!("{info}");
    process::exit(101)
}
