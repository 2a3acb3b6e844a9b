//! Milliseconds from the performance counter. GetTickCount will not do: it jumps by as much as 16 at a time, and deadlines would be
//! early by that.
//!
//! The counter is 64 bits and its frequency any number: `counter * 1000 / frequency` is done as a multiplication, because 32-bit
//! processors have no such division, and this library calls no function for it.

use super::system;
use crate::sync::AtomicU32;
use crate::sync::Ordering::{Acquire, Relaxed, Release};

/// `1000 / frequency` is `FACTOR / 2^(32 + SHIFT)`, rounded down: at most one part in 2^31 slow. 0: not known yet.
static FACTOR: AtomicU32 = AtomicU32::new(0);
static SHIFT: AtomicU32 = AtomicU32::new(0);

pub(super) fn milliseconds() -> u32 {
    // Acquire: pairs with the release below: the shift that belongs to it. Relaxed: as said
    let (factor, shift) = match FACTOR.load(Acquire) {
        0 => set_up(),
        factor => (factor, SHIFT.load(Relaxed)),
    };
    let mut counter = 0;
    // SAFETY: writable
    if factor == 0 || unsafe { system::QueryPerformanceCounter(&raw mut counter) } == 0 {
        // SAFETY: takes nothing and cannot fail
        return unsafe { system::GetTickCount() };
    }
    scale(counter, factor, shift)
}

#[cold]
fn set_up() -> (u32, u32) {
    let mut frequency = 0;
    // SAFETY: writable
    if unsafe { system::QueryPerformanceFrequency(&raw mut frequency) } == 0 || frequency < 1000 {
        return (0, 0);
    }
    let (factor, shift) = ratio(frequency);
    // everybody who gets here at once stores the same
    // Relaxed: published by the next one
    SHIFT.store(shift, Relaxed);
    // Release: pairs with the acquire above
    FACTOR.store(factor, Release);
    (factor, shift)
}

/// `1000 / frequency` as a factor with its highest bit set and a shift. `frequency` is 1000 or more.
const fn ratio(frequency: u64) -> (u32, u32) {
    let (mut factor, mut shift, mut rest) = (0, 0, 1000);
    if frequency == 1000 {
        return (u32::MAX, 0);
    }
    // long division, bit by bit, without the leading zeros
    while rest << 1 < frequency {
        rest <<= 1;
        shift += 1;
    }
    let mut bit = 0;
    while bit < 32 {
        rest <<= 1;
        factor <<= 1;
        if rest >= frequency {
            rest -= frequency;
            factor |= 1;
        }
        bit += 1;
    }
    (factor, shift)
}

/// `counter * factor / 2^(32 + shift)`, wrapped at 2^32.
const fn scale(counter: u64, factor: u32, shift: u32) -> u32 {
    let low = (counter & 0xFFFF_FFFF) * factor as u64;
    // cannot overflow: (2^32 - 1)^2 + 2^32 - 1 is less than 2^64
    let high = (counter >> 32) * factor as u64 + (low >> 32);
    (high >> shift) as u32
}

// No test of its own can run where this module is not compiled, so the compiler does it.
const _: () = {
    /// Whether that many seconds of a counter of that frequency are that many milliseconds, at most one too few.
    const fn is_right(frequency: u64, seconds: u64) -> bool {
        let (factor, shift) = ratio(frequency);
        let off = ((seconds * 1000) as u32).wrapping_sub(scale(frequency * seconds, factor, shift));
        off <= 1 + (seconds / 2_000_000) as u32
    }
    assert!(is_right(10_000_000, 1) && is_right(10_000_000, 86_400 * 365));
    assert!(is_right(3_579_545, 7) && is_right(3_579_545, 86_400 * 365));
    assert!(is_right(2_999_999_999, 3) && is_right(2_999_999_999, 86_400 * 30));
    assert!(is_right(1000, 5) && is_right(1001, 5) && is_right(1999, 1_000_000) && is_right(1_000_000_000, 100_000));
};
