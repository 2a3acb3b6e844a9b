use super::*;
use std::vec::Vec;

/// Times around every boundary that the encodings have.
fn interesting() -> Vec<u64> {
    let marks = [0i64, 1 << 13, 1 << 28, 1 << 29, 1 << 30, 1 << 31, 1 << 32, 1 << 43, 4_294_967_294_000];
    let near = [-8193i64, -8192, -2, -1, 0, 1, 2, 8191, 8193];
    let mut all: Vec<u64> = marks.iter().flat_map(|m| near.map(|d| (*m + d).max(0) as u64)).collect();
    all.sort_unstable();
    all.dedup();
    all
}

#[test]
fn never_early_and_late_by_no_more_than_stated() {
    for now in interesting() {
        for ms in interesting().into_iter().filter(|ms| *ms > 0 && *ms <= 4_294_967_294_000) {
            let deadline = Deadline::after(Instant(now), Timeout(ms));
            let exact = now + ms + 1;
            let late = if ms + 1 < NEAR_RANGE { 0 } else { (2 << UNIT_BITS) - 1 };
            // looked at from then, from half way, and just around the end
            for seen in [now, now + ms / 2, exact.saturating_sub(1)] {
                let when = deadline.instant(Instant(seen)).unwrap().0;
                assert!(when >= exact && when <= exact + late, "{now} + {ms}: {when}");
                assert!(!deadline.is_due(Instant(seen)), "early: {now} + {ms} at {seen}");
            }
            assert!(deadline.is_due(Instant(exact + late)), "late: {now} + {ms}");
        }
    }
}

#[test]
fn sooner_agrees_with_the_clock_across_scales() {
    let now = Instant(123_456_789);
    let times: Vec<u64> = interesting().into_iter().filter(|ms| *ms <= 4_294_967_294_000).collect();
    for a in &times {
        for b in &times {
            let (x, y) = (Deadline::after(now, Timeout(*a)), Deadline::after(now, Timeout(*b)));
            if x.is_sooner(y, now) {
                assert!(a < b, "{a} {b}");
            } else if a < b {
                assert!(b - a <= 2 << UNIT_BITS, "{a} {b}: only rounding may hide the difference");
            }
        }
        assert!(Deadline::after(now, Timeout(*a)).is_sooner(Deadline::NEVER, now));
        assert!(!Deadline::NEVER.is_sooner(Deadline::after(now, Timeout(*a)), now));
    }
}

#[test]
fn the_clock_extends_across_wraps() {
    let (mut half, mut last) = (0, 0);
    for step in 0u64..40 {
        let time = step * 0x3000_0000 + 7;
        let (next, now) = extend(half, time as u32);
        assert_eq!(now.0, time);
        assert!(next - half <= 1 && now.0 >= last);
        (half, last) = (next, now.0);
    }
}

#[test]
fn the_time_whose_bits_mean_never_is_taken_for_the_next() {
    let now = Instant(0);
    let last = Instant(MASK << UNIT_BITS);
    let deadline = Deadline::at(now, last);
    assert_ne!(deadline, Deadline::NEVER);
    let seen = Instant(last.0 - NEAR_RANGE);
    let unit = 1 << UNIT_BITS;
    assert_eq!(deadline.instant(seen), Some(Instant(last.0 + unit)), "a unit late");
}

#[test]
fn special_timeouts() {
    assert_eq!(Timeout::seconds(u32::MAX), Timeout::INFINITE);
    assert_eq!(Timeout::millis(u32::MAX), Timeout::INFINITE);
    assert_eq!(Timeout::seconds(u32::MAX - 1), Timeout(4_294_967_294_000));
    let now = Instant(5);
    assert!(Deadline::after(now, Timeout::ZERO).is_due(now));
    assert!(!Deadline::after(now, Timeout::INFINITE).is_due(Instant(1 << 43)));
    assert_eq!(Deadline::NEVER.remaining(now), None);
}
