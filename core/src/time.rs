//! Timeouts, the extended clock and deadlines that stay right across the wrap of a 32-bit tick. Plain values, no atomics.
//!
//! The port's tick is 32 bits of milliseconds and wraps every 49.7 days. A half-period counter extends it ([`extend`]), and a
//! [`Deadline`] packs an absolute time into 31 bits in one of two scales:
//!
//! | scale | unit | used when the deadline is less than | late by at most |
//! |---|---|---|---|
//! | near | 1 ms | 2^28 ms (3.1 days) away | nothing |
//! | coarse | 8192 ms | 139 years away | 8.2 s, 31 parts per million |
//!
//! Both round up, so that no deadline is early. A near one is read right from 6.2 days before it to 6.2 days after: by a clock that was read up to
//! 3.1 days before it was made, and until it has been due for 6.2 days. The clock must be looked at at least once in 24.8 days. The
//! waiting functions see to both by themselves, unless the machine is stopped for so long.

/// How long to wait: milliseconds, or for ever.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Timeout(u64);

impl Timeout {
    /// At once.
    pub const ZERO: Timeout = Timeout(0);
    /// Never expires.
    pub const INFINITE: Timeout = Timeout(u64::MAX);

    /// Milliseconds; `u32::MAX` is infinite.
    #[must_use]
    #[inline]
    pub const fn millis(ms: u32) -> Timeout {
        if ms == u32::MAX { Timeout::INFINITE } else { Timeout(ms as u64) }
    }

    /// Seconds, as the COM functions count; `u32::MAX` (`RPC_C_CANCEL_INFINITE_TIMEOUT`) is infinite.
    #[must_use]
    #[inline]
    pub const fn seconds(seconds: u32) -> Timeout {
        if seconds == u32::MAX { Timeout::INFINITE } else { Timeout(seconds as u64 * 1000) }
    }
}

/// Milliseconds on the extended clock (63 bits).
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(crate) struct Instant(u64);

/// The half period that `tick` lies in, given the one last seen, and the time it makes.
///
/// The low bit of a half period equals the tick's top bit; where they differ, one half period has begun since.
pub(crate) const fn extend(half: u32, tick: u32) -> (u32, Instant) {
    let half = if (half & 1) == (tick >> 31) { half } else { half.wrapping_add(1) };
    (half, Instant(((half as u64) << 31) | (tick & (u32::MAX >> 1)) as u64))
}

const BITS: u32 = 30;
const MASK: u64 = (1 << BITS) - 1;
const COARSE: u32 = 1 << BITS;
const UNIT_BITS: u32 = 13;
/// Half of what could be told apart: whoever read the clock before the deadline was made must not take it for past.
const NEAR_RANGE: u64 = 1 << (BITS - 2);

/// An absolute time in 31 bits, or never.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Deadline(u32);

impl Deadline {
    pub(crate) const NEVER: Deadline = Deadline(COARSE | MASK as u32);

    #[inline]
    pub(crate) const fn from_bits(bits: u32) -> Self {
        Deadline(bits & Self::NEVER.0)
    }

    #[inline]
    pub(crate) const fn bits(self) -> u32 {
        self.0
    }

    /// The deadline that is surely `timeout` away at `now`.
    ///
    /// A tick is a floor: up to one tick of real time has already passed at `now`, hence the one added.
    #[inline]
    pub(crate) const fn after(now: Instant, timeout: Timeout) -> Self {
        match timeout.0 {
            u64::MAX => Self::NEVER,
            0 => Self::at(now, now),
            ms => Self::at(now, Instant(now.0 + ms + 1)),
        }
    }

    /// The deadline at the time `when`, rounded up.
    #[inline]
    pub(crate) const fn at(now: Instant, when: Instant) -> Self {
        if when.0.saturating_sub(now.0) < NEAR_RANGE {
            return Deadline((when.0 & MASK) as u32);
        }
        let units = when.0.div_ceil(1 << UNIT_BITS) & MASK;
        // all ones is taken by NEVER; one unit later is still in time
        let units = if units == MASK { 0 } else { units };
        Deadline(COARSE | units as u32)
    }

    /// The time meant, seen from `now`; `None` for never.
    #[inline]
    pub(crate) const fn instant(self, now: Instant) -> Option<Instant> {
        if self.0 == Self::NEVER.0 {
            return None;
        }
        let (value, scale) = if self.0 & COARSE == 0 { (self.0, 0) } else { (self.0 & MASK as u32, UNIT_BITS) };
        let distance = value.wrapping_sub((now.0 >> scale) as u32) << (32 - BITS);
        let distance = (distance as i32 >> (32 - BITS)) as i64;
        Some(Instant((((now.0 >> scale) as i64 + distance) << scale) as u64))
    }

    #[inline]
    pub(crate) const fn is_due(self, now: Instant) -> bool {
        matches!(self.remaining(now), Some(0))
    }

    /// Milliseconds until it is due, `None` for never.
    #[inline]
    pub(crate) const fn remaining(self, now: Instant) -> Option<u64> {
        match self.instant(now) {
            None => None,
            // as signed: a deadline before the clock's zero is long due
            Some(when) if when.0 as i64 <= now.0 as i64 => Some(0),
            Some(when) => Some(when.0 - now.0),
        }
    }

    /// Whether this one comes before `other`.
    #[inline]
    pub(crate) const fn is_sooner(self, other: Deadline, now: Instant) -> bool {
        match (self.instant(now), other.instant(now)) {
            (Some(mine), Some(its)) => (mine.0 as i64) < its.0 as i64,
            (Some(_), None) => true,
            (None, _) => false,
        }
    }
}

#[cfg(test)]
mod tests;
