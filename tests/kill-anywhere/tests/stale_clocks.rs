//! Who read the clock before a deadline was made, and looks at that deadline afterwards: it is not early, and nobody misses it.
#![cfg(cocancel_steps)]

use cocancel::{CallHandle, CallOptions, Outcome, Phase, Poll, Timeout, Waiting};
use cocancel_kill_anywhere::cutting::{NOW, Rt, as_thread, cut_into, each_step, runtime};

const DAY: u32 = 86_400_000;
/// Half of the circle on which deadlines in milliseconds lie.
const HALF: u32 = 1 << 29;

fn begin(rt: &Rt, timeout: u32) -> CallHandle {
    rt.enable().unwrap();
    rt.begin(CallOptions::new().timeout(Timeout::millis(timeout))).call
}

/// At each step of a tick, so much time goes by and another begins a call.
fn is_not_early(stall: u32, timeout: u32) {
    each_step(10, |at| {
        let rt = runtime();
        begin(rt, 5);
        NOW.set(10);
        let other = move || {
            NOW.set(10 + stall);
            as_thread(2, || begin(rt, timeout));
        };
        if !cut_into(at, other, || _ = rt.tick(u32::MAX)) {
            return false;
        }
        let is_over = rt.calls().any(|call| call.thread == Some(2) && call.requested);
        assert!(!is_over, "stopped before step {at} for {stall} ms: over at once, not in {timeout} ms");
        true
    });
}

#[test]
fn a_ticker_s() {
    is_not_early(1, HALF - 2);
    is_not_early(1, HALF / 2 - 2);
    is_not_early(1_000, 536_870_000);
    is_not_early(7 * DAY, 5_000);
    is_not_early(7 * DAY, HALF / 2 - 2);
    is_not_early(20 * DAY, 5_000);
}

#[test]
fn a_canceller_s() {
    for (stall, timeout) in [(1, HALF - 2), (1, HALF / 2 - 2), (7 * DAY, 5_000)] {
        each_step(8, |at| {
            let rt = runtime();
            let call = as_thread(2, || begin(rt, u32::MAX));
            NOW.set(10);
            let other = move || {
                NOW.set(10 + stall);
                let _ = rt.cancel_call(call, Timeout::millis(timeout), Waiting::Never);
            };
            let ask = || _ = rt.cancel_call(call, Timeout::millis(10 * DAY), Waiting::Never);
            if !cut_into(at, other, ask) {
                return false;
            }
            let is_over = rt.calls().any(|info| info.phase == Phase::Canceled);
            assert!(!is_over, "stopped before step {at}: released at once, and both asked for more");
            true
        });
    }
}

/// Whether ticks, which come when they are asked for, release that thread's call within a minute.
fn is_ticked(rt: &Rt, thread: u32) -> bool {
    let end = NOW.get() + 60_000;
    while NOW.get() < end {
        let answer = rt.tick(u32::MAX);
        if !rt.calls().any(|call| call.thread == Some(thread) && call.phase == Phase::Pending) {
            return true;
        }
        NOW.set(NOW.get() + answer.map_or(DAY, |ms| ms.max(1)));
    }
    false
}

#[test]
fn one_who_arms() {
    for stall in [1, 4 * DAY] {
        each_step(8, |at| {
            let rt = runtime();
            rt.enable().unwrap();
            as_thread(3, || rt.enable().unwrap());
            NOW.set(10);
            let other = move || {
                NOW.set(10 + stall);
                as_thread(2, || begin(rt, HALF / 2 - 2));
            };
            if !cut_into(at, other, || _ = begin(rt, 5_000)) {
                return false;
            }
            assert!(is_ticked(rt, 1), "before step {at} a later one was armed, and no tick comes");
            true
        });
    }
}

/// Another begins two calls meanwhile: the scan remembers the sooner one.
#[test]
fn a_ticker_that_comes_to_several() {
    for stall in [1, 4 * DAY, 7 * DAY] {
        each_step(10, |at| {
            let rt = runtime();
            begin(rt, 5);
            NOW.set(10);
            let other = move || {
                NOW.set(10 + stall);
                as_thread(2, || begin(rt, HALF / 2 - 2));
                as_thread(3, || begin(rt, 5_000));
            };
            if !cut_into(at, other, || _ = rt.tick(u32::MAX)) {
                return false;
            }
            assert!(is_ticked(rt, 3), "stopped before step {at}: the sooner one is missed");
            true
        });
    }
}

/// Another asks for as long as a near deadline can be, and this one for 5 s.
#[test]
fn one_who_asks_for_less() {
    for stall in [1, 4 * DAY] {
        each_step(8, |at| {
            let rt = runtime();
            let call = as_thread(2, || begin(rt, u32::MAX));
            NOW.set(10);
            let other = move || {
                NOW.set(10 + stall);
                let _ = rt.cancel_call(call, Timeout::millis(HALF / 2 - 2), Waiting::Never);
            };
            if !cut_into(at, other, || _ = rt.cancel_call(call, Timeout::millis(5_000), Waiting::Never)) {
                return false;
            }
            NOW.set(NOW.get() + 5_001);
            let is_over = matches!(rt.poll(call), Ok(Poll::Ended(Outcome::Canceled)));
            assert!(is_over, "stopped before step {at}: its 5 s count for nothing");
            true
        });
    }
}
