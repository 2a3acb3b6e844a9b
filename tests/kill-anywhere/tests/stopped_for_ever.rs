//! Every operation, its thread stopped for ever before each of its steps.
#![cfg(cocancel_steps)]

use cocancel_kill_anywhere::play::{Played, play};
use cocancel_kill_anywhere::scenarios::{Deadline, Scenario, TWO_PINS, all};

/// More steps than any operation has.
const ENDLESS: u64 = 10_000;

/// Plays the scenario with its victim stopped at each step, and once to its end.
fn at_every_step<const CELLS: usize>(scenario: &Scenario, reborn: bool, mut look: impl FnMut(u64, &Played)) -> u64 {
    for at in 1..ENDLESS {
        let played = play::<CELLS>(scenario, at, reborn);
        look(at, &played);
        if !played.stopped {
            return at - 1;
        }
    }
    panic!("{}: it has no end", scenario.name);
}

fn report(scenario: &Scenario, at: u64, what: &str, played: &Played) -> String {
    let seen: String = played.observed.iter().map(|seen| format!("    {seen:?}\n")).collect();
    format!(
        "{} ({:?}), stopped before step {at}: {what}\n{seen}    left: {:?}",
        scenario.name, scenario.victim, played.left
    )
}

/// So that a look-up scans the threads, and so that it asks their index.
const SCANNED: usize = 0;
const INDEXED: usize = 2 * cocancel_kill_anywhere::stage::THREADS;

#[test]
fn the_others_go_on() {
    let mut wrong = Vec::new();
    let mut points = 0;
    let scenarios = all(Deadline::Own);
    for scenario in &scenarios {
        for reborn in [false, true] {
            let mut look = |at, played: &Played| {
                let mut check = |holds: bool, what: &str| {
                    if !holds {
                        wrong.push(report(scenario, at, what, played));
                    }
                };
                check(played.is_allowed, "the model allows no such answers");
                check(played.asleep.is_empty(), &format!("asleep for ever: {:?}", played.asleep));
                check(
                    played.invisible == 0,
                    &format!("{} slots are neither free nor in the snapshot", played.invisible),
                );
                // what the snapshot names as the victim's is not lost: it goes when the id comes again;
                // nor is the pin of what it serves
                let lost = || played.left.iter().filter(|info| reborn || info.thread != Some(scenario.victim.0));
                let (slots, pins) =
                    (lost().count(), lost().map(|info| info.pins - u32::from(info.serving)).sum::<u32>());
                let most = if TWO_PINS.contains(&scenario.name) { 2 } else { 1 };
                check(slots <= 1 && pins <= most, &format!("{slots} slots with {pins} pins are lost"));
            };
            points += at_every_step::<SCANNED>(scenario, reborn, &mut look);
            points += at_every_step::<INDEXED>(scenario, reborn, &mut look);
        }
    }
    println!("{} scenarios, {points} points at which a thread stopped for ever", scenarios.len());
    assert!(
        wrong.is_empty(),
        "{} wrong:\n{}",
        wrong.len(),
        wrong.iter().take(12).cloned().collect::<Vec<_>>().join("\n")
    );
}

/// A client without a deadline depends on being woken: whoever released it, or delivered its reply, and stopped before the wake, leaves it asleep.
#[test]
fn only_a_wake_can_be_lost() {
    let (mut points, mut lost) = (0, 0);
    for scenario in all(Deadline::None) {
        let mut places = Vec::new();
        points += at_every_step::<SCANNED>(&scenario, false, |at, played| {
            if !played.asleep.is_empty() {
                places.push(at);
                // by the victim itself: nobody else's wake may go with it
                let own = played.was_decided;
                assert!(own, "{}", report(&scenario, at, "asleep though the victim had decided nothing", played));
            }
        });
        lost += places.len();
        if !places.is_empty() {
            println!("{}: asleep when stopped before step {places:?}", scenario.name);
        }
    }
    println!("{points} points, at {lost} of which a wake is lost");
}
