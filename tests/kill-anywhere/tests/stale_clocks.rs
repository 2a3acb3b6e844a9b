//! Who read the clock before a deadline was made, and looks at that deadline afterwards: it is not early, and nobody misses it.
#![cfg(cocancel_steps)]

use cocancel::{CallHandle, CallOptions, Hresult, Phase, Timeout, Waiting};
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

#[test]
fn one_who_arms() {
    each_step(8, |at| {
        let rt = runtime();
        rt.enable().unwrap();
        as_thread(3, || rt.enable().unwrap());
        NOW.set(10);
        let other = move || {
            NOW.set(11);
            as_thread(2, || begin(rt, HALF - 2));
        };
        let mut call = None;
        if !cut_into(at, other, || call = Some(begin(rt, 5_000))) {
            return false;
        }
        let mut answers = Vec::new();
        for now in [12, 100, 5_100, 10_000] {
            NOW.set(now);
            answers.push((now, rt.tick(u32::MAX)));
        }
        let is_over = call.is_some_and(|call| rt.test_call(call) == Hresult::RPC_E_CALL_CANCELED);
        assert!(is_over, "before step {at} a later one was armed, and no tick comes: {answers:?}");
        true
    });
}
