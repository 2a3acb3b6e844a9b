//! The request word of a call: whether somebody asked to cancel it, and until when its client may go on waiting.
//!
//! | bit 31 | bits 0 to 30 |
//! |---|---|
//! | requested | [`Deadline`]: the call's own timeout at first, later the soonest that anybody asked for |
//!
//! One word for both, so that the compare-exchange that sets *requested* also arms the deadline: it elects the one
//! canceller that may wait, and nobody can see a request without its deadline.

use crate::time::{Deadline, Instant};

const REQUESTED: u32 = 1 << 31;

/// A snapshot of a request word.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Request(u32);

impl Request {
    #[inline]
    pub(crate) const fn from_bits(bits: u32) -> Self {
        Request(bits)
    }

    #[inline]
    pub(crate) const fn bits(self) -> u32 {
        self.0
    }

    /// Nobody asked; the call's own deadline.
    #[inline]
    pub(crate) const fn own(deadline: Deadline) -> Self {
        Request(deadline.bits())
    }

    #[inline]
    pub(crate) const fn is_requested(self) -> bool {
        self.0 & REQUESTED != 0
    }

    #[inline]
    pub(crate) const fn deadline(self) -> Deadline {
        Deadline::from_bits(self.0)
    }

    /// The word after a request for `deadline`: requested, and the sooner of both deadlines.
    #[inline]
    pub(crate) const fn ask(self, deadline: Deadline, now: Instant) -> Self {
        let soonest = if deadline.is_sooner(self.deadline(), now) { deadline } else { self.deadline() };
        Request(REQUESTED | soonest.bits())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::time::{Timeout, extend};

    #[test]
    fn asking_elects_once_and_only_shortens() {
        let (_, now) = extend(0, 1000);
        let after = |ms| Deadline::after(now, Timeout::millis(ms));
        let own = Request::own(after(50));
        assert!(!own.is_requested());
        let first = own.ask(after(80), now);
        assert!(first.is_requested());
        assert_eq!(first.deadline(), after(50), "the call's own timeout is sooner and stays");
        assert_eq!(first.ask(after(60), now), first, "a later request changes nothing");
        assert_eq!(first.ask(Deadline::NEVER, now), first);
        assert_eq!(first.ask(after(0), now).deadline(), after(0), "0 must always be honoured");
        assert_eq!(Request::own(Deadline::NEVER).ask(Deadline::NEVER, now).deadline(), Deadline::NEVER);
    }
}
