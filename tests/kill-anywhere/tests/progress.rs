//! What docs/progress.md claims of each operation, counted in steps: atomic operations, and calls of the port that others notice.
#![cfg(cocancel_steps)]

use std::collections::BTreeMap;

use cocancel_kill_anywhere::play::play;
use cocancel_kill_anywhere::scenarios::{Deadline, all};
use cocancel_kill_anywhere::stage::{CALLS, Stage, THREADS};
use cocancel_model::{Iid, Op, ThreadId};

/// The operations of docs/progress.md with their steps.
fn promised() -> BTreeMap<&'static str, u64> {
    let page = include_str!("../../../docs/progress.md");
    let cells = |line: &'static str| line.split('|').map(str::trim).collect::<Vec<_>>();
    let rows = page.lines().map(cells).filter(|cells| cells.len() == 6);
    rows.filter_map(|cells| Some((cells[1], cells[4].parse().ok()?))).collect()
}

fn name(op: Op) -> &'static str {
    match op {
        Op::Enable => "enable",
        Op::Disable => "disable",
        Op::Begin { .. } => "begin",
        Op::BeginAsync { .. } => "begin, asynchronous",
        Op::Serve { .. } => "serve",
        Op::Poll { .. } => "poll",
        Op::Wait { .. } => "wait, over",
        Op::Finish { .. } => "finish",
        Op::Enter { .. } => "enter",
        Op::Leave { .. } => "leave",
        Op::Complete { .. } => "complete",
        Op::Abandon { .. } => "abandon",
        Op::CancelThread { .. } => "cancel by thread",
        Op::CancelHandle { .. } => "cancel by handle",
        Op::TestCurrent => "test",
        Op::Tick => "tick",
        Op::ThreadExit => "thread exit",
        Op::UnsetCancelObject => "unregister a custom object",
        Op::GetCancelObject { .. } => "get a cancel object",
        Op::ObjectOf { .. } => "object of a call",
        Op::CancelObject { .. } => "cancel through an object",
        Op::TestObject { .. } => "test an object",
        Op::Query { .. } => "refer to an object once more",
        Op::Release { .. } => "release an object",
        Op::SetCancelObject(_) => "register a custom object",
        Op::GetContext { .. } => "get the call context",
        Op::SwitchContext { .. } => "switch the call context",
        other => panic!("{other:?} has no row"),
    }
}

#[test]
fn nobody_waits_for_one_who_stands_still() {
    let mut most = BTreeMap::new();
    let mut points = 0;
    for scenario in all(Deadline::Own) {
        for at in 1.. {
            let played = play::<{ 2 * THREADS }>(&scenario, at, true);
            points += 1;
            for (op, steps) in played.taken {
                let before: &mut u64 = most.entry(name(op)).or_default();
                *before = steps.max(*before);
            }
            if !played.stopped {
                break;
            }
        }
    }
    for (name, steps) in &most {
        println!("{name:<30}{steps:>4} steps");
    }
    println!("{points} points at which a thread stood still");
    let promised = promised();
    let has_row = |name| assert!(promised.contains_key(name), "docs/progress.md has no steps for {name}");
    most.keys().for_each(has_row);
    promised.keys().for_each(|name| assert!(most.contains_key(name), "{name} was never performed"));
    for (name, steps) in most {
        // not less either: then the page is out of date
        assert_eq!(steps, promised[name], "{name}: {steps} steps, {} by docs/progress.md", promised[name]);
    }
}

/// A call of thread 1 that thread 2 serves, and an object for thread 3.
fn scene() -> Stage<{ 2 * THREADS }> {
    let mut stage = Stage::new(&[]);
    let begin = Op::Begin { call: 1, context: true, own_timeout: Some(1 << 28), always_slot: false };
    stage.perform(1, Op::Enable, None);
    stage.perform(1, begin, None);
    stage.perform(2, Op::Enter { call: 1, frame: 1 }, None);
    stage.perform(3, Op::GetCancelObject { thread: 1, iid: Iid::Unknown, reference: 1 }, None);
    stage
}

/// Others change the words that operations on the call change: its pins, its request, the soonest deadline.
fn meddle(stage: &mut Stage<{ 2 * THREADS }>, nth: u32) {
    let sooner = Some((1 << 27) - u64::from(nth) * 1000);
    if nth % 2 == 0 {
        // the request, ever sooner, and the mark that tells the client of it
        stage.perform(4, Op::CancelHandle { call: 1, timeout: sooner, wait: false }, None);
        let begin = Op::BeginAsync { call: 1000 + nth, previous: None, context: false, own_timeout: sooner };
        stage.perform(4, begin, None);
    } else {
        // the client takes that mark back
        stage.perform(1, Op::Poll { call: 1 }, None);
        stage.perform(4, Op::Complete { call: 1000 + nth - 1 }, None);
        stage.perform(4, Op::Finish { call: 1000 + nth - 1 }, None);
    }
}

/// Steps of the operation if others interfere before each of its first so many steps.
fn steps(thread: ThreadId, op: Op, times: u32) -> u64 {
    let mut stage = scene();
    let mut nth = 0;
    stage.perform_disturbed(thread, op, |stage, _| {
        if nth < times {
            meddle(stage, nth);
            nth += 1;
        }
    })
}

#[test]
fn what_is_wait_free_takes_no_more_steps_however_others_interfere() {
    let operations = [
        (1, Op::Enable),
        (1, Op::Disable),
        (1, Op::Begin { call: 2, context: false, own_timeout: None, always_slot: false }),
        (2, Op::TestCurrent),
        (3, Op::TestObject { reference: 1 }),
    ];
    for (thread, op) in operations {
        let alone = steps(thread, op, 0);
        let disturbed = steps(thread, op, 1000);
        println!("{:<30}{alone:>4} steps alone, {disturbed:>4} with others before each", name(op));
        // a begin that finds a slot taken tries the next one
        let bound = if matches!(op, Op::Begin { .. }) { alone + CALLS as u64 } else { alone };
        assert!(disturbed <= bound, "{op:?}: {disturbed} steps, {alone} alone");
    }
}

#[test]
fn each_retry_is_paid_by_a_step_of_another() {
    let operations = [
        (1, Op::Poll { call: 1 }),
        (1, Op::Finish { call: 1 }),
        (2, Op::Complete { call: 1 }),
        (2, Op::Abandon { call: 1, hresult: 0x8001_0007 }),
        (2, Op::Leave { frame: 1 }),
        (3, Op::CancelHandle { call: 1, timeout: Some(5), wait: false }),
        (3, Op::CancelHandle { call: 1, timeout: Some(0), wait: false }),
        (3, Op::CancelThread { thread: 1, timeout: Some(5), wait: false }),
        (3, Op::Release { reference: 1 }),
        (3, Op::ObjectOf { call: 1, reference: 2 }),
    ];
    for (thread, op) in operations {
        let alone = steps(thread, op, 0);
        // one step for each retry, and what is left to do in another order or for others
        for times in [10, 100, 1000] {
            let disturbed = steps(thread, op, times);
            println!("{:<30}{alone:>4} steps alone, {disturbed:>5} with {times} interferences", name(op));
            assert!(disturbed <= alone + u64::from(times) + 8, "{op:?}: {disturbed} steps");
        }
    }
}

/// Calls keep ending under the eyes of whoever looks for them: it gives up after so many look-ups.
#[test]
fn a_look_up_has_an_end_whatever_the_thread_does() {
    let mut stage = Stage::<{ 2 * THREADS }>::new(&[]);
    stage.perform(1, Op::Enable, None);
    let mut call = 1;
    stage.perform(1, Op::Begin { call, context: false, own_timeout: None, always_slot: false }, None);
    let look = Op::GetCancelObject { thread: 1, iid: Iid::Unknown, reference: 1 };
    let taken = stage.perform_disturbed(3, look, |stage, _| {
        // one nested in the other by turns, so that the stack's head is always another one
        stage.perform(1, Op::Begin { call: call + 1, context: false, own_timeout: None, always_slot: false }, None);
        stage.perform(1, Op::Complete { call }, None);
        stage.perform(1, Op::Finish { call }, None);
        call += 1;
    });
    println!("a look-up that never succeeds ends after {taken} steps");
    let answer = stage.observed.iter().rev().find_map(|seen| match seen {
        cocancel_kill_anywhere::stage::Observed::Answered(3, _, answer) => Some(answer.hresult),
        _ => None,
    });
    assert_eq!(answer, Some(cocancel_model::hresult::RPC_E_CALL_COMPLETE));
    assert!(taken <= 16 * 16, "{taken} steps");
}
