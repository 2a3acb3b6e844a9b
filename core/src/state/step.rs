//! What a transition makes of a state word, and what it did.

use super::{CANCELLER_WAITS, CLIENT_WAITS, Phase, Refused, Side, State};

/// What a transition did, and what is left to do about it. One word, so that it is passed in a register: the waiters that have to be woken
/// and the phase in the bits of the state word, the rest in those of the pins.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[must_use = "a wake-up that is dropped is lost"]
pub(crate) struct Did(u32);

/// The call was pending until now.
pub(super) const ENDED: u32 = 1 << 0;
/// The pin of this side was kept for the waking.
pub(super) const UNPIN_AFTER: u32 = 1 << 1;
/// The slot is vacant now.
pub(super) const VACATED: u32 = 1 << 2;
/// A serving thread was let in.
pub(super) const ADMITTED: u32 = 1 << 3;
/// The server has to be told of a request.
pub(super) const TELL_SERVER: u32 = 1 << 4;
/// Somebody has to be told or woken.
pub(super) const WAKES: u32 = CLIENT_WAITS | CANCELLER_WAITS | TELL_SERVER;

impl Did {
    pub(super) const NOTHING: Did = Did(0);

    #[inline]
    pub(super) const fn with(self, bits: u32) -> Self {
        Did(self.0 | bits)
    }

    #[inline]
    pub(super) const fn but(self, bits: u32) -> Self {
        Did(self.0 & !bits)
    }

    /// Without waking the one that is awake already.
    #[inline]
    pub(crate) const fn unless_awake(self, awake: Option<Side>) -> Self {
        match awake {
            Some(Side::Client) => self.but(CLIENT_WAITS),
            Some(Side::Canceller) => self.but(CANCELLER_WAITS),
            None => self,
        }
    }

    #[inline]
    pub(crate) const fn wakes_anybody(self) -> bool {
        self.0 & WAKES != 0
    }

    #[inline]
    pub(crate) const fn wakes_client(self) -> bool {
        self.0 & CLIENT_WAITS != 0
    }

    #[inline]
    pub(crate) const fn wakes_canceller(self) -> bool {
        self.0 & CANCELLER_WAITS != 0
    }

    /// The request shows for the first time and the server's side still owes its completion: tell the transport.
    #[inline]
    pub(crate) const fn tells_server(self) -> bool {
        self.0 & TELL_SERVER != 0
    }

    /// It took the call out of PENDING.
    #[inline]
    pub(crate) const fn ended(self) -> bool {
        self.0 & ENDED != 0
    }

    /// This side's pin was kept for the waking: drop it afterwards.
    #[inline]
    pub(crate) const fn unpins_after(self) -> bool {
        self.0 & UNPIN_AFTER != 0
    }

    /// It dropped the last pin.
    #[inline]
    pub(crate) const fn vacated(self) -> bool {
        self.0 & VACATED != 0
    }

    /// It let a serving thread in.
    #[inline]
    pub(crate) const fn admitted(self) -> bool {
        self.0 & ADMITTED != 0
    }

    /// The phase that the slot was left in, before a last pin went.
    #[inline]
    pub(crate) const fn phase(self) -> Phase {
        State(self.0).phase()
    }
}

/// What a transition makes of a word.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Step {
    pub(crate) next: State,
    pub(crate) did: Did,
}

/// A step, or why there is none.
pub(crate) type Stepped = Result<Step, Refused>;
