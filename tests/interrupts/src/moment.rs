//! When the interrupt comes, and where it came.
//!
//! In the emulator with `-icount shift=0` an instruction takes a nanosecond, and the timer's interrupt comes before the very
//! instruction at which its time is over. The timer ticks more slowly than that, so what comes before the operation is
//! lengthened by single instructions.

use core::arch::global_asm;
use core::sync::atomic::Ordering::{Acquire, Relaxed, Release};
use core::sync::atomic::{AtomicBool, AtomicU32};

use cortex_m::Peripherals;
use cortex_m::peripheral::SCB;
use cortex_m::peripheral::syst::SystClkSource;

global_asm!(
    ".syntax unified",
    ".section .text.cocancel_pass, \"ax\"",
    ".thumb_func",
    ".global cocancel_pass",
    "cocancel_pass:", // r0: how many of the instructions below to execute, up to 256
    "    ldr r1, =2f + 1",
    "    lsls r0, r0, #1",
    "    subs r1, r1, r0",
    "    bx r1",
    "    .rept 256",
    "    nop",
    "    .endr",
    "2:  bx lr",
    "    .ltorg",
    // marks for the log of a trace
    ".section .text.cocancel_operation_begins, \"ax\"",
    ".thumb_func",
    ".global cocancel_operation_begins",
    "cocancel_operation_begins: bx lr",
    ".section .text.cocancel_operation_ends, \"ax\"",
    ".thumb_func",
    ".global cocancel_operation_ends",
    "cocancel_operation_ends: bx lr",
    // the handler: passes on where the thread was
    ".section .text.SysTick, \"ax\"",
    ".thumb_func",
    ".global SysTick",
    "SysTick:",
    "    mrs r0, msp",
    "    ldr r0, [r0, #24]",
    "    ldr r1, =cocancel_interrupt",
    "    bx r1",
    "    .ltorg",
);

unsafe extern "C" {
    // SAFETY: these only pass time
    safe fn cocancel_pass(nops: u32);
    safe fn cocancel_operation_begins();
    safe fn cocancel_operation_ends();
}

static CAME: AtomicBool = AtomicBool::new(false);

/// Whether an address below this one was interrupted: a bit for each halfword of the program.
const VISITED: usize = 768;
static WORDS: [AtomicU32; VISITED] = [const { AtomicU32::new(0) }; VISITED];

unsafe extern "C" {
    static __stext: u32;
}

fn base() -> u32 {
    (&raw const __stext).addr() as u32
}

/// Where the interrupt came.
pub struct Visited;

impl Visited {
    pub fn clear() {
        WORDS.iter().for_each(|word| word.store(0, Relaxed));
    }

    fn note(address: u32) {
        let halfword = (address - base()) / 2;
        // Relaxed, all: one core, and only this handler writes
        match WORDS.get(halfword as usize / 32) {
            Some(word) => word.store(word.load(Relaxed) | 1 << (halfword % 32), Relaxed),
            None => panic!("the program is larger than the table of addresses: {address:x}"),
        }
    }

    pub fn each(mut show: impl FnMut(u32)) {
        for (at, word) in (0..).zip(&WORDS) {
            let bits = word.load(Relaxed);
            (0..32).filter(|bit| bits >> bit & 1 != 0).for_each(|bit| show(base() + (at * 32 + bit) * 2));
        }
    }
}

/// The interrupt comes after so many ticks; `None`: not before it is awaited.
pub fn arm(ticks: Option<u32>) {
    CAME.store(false, Relaxed);
    let Some(ticks) = ticks else { return };
    // SAFETY: nobody else uses the timer
    let mut timer = unsafe { Peripherals::steal() }.SYST;
    timer.set_clock_source(SystClkSource::Core);
    timer.set_reload(ticks);
    timer.clear_current();
    timer.enable_interrupt();
    timer.enable_counter();
}

/// Spends so many instructions.
#[inline(always)]
pub fn pass(nops: u32) {
    cocancel_pass(nops);
}

#[inline(always)]
pub fn operation_begins() {
    cocancel_operation_begins();
}

#[inline(always)]
pub fn operation_ends() {
    cocancel_operation_ends();
}

/// Waits for the interrupt, and says whether it had come already.
pub fn await_interrupt() -> bool {
    // Acquire: pairs with the handler's release
    let came = CAME.load(Acquire);
    if !came {
        // SAFETY: nobody else uses the timer
        unsafe { Peripherals::steal() }.SYST.disable_counter();
        SCB::set_pendst();
        while !CAME.load(Acquire) {}
    }
    came
}

/// What the handler above jumps to.
#[unsafe(no_mangle)]
extern "C" fn cocancel_interrupt(address: u32) {
    // SAFETY: nobody else uses the timer
    let mut timer = unsafe { Peripherals::steal() }.SYST;
    timer.disable_counter();
    SCB::clear_pendst();
    // the timer may have come again between the thread's look and its pending
    if CAME.load(Relaxed) {
        return;
    }
    Visited::note(address);
    crate::interrupted();
    CAME.store(true, Release);
}
