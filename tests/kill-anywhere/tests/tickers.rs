//! Tickers that others cut into at each of their steps: more tickers, also ones that stop there, and whoever arms a deadline.
#![cfg(cocancel_steps)]

use cocancel::{CallOptions, Hresult, Timeout};
use cocancel_kill_anywhere::cutting::{NOW, as_thread, cut_into, each_step, runtime, stop_before};

#[test]
fn another_ticks_while_a_ticker_stands_still() {
    each_step(10, |at| {
        let rt = runtime();
        rt.enable().unwrap();
        let calls = [5, 50].map(|ms| rt.begin(CallOptions::new().timeout(Timeout::millis(ms))).call);
        let other = move || {
            for now in 11..100 {
                NOW.set(now);
                let answer = rt.tick(u32::MAX);
                let is_over = |call| rt.test_call(call) == Hresult::RPC_E_CALL_CANCELED;
                // the one that stands still may hold the call that it was just looking at, no more
                assert!(now < 12 || is_over(calls[0]), "stopped before step {at}: at {now} the first is not over");
                assert!(now < 52 || is_over(calls[1]), "stopped before step {at}: at {now} the second is not over");
                assert!(now >= 51 || answer.is_some_and(|ms| ms <= 51 - now + 1), "at {now}: {answer:?}");
            }
        };
        NOW.set(10);
        if !cut_into(at, other, || _ = rt.tick(u32::MAX)) {
            return false;
        }
        true
    });
}

#[test]
fn a_deadline_that_is_armed_while_a_ticker_looks() {
    each_step(10, |at| {
        let rt = runtime();
        rt.enable().unwrap();
        let _ = rt.begin(CallOptions::new().timeout(Timeout::millis(5)));
        NOW.set(10);
        let begin = move || {
            as_thread(2, || {
                rt.enable().unwrap();
                let _ = rt.begin(CallOptions::new().timeout(Timeout::millis(20)));
            });
        };
        let mut answer = None;
        if !cut_into(at, begin, || answer = rt.tick(u32::MAX)) {
            return false;
        }
        // at once, where the scan may have missed it
        assert!(answer.is_none_or(|ms| ms == 0 || ms >= 20), "armed before step {at}: {answer:?}");
        for now in 11..40 {
            NOW.set(now);
            rt.tick(u32::MAX);
        }
        let pending = rt.calls().filter(|call| !call.requested).count();
        assert_eq!(pending, 0, "the deadline that was armed before step {at} is lost");
        true
    });
}

#[test]
fn a_ticker_whose_round_is_over_finds_another_that_stands_in_its_own() {
    for stopped_at in 1..30 {
        each_step(10, |at| {
            let rt = runtime();
            rt.enable().unwrap();
            let _ = [5, 50].map(|ms| rt.begin(CallOptions::new().timeout(Timeout::millis(ms))).call);
            let other = move || stop_before(stopped_at, || _ = rt.tick(u32::MAX));
            NOW.set(10);
            let mut answer = None;
            if !cut_into(at, other, || answer = rt.tick(u32::MAX)) {
                return false;
            }
            // not at once, or two who see each other's rounds would never let one end
            let is_soon = answer.is_some_and(|ms| (1..=41).contains(&ms));
            assert!(is_soon, "stopped before {stopped_at}, cut into before {at}: {answer:?}");
            true
        });
    }
}

#[test]
fn two_tickers_with_small_budgets() {
    each_step(4, |at| {
        let rt = runtime();
        rt.enable().unwrap();
        // in the order of the slots: the second and third are looked at first
        let calls = [5, 50, 6].map(|ms| rt.begin(CallOptions::new().timeout(Timeout::millis(ms))).call);
        NOW.set(10);
        if !cut_into(at, move || _ = rt.tick(2), || _ = rt.tick(2)) {
            return false;
        }
        let is_over = |call| rt.test_call(call) == Hresult::RPC_E_CALL_CANCELED;
        while rt.tick(2) == Some(0) {}
        assert_eq!(calls.map(is_over), [true, false, true], "cut into before step {at}");
        NOW.set(60);
        while rt.tick(2) == Some(0) {}
        assert!(is_over(calls[1]), "a later deadline is lost, cut into before step {at}");
        true
    });
}
