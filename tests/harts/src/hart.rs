//! The emulator's RISC-V machine `virt` with two harts, for the port.

use core::arch::asm;
use core::sync::atomic::AtomicU32;
use core::sync::atomic::Ordering::{AcqRel, Acquire, Relaxed};

use cocancel::port::bare::{BareMetal, Machine};
use cocancel::{Port, WaitPoint};

/// How many there are.
pub const HARTS: usize = 2;

/// A word for each hart: not 0 is a software interrupt.
const MSIP: *mut u32 = 0x0200_0000 as *mut u32;

/// The number of this hart.
pub fn number() -> usize {
    riscv::register::mhartid::read()
}

/// Software interrupts end a sleep. None is ever taken: they stay masked.
pub fn start() {
    // SAFETY: masked as a whole
    unsafe { riscv::register::mie::set_msoft() };
}

/// Memory and devices in one order.
fn fence() {
    // SAFETY: only orders
    unsafe { asm!("fence iorw, iorw", options(nostack, preserves_flags)) };
}

/// The processor.
#[derive(Debug)]
pub struct Hart;

// SAFETY: 1. the hart's own number. 2. the last software interrupt is forgotten before the question, and one that comes
// afterwards ends the sleep, or stays for it. 3. there are no interrupt handlers.
unsafe impl Machine for Hart {
    fn sleep(&self, awake: impl Fn() -> bool) {
        // SAFETY: this hart's word
        unsafe { MSIP.add(number()).write_volatile(0) };
        fence();
        if !awake() {
            riscv::asm::wfi();
        }
    }

    fn wake(&self) {
        fence();
        for other in (0..HARTS).filter(|other| *other != number()) {
            // SAFETY: that hart's word
            unsafe { MSIP.add(other).write_volatile(1) };
        }
    }

    fn in_interrupt(&self) -> bool {
        false
    }

    fn core(&self) -> usize {
        number()
    }
}

/// The port for boards, which is what is tested here, and who was told of records that nobody owns.
#[derive(Debug)]
pub struct Board {
    inner: BareMetal<Hart, HARTS>,
    /// For each hart a bit for each record.
    orphans: [AtomicU32; HARTS],
}

impl Board {
    pub const fn new() -> Self {
        Self { inner: BareMetal::new(Hart), orphans: [const { AtomicU32::new(0) }; HARTS] }
    }

    pub fn advance(&self, ms: u32) {
        self.inner.advance(ms);
    }

    /// The records that this hart was told of since it last asked.
    pub fn take_orphans(&self) -> u32 {
        // Relaxed: this hart's own
        self.orphans[number()].swap(0, Relaxed)
    }
}

// SAFETY: all is the inner port's; a record is a number
unsafe impl Port for Board {
    fn thread_id(&self) -> u32 {
        self.inner.thread_id()
    }
    fn tick(&self) -> u32 {
        self.inner.tick()
    }
    fn local(&self) -> Option<u32> {
        self.inner.local()
    }
    fn set_local(&self, value: u32) {
        self.inner.set_local(value);
    }
    fn in_interrupt(&self) -> bool {
        self.inner.in_interrupt()
    }
    fn waiter(&self) -> Option<*mut ()> {
        self.inner.waiter()
    }
    fn wait(&self, point: WaitPoint, ms: Option<u32>) {
        self.inner.wait(point, ms);
    }
    fn wake(&self, point: WaitPoint) {
        self.inner.wake(point);
    }
    fn orphaned(&self, host: *mut ()) {
        // Relaxed: this hart's own
        self.orphans[number()].fetch_or(1 << host.addr(), Relaxed);
    }
}

/// Where the harts meet. Nobody goes on before both are here.
pub struct Barrier(AtomicU32);

impl Barrier {
    pub const fn new() -> Self {
        Self(AtomicU32::new(0))
    }

    /// The `nth` meeting, from 1.
    pub fn meet(&self, nth: u32) {
        // AcqRel: what each did before is seen by the other afterwards
        self.0.fetch_add(1, AcqRel);
        // Acquire: as above
        while self.0.load(Acquire) < HARTS as u32 * nth {
            core::hint::spin_loop();
        }
    }
}
