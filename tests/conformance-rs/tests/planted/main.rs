//! Each clause of the suite can fail: ports with one defect each, and the clauses that find it.
#![allow(missing_docs)]

mod simulated;
#[cfg(unix)]
mod sleepers;

use std::collections::BTreeSet;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Mutex, MutexGuard, PoisonError};

use cocancel_conformance::{at_once, for_each_clause, nothing_is_left};
use simulated::{Defect, Simulated};

macro_rules! clauses {
    ($($clause:ident $text:literal;)*) => {
        /// All clauses, by their names.
        const CLAUSES: &[(&str, fn())] = &[$((stringify!($clause), || {
            at_once(cocancel_conformance::$clause::<Simulated>());
            nothing_is_left::<Simulated>();
        })),*];
    };
}
for_each_clause!(clauses);

/// For each defect, clauses that must find it. Others may, too.
const PLANTED: &[(Defect, &[&str])] = &[
    (Defect::IdIsZero, &["ids_differ_and_stay"]),
    (Defect::IdChanges, &["ids_differ_and_stay", "cancelled_by_a_thread"]),
    (Defect::OneIdForTwoThreads, &["ids_differ_and_stay"]),
    (Defect::HandlerUnknown, &["handlers_are_known", "refused_in_handlers"]),
    (Defect::HandlerHasId, &["handlers_are_known"]),
    (Defect::TickIsSlow, &["tick_counts", "ticked"]),
    (Defect::TickGoesBack, &["tick_counts"]),
    (Defect::TickDoesNotWrap, &["tick_wraps", "deadline_across_the_wrap"]),
    (Defect::LocalIsForgotten, &["local_is_per_thread"]),
    (Defect::LocalIsShared, &["local_is_per_thread", "served_by_a_thread"]),
    (Defect::LocalIsInherited, &["local_is_per_thread"]),
    (Defect::WakeIsNotLatched, &["wake_before_wait"]),
    (
        Defect::WakeIsLost,
        &[
            "wake_before_wait",
            "wake_ends_wait",
            "long_waits_sleep",
            "answered_while_waiting",
            "cancelled_at_once",
            "cancelled_with_grace",
            "answered_in_grace",
            "grace_is_shortened",
            "innermost_is_meant",
            "asynchronous",
        ],
    ),
    (Defect::WakeOfTheOtherSide, &["wake_before_wait", "wake_ends_wait", "answered_while_waiting"]),
    (Defect::WakeOfAnotherThread, &["wake_before_wait", "wake_ends_wait", "answered_while_waiting"]),
    (Defect::WaitHasNoEnd, &["wait_keeps_time", "own_timeout", "cancelled_with_grace"]),
    (Defect::WaitIsLate, &["wait_keeps_time", "own_timeout", "deadline_across_the_wrap"]),
    (Defect::WaitDoesNotSleep, &["wait_keeps_time"]),
    (Defect::WaitHas16Bits, &["long_waits_sleep"]),
    (Defect::RetireIsForgotten, &["answered_before_wait", "asynchronous"]),
    (Defect::RetireTwice, &["answered_before_wait", "client_ends"]),
    (Defect::RequestIsForgotten, &["cancelled_at_once", "own_timeout"]),
    (Defect::ExitIsForgotten, &["client_ends", "server_ends"]),
];

/// Clauses that need threads which sleep: their defects are in `sleepers`.
const SLEEPERS: [&str; 1] = ["each_side_is_woken"];

/// Handlers and threads tell the clauses things in statics.
fn one_at_a_time() -> MutexGuard<'static, ()> {
    static ONE: Mutex<()> = Mutex::new(());
    ONE.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The clauses that fail on a port with that defect.
fn failing(defect: Defect) -> BTreeSet<&'static str> {
    let _one = one_at_a_time();
    let fails = |run: fn()| {
        simulated::begin(defect);
        catch_unwind(AssertUnwindSafe(run)).is_err()
    };
    CLAUSES.iter().filter(|(_, run)| fails(*run)).map(|(name, _)| *name).collect()
}

#[test]
fn a_port_without_a_defect_keeps_every_clause() {
    assert_eq!(failing(Defect::Nothing), BTreeSet::new());
}

#[test]
fn each_defect_is_found() {
    let mut missed = Vec::new();
    for (defect, finders) in PLANTED {
        let failing = failing(*defect);
        println!("{defect:?}: {failing:?}");
        missed.extend(finders.iter().filter(|name| !failing.contains(*name)).map(|name| (*defect, *name)));
    }
    assert!(missed.is_empty(), "defects that these clauses did not find: {missed:?}");
}

#[test]
fn each_clause_finds_a_defect() {
    let finders = PLANTED.iter().flat_map(|(_, finders)| finders.iter().copied());
    let finders: BTreeSet<&str> = finders.chain(SLEEPERS).collect();
    let all: BTreeSet<&str> = CLAUSES.iter().map(|(name, _)| *name).collect();
    assert_eq!(finders, all, "left: what finds a defect; right: all clauses");
}
