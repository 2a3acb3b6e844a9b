//! Does every scenario once for each instruction of its operation, with the timer's interrupt exactly there, and prints what
//! came of it: for each scenario the different outcomes, and before which instructions the interrupt came.
//!
//! With the argument `trace` it does every operation once, uninterrupted, between two marks: an emulator that logs each
//! instruction then shows which there are. `cargo xtask interrupts` runs both and judges.
#![no_std]
#![no_main]

mod moment;
mod play;
#[allow(missing_docs)]
mod scenarios;

use core::ops::RangeInclusive;
use core::sync::atomic::AtomicU32;
use core::sync::atomic::Ordering::Relaxed;

use cortex_m_rt::entry;
use semihosting::{print, println, process};

use moment::Visited;
use play::Answers;
use scenarios::{SCENARIOS, Scenario};

/// More different outcomes than a scenario can have. One more is an error.
const OUTCOMES: usize = 8;
/// Instructions before the operation. From the least of them to the most is as far as from a timer tick to the next: 16 MHz on the
/// micro:bit, 1 ns for an instruction. The least are more than the timer takes at the least: three of its ticks.
const NOPS: RangeInclusive<u32> = 192..=256;

/// The number of the scenario that is being played, for the interrupt handler.
static CURRENT: AtomicU32 = AtomicU32::new(0);

#[entry]
fn main() -> ! {
    let trace = semihosting::experimental::env::args::<64>().is_ok_and(|args| (&args).any(|arg| arg == Ok("trace")));
    for (number, scenario) in SCENARIOS.iter().enumerate() {
        CURRENT.store(number as u32, Relaxed);
        if trace {
            let _ = trial(scenario, None);
        } else {
            sweep(number, scenario);
        }
    }
    process::exit(0)
}

/// The handler's part of the current scenario, in the interrupt handler.
fn interrupted() {
    if let Some(scenario) = SCENARIOS.get(CURRENT.load(Relaxed) as usize) {
        play::handler(scenario);
    }
}

/// The interrupt comes one instruction later each time, from before the operation to after it.
fn sweep(number: usize, scenario: &Scenario) {
    let mut outcomes: [Option<Answers>; OUTCOMES] = [None; OUTCOMES];
    let mut trials = 0;
    Visited::clear();
    for ticks in 1.. {
        let mut came_within = false;
        for nops in NOPS.rev() {
            let (answers, within) = trial(scenario, Some((ticks, nops)));
            came_within |= within;
            trials += 1;
            if !outcomes.contains(&Some(answers)) {
                match outcomes.iter_mut().find(|free| free.is_none()) {
                    Some(free) => *free = Some(answers),
                    None => {
                        println!("too many outcomes");
                        process::exit(1)
                    }
                }
            }
        }
        if !came_within {
            break;
        }
    }
    println!("scenario {number} {trials} {}", scenario.name);
    for answers in outcomes.iter().flatten() {
        print!("outcome");
        answers.values().for_each(|value| print!(" {value:x}"));
        println!();
    }
    print!("visited");
    Visited::each(|address| print!(" {address:x}"));
    println!();
}

/// Plays the scenario, with the interrupt after so many ticks of the timer and without as many instructions; `None`: after the
/// operation. Says also whether it came before the operation had returned.
fn trial(scenario: &Scenario, at: Option<(u32, u32)>) -> (Answers, bool) {
    play::start();
    scenario.before.iter().for_each(|op| play::thread(*op));
    moment::arm(at.map(|(ticks, _)| ticks));
    moment::pass(at.map_or(0, |(_, nops)| nops));
    moment::operation_begins();
    play::thread(scenario.interrupted);
    moment::operation_ends();
    let within = moment::await_interrupt();
    scenario.after.iter().for_each(|op| play::thread(*op));
    (play::end(), within)
}

#[panic_handler]
fn panic(info: &core::panic::PanicInfo) -> ! {
    println!("{info}");
    process::exit(101)
}
