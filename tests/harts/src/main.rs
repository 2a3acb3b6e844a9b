//! Plays every scenario many times on two harts at once, and prints what each hart did: its operations' answers, and numbers
//! that order them among those of the other. `cargo xtask harts` runs this and judges.
//!
//! `cocancel-harts ROUNDS SEED`: how many times, and what the pauses between operations are drawn from.
#![no_std]
#![no_main]

mod console;
mod hart;
mod play;
#[allow(missing_docs)]
mod scenarios;

use core::fmt::Write;
use core::sync::atomic::AtomicU32;
use core::sync::atomic::Ordering::{Acquire, Relaxed, Release};

use semihosting::process;

use console::CONSOLE;
use hart::Barrier;
use play::Line;
use scenarios::{Op, SCENARIOS};

static IS_SET_UP: AtomicU32 = AtomicU32::new(0);
static ROUNDS: AtomicU32 = AtomicU32::new(0);
static SEED: AtomicU32 = AtomicU32::new(0);
static BARRIER: Barrier = Barrier::new();

/// Hart 0 sets up memory; hart 1 goes on when it has.
#[unsafe(export_name = "_mp_hook")]
extern "C" fn hook(hart: usize) -> bool {
    // Acquire: pairs with hart 0's release
    while hart != 0 && IS_SET_UP.load(Acquire) == 0 {
        core::hint::spin_loop();
    }
    hart == 0
}

#[riscv_rt::entry]
fn main(hart: usize) -> ! {
    if hart == 0 {
        let (rounds, seed) = arguments().unwrap_or_else(|| fail("ROUNDS SEED"));
        ROUNDS.store(rounds, Relaxed);
        SEED.store(seed, Relaxed);
        // Release: pairs with the hook
        IS_SET_UP.store(1, Release);
    }
    hart::start();
    let mut random = Random(SEED.load(Relaxed) * 2 + hart as u32 + 1);
    let mut meetings = 1..;
    let mut meet = || BARRIER.meet(meetings.next().unwrap_or_default());
    for number in 0..SCENARIOS.len() {
        for round in 0..ROUNDS.load(Relaxed) {
            play(hart, number, round, &mut random, &mut meet);
        }
    }
    meet();
    if hart == 0 {
        CONSOLE.lock().flush();
        process::exit(0)
    }
    loop {
        riscv::asm::wfi();
    }
}

fn arguments() -> Option<(u32, u32)> {
    let args = semihosting::experimental::env::args::<64>().ok()?;
    let mut args = (&args).skip(1).map(|arg| arg.ok().and_then(|arg| arg.parse().ok()));
    Some((args.next()??, args.next()??))
}

fn play(hart: usize, number: usize, round: u32, random: &mut Random, meet: &mut impl FnMut()) {
    let scenario = &SCENARIOS[number];
    let mut line = Line::new();
    if hart == 0 {
        play::start();
        scenario.before.iter().for_each(|op| line.perform(*op));
    }
    meet();
    let mine = scenario.harts[hart];
    for op in mine {
        random.pause();
        line.perform(*op);
    }
    if mine.last() != Some(&Op::Exit) {
        random.pause();
        line.perform(Op::Exit);
    }
    meet();
    {
        let console = &mut *CONSOLE.lock();
        let printed = write!(console, "{number:x} {round:x} {hart}")
            .and_then(|()| line.print(console))
            .and_then(|()| console.write_char('\n'));
        if printed.is_err() {
            process::exit(102)
        }
    }
    if hart == 0 && !play::is_empty() {
        fail(scenario.name)
    }
}

/// Something is left in use after this scenario; or what else is wrong.
fn fail(what: &str) -> ! {
    let console = &mut *CONSOLE.lock();
    let _ = writeln!(console, "failed: {what}");
    console.flush();
    process::exit(1)
}

/// Marsaglia's xorshift.
struct Random(u32);

impl Random {
    fn next(&mut self) -> u32 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 17;
        self.0 ^= self.0 << 5;
        self.0
    }

    /// None, or short, or longer than what the other hart does in it.
    fn pause(&mut self) {
        let number = self.next();
        let turns = match number % 8 {
            0..4 => 0,
            4..6 => number / 8 % 64,
            _ => number / 8 % 2048,
        };
        for _ in 0..turns {
            core::hint::spin_loop();
        }
    }
}

#[panic_handler]
fn panic(info: &core::panic::PanicInfo) -> ! {
    let console = &mut *CONSOLE.lock();
    let _ = writeln!(console, "{info}");
    console.flush();
    process::exit(101)
}
