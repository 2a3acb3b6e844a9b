//! A canceller stops for ever at each step, and living ones ask for the same or for less: what they were told comes true.
#![cfg(cocancel_steps)]

use cocancel_kill_anywhere::cutting::each_step;
use cocancel_kill_anywhere::stage::Stage;
use cocancel_model::Op;

fn cancel(ms: u64) -> Op {
    Op::CancelThread { thread: 1, timeout: Some(ms), wait: false }
}

/// A client that waits, and what is asked of it, one canceller stopped before its step `at`; then so much time that all of them are over, and no tick.
/// Whether that one came so far.
fn is_released(at: u32, play: impl FnOnce(&mut Stage<0>)) -> bool {
    let mut stage = Stage::<0>::new(&[]);
    let begin = Op::Begin { call: 1, context: false, own_timeout: None, always_slot: false };
    for op in [Op::Enable, begin, Op::Wait { call: 1 }] {
        stage.perform(1, op, None);
    }
    play(&mut stage);
    stage.perform(6, Op::Advance(3_000), None);
    assert!(!stage.is_asleep(1), "step {at}: nothing has released the client");
    let stopped = stage.is_stopped(3);
    stage.quiet();
    stopped
}

/// Somebody has asked for 30 s, the stopped one asks for 1 s, the last one for 2 s.
#[test]
fn a_request_counts_though_one_for_less_stopped_before_it() {
    each_step(10, |at| {
        is_released(at, |stage| {
            stage.perform(4, cancel(30_000), None);
            stage.perform(3, cancel(1_000), Some(at.into()));
            stage.perform(5, cancel(2_000), None);
        })
    });
}

/// The first one is stopped; a watchdog says the same again and again.
#[test]
fn a_request_is_repeated_after_the_first_one_stopped() {
    each_step(10, |at| {
        is_released(at, |stage| {
            stage.perform(3, cancel(1_000), Some(at.into()));
            for _ in 0..3 {
                stage.perform(5, cancel(1_000), None);
                stage.perform(6, Op::Advance(100), None);
            }
        })
    });
}
