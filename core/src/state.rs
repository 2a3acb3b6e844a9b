//! The state word of a call and its transitions, as pure functions over the word.
//!
//! | bits | name | meaning |
//! |---|---|---|
//! | 0 to 6 | pins | who keeps the slot: its client, its server's side, a custom registration, all COM references together, and each one who works on it just now |
//! | 7 | sooner | a sooner deadline has shown since the client announced itself, so that one about to sleep on this word does not |
//! | 8 to 10 | phase | see the diagram |
//! | 11 | client waits | the client sleeps, or relies on its wake context: whoever changes what it waits for wakes it |
//! | 12 | canceller waits | the same for the one canceller that waits for the server |
//! | 13 | requested | somebody asked to cancel, or the deadline passed: what testing looks at |
//! | 14 | server | the server's side still owes the completion, and holds a pin for it |
//! | 15 | serving | the call is on a serving thread's stack, and the server's pin stays for that |
//! | 16 | client | the client has not finished, and holds a pin |
//! | 17 | disabled | its thread was disabled when it began: only the host itself may cancel it |
//! | 18 to 31 | generation | counts the slot's lives; a handle carries it |
//!
//! ```text
//!                          (1) claim                (2) publish
//!            VACANT ------------------> CLAIMED ------------------> PENDING, or CUSTOM for a registered custom object
//!               ^                                                      |
//!               |                 (3) complete  -> COMPLETED <---------+
//!               |                 (4) fail      -> FAILED    <---------+
//!               |                 (5) cancel, (6) enter refused,       |
//!               |                 (7) finish while pending -> CANCELED +
//!               |                                                      |
//!               +------- the last of (3) to (10) that drops a pin -----+
//!
//!   no change of phase: (8) pin, (9) unpin, (10) leave, (11) note a request, (12) the client or the canceller announces that it waits
//! ```
//!
//! PENDING is left exactly once, by one compare-exchange; its winner and every loser learn from it who owns the reply.
//! *Canceling* is not stored: it is pending and requested. A home slot goes from VACANT to PENDING in one plain store,
//! because only its own thread ever leaves VACANT there.

mod step;

use step::{ADMITTED, ENDED, TELL_SERVER, UNPIN_AFTER, VACATED};
pub(crate) use step::{Did, Step, Stepped};

/// Which of the two who can wait for a call.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
#[repr(u32)]
pub enum Side {
    /// The client, waiting for the reply.
    Client = 1,
    /// The one canceller that waits for the server.
    Canceller = 2,
}

/// Where a slot is in its life.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Hash)]
#[repr(u8)]
pub enum Phase {
    /// Free for the next call.
    Vacant = 0,
    /// Taken, being filled; nobody else may touch it.
    Claimed,
    /// The server's answer is awaited.
    Pending,
    /// The reply was delivered to the client.
    Completed,
    /// The server's side failed; the client got a failure instead of a reply.
    Failed,
    /// The client was released; the reply, if it comes, is orphaned.
    Canceled,
    /// A registered custom cancel object.
    Custom,
}

const PINS: u32 = 0x7f;
const SOONER: u32 = 1 << 7;
const PHASE_SHIFT: u32 = 8;
const PHASE: u32 = 0b111 << PHASE_SHIFT;
const CLIENT_WAITS: u32 = 1 << 11;
const CANCELLER_WAITS: u32 = 1 << 12;
const REQUESTED: u32 = 1 << 13;
const SERVER: u32 = 1 << 14;
const SERVING: u32 = 1 << 15;
const CLIENT: u32 = 1 << 16;
const DISABLED: u32 = 1 << 17;
const GENERATION_SHIFT: u32 = 18;
const GENERATION: u32 = u32::MAX << GENERATION_SHIFT;

/// How many bits of a slot's generation there are.
pub(crate) const GENERATION_BITS: u32 = 32 - GENERATION_SHIFT;
/// A pin past this number is refused. Those that cannot well fail use the rest.
pub(crate) const MAX_PINS: u32 = 122;

/// Why a transition did not take place.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Refused {
    /// The slot has no published call, or another one than the handle means.
    Stale,
    /// The call is not in a state for it; its phase.
    Phase(Phase),
    /// No more pins.
    Saturated,
    /// The order of steps is wrong: done twice, or not begun.
    OutOfOrder,
}

/// A snapshot of a state word.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct State(u32);

impl State {
    pub(crate) const VACANT: State = State(0);

    #[inline]
    pub(crate) const fn from_bits(bits: u32) -> Self {
        State(bits)
    }

    #[inline]
    pub(crate) const fn bits(self) -> u32 {
        self.0
    }

    #[inline]
    pub(crate) const fn pins(self) -> u32 {
        self.0 & PINS
    }

    #[inline]
    pub(crate) const fn phase(self) -> Phase {
        match (self.0 & PHASE) >> PHASE_SHIFT {
            0 => Phase::Vacant,
            2 => Phase::Pending,
            3 => Phase::Completed,
            4 => Phase::Failed,
            5 => Phase::Canceled,
            6 => Phase::Custom,
            _ => Phase::Claimed,
        }
    }

    #[inline]
    pub(crate) const fn is(self, phase: Phase) -> bool {
        self.0 & PHASE == (phase as u32) << PHASE_SHIFT
    }

    #[inline]
    pub(crate) const fn generation(self) -> u32 {
        self.0 >> GENERATION_SHIFT
    }

    #[inline]
    pub(crate) const fn is_requested(self) -> bool {
        self.0 & REQUESTED != 0
    }

    #[inline]
    pub(crate) const fn is_serving(self) -> bool {
        self.0 & SERVING != 0
    }

    #[inline]
    pub(crate) const fn owes_completion(self) -> bool {
        self.0 & SERVER != 0
    }

    #[inline]
    pub(crate) const fn has_client(self) -> bool {
        self.0 & CLIENT != 0
    }

    #[inline]
    pub(crate) const fn is_disabled(self) -> bool {
        self.0 & DISABLED != 0
    }

    /// Whether others may pin it: everything but vacant and claimed.
    #[inline]
    pub(crate) const fn is_published(self) -> bool {
        matches!((self.0 & PHASE) >> PHASE_SHIFT, 2..=6)
    }

    #[inline]
    const fn with_phase(self, phase: Phase) -> Self {
        State((self.0 & !PHASE) | ((phase as u32) << PHASE_SHIFT))
    }

    #[inline]
    const fn set(self, bits: u32) -> Self {
        State(self.0 | bits)
    }

    #[inline]
    const fn clear(self, bits: u32) -> Self {
        State(self.0 & !bits)
    }

    #[inline]
    const fn has(self, bit: u32) -> bool {
        self.0 & bit != 0
    }

    /// A step that only moves to `next`.
    #[inline]
    const fn plain(next: State) -> Stepped {
        Ok(Step { next, did: Did::NOTHING })
    }

    /// One pin less; without pins the slot is vacant and in its next generation.
    #[inline]
    const fn drop_pin(self, did: Did) -> Step {
        let did = did.with(self.0 & PHASE);
        if self.pins() > 1 {
            return Step { next: State(self.0 - 1), did };
        }
        let next = State((self.0 & GENERATION).wrapping_add(1 << GENERATION_SHIFT));
        Step { next, did: did.with(VACATED) }
    }

    /// A vacant slot for a copy of this one's table: what names a call of the original names none of the copy's, till its generations come round.
    #[cfg(all(feature = "posix", unix))]
    pub(crate) const fn of_copy(self) -> State {
        let next = if self.is(Phase::Vacant) { 0 } else { 1 << GENERATION_SHIFT };
        State((self.0 & GENERATION).wrapping_add(next))
    }

    /// (1) A free slot is taken.
    #[inline]
    pub(crate) const fn claim(self) -> Option<Self> {
        if self.is(Phase::Vacant) { Some(self.with_phase(Phase::Claimed)) } else { None }
    }

    /// (2) A call becomes visible. `client` and `server` each bring a pin.
    #[inline]
    pub(crate) const fn publish_call(self, client: bool, disabled: bool) -> Self {
        let base = State(self.0 & GENERATION).with_phase(Phase::Pending);
        let base = if disabled { base.set(DISABLED) } else { base };
        if client { State(base.set(CLIENT | SERVER).0 + 2) } else { State(base.set(SERVER).0 + 1) }
    }

    /// (2) The frame of a served call that has no slot of its own: pending though no completion is owed, until the serving thread
    /// leaves it.
    #[inline]
    pub(crate) const fn publish_frame(self, disabled: bool) -> Self {
        let base = State((self.0 & GENERATION) + 1).with_phase(Phase::Pending).set(SERVING);
        if disabled { base.set(DISABLED) } else { base }
    }

    /// (2) A custom object becomes visible; its registration brings the pin.
    #[cfg(feature = "com")]
    #[inline]
    pub(crate) const fn publish_custom(self, disabled: bool) -> Self {
        let base = State((self.0 & GENERATION) + 1).with_phase(Phase::Custom);
        if disabled { base.set(DISABLED) } else { base }
    }

    /// This state, if it is of the call that a handle with `generation` means. A registered custom object is no call.
    #[inline]
    pub(crate) const fn of(self, generation: u32) -> Result<Self, Refused> {
        let is_call = self.is_published() && !self.is(Phase::Custom);
        if self.generation() == generation && is_call { Ok(self) } else { Err(Refused::Stale) }
    }

    /// (8) Somebody keeps the slot.
    #[inline]
    pub(crate) const fn pin(self) -> Stepped {
        self.pin_below(MAX_PINS)
    }

    /// (8) The same out of the reserve, for a caller that has no way to be refused.
    #[inline]
    pub(crate) const fn pin_reserved(self) -> Stepped {
        self.pin_below(PINS)
    }

    /// (8) The same in an interrupt handler, which must not be the last to let go of a custom object: foreign code would run there.
    #[inline]
    pub(crate) const fn pin_in_handler(self) -> Stepped {
        if self.is(Phase::Custom) { Err(Refused::Phase(Phase::Custom)) } else { self.pin() }
    }

    /// (8) The same for whoever comes to expire a deadline.
    #[inline]
    pub(crate) const fn pin_pending(self) -> Stepped {
        if self.is(Phase::Pending) { self.pin() } else { Err(Refused::Stale) }
    }

    #[inline]
    const fn pin_below(self, most: u32) -> Stepped {
        if !self.is_published() {
            return Err(Refused::Stale);
        }
        if self.pins() >= most { Err(Refused::Saturated) } else { Self::plain(State(self.0 + 1)) }
    }

    /// (9) Somebody lets go; whoever is last leaves the slot vacant.
    #[inline]
    pub(crate) const fn unpin(self) -> Stepped {
        Ok(self.drop_pin(Did::NOTHING))
    }

    /// Leaves PENDING for `phase`, taking both waiters' bits.
    #[inline]
    const fn end(self, phase: Phase) -> Step {
        let did = Did::NOTHING.with(ENDED | self.0 & (CLIENT_WAITS | CANCELLER_WAITS));
        let next = self.with_phase(phase).clear(CLIENT_WAITS | CANCELLER_WAITS);
        if !matches!(phase, Phase::Canceled) {
            return Step { next, did };
        }
        Step { next: next.set(REQUESTED), did: did.with(self.first_request()) }
    }

    /// What a request that shows now has to tell.
    #[inline]
    const fn first_request(self) -> u32 {
        if self.0 & (REQUESTED | SERVER) == SERVER { TELL_SERVER } else { 0 }
    }

    /// The step that ends the call, if it is pending, or changes nothing.
    #[inline]
    const fn end_if_pending(self, phase: Phase) -> Step {
        if self.is(Phase::Pending) { self.end(phase) } else { Step { next: self, did: Did::NOTHING } }
    }

    /// Ends one side's part as well. Its pin goes with it: at once, or after the waking if somebody has to be woken.
    #[inline]
    const fn end_side(step: Step, side: u32) -> Step {
        let next = step.next.clear(side);
        if !step.did.wakes_anybody() {
            return next.drop_pin(step.did);
        }
        Step { next, did: step.did.with(next.0 & PHASE | UNPIN_AFTER) }
    }

    /// Ends the server's part while a thread is still serving, which keeps the pin of both and may let go of it at any moment: whoever
    /// has to be woken needs one more. Without one left the waking goes without, as 127 others are then at this call.
    #[inline]
    const fn end_served(step: Step) -> Step {
        let next = step.next.clear(SERVER);
        let (next, after) =
            if step.did.wakes_anybody() && next.pins() < PINS { (State(next.0 + 1), UNPIN_AFTER) } else { (next, 0) };
        Step { next, did: step.did.with(next.0 & PHASE | after) }
    }

    /// (3) The server's side is done. The step's phase says what became of the reply: Completed, or Canceled for an orphan.
    #[inline]
    pub(crate) const fn complete(self) -> Stepped {
        self.end_server(Phase::Completed)
    }

    /// (4) The server's side has failed: Failed, or Canceled.
    #[inline]
    pub(crate) const fn fail(self) -> Stepped {
        self.end_server(Phase::Failed)
    }

    #[inline]
    const fn end_server(self, to: Phase) -> Stepped {
        if !self.has(SERVER) {
            return Err(Refused::OutOfOrder);
        }
        let step = self.end_if_pending(to);
        Ok(if self.has(SERVING) { Self::end_served(step) } else { Self::end_side(step, SERVER) })
    }

    /// (3) for the call that `generation` means, if nobody but its client and its server's side has touched it: the plain
    /// case of [`complete`](Self::complete), decided by one comparison.
    #[inline]
    pub(crate) const fn deliver(self, generation: u32) -> Option<Self> {
        const UNTOUCHED: State = State::VACANT.publish_call(true, false);
        const DELIVERED: State = match UNTOUCHED.complete() {
            Ok(step) => step.next,
            Err(_) => UNTOUCHED,
        };
        let generation = generation << GENERATION_SHIFT;
        if self.0 == generation | UNTOUCHED.0 { Some(State(generation | DELIVERED.0)) } else { None }
    }

    /// (7) if the reply was delivered and only the client still keeps the slot: the plain case of [`finish`](Self::finish).
    #[inline]
    pub(crate) const fn finish_delivered(self, generation: u32) -> Option<Self> {
        const DELIVERED: u32 = State(CLIENT + 1).with_phase(Phase::Completed).0;
        if self.0 == generation << GENERATION_SHIFT | DELIVERED { Some(self.drop_pin(Did::NOTHING).next) } else { None }
    }

    /// (5) The client is released now.
    #[inline]
    pub(crate) const fn cancel(self) -> Stepped {
        match self.pending() {
            Ok(pending) => Ok(pending.end(Phase::Canceled)),
            Err(refused) => Err(refused),
        }
    }

    /// This state, if it is pending.
    #[inline]
    const fn pending(self) -> Result<Self, Refused> {
        if self.is(Phase::Pending) {
            Ok(self)
        } else if self.is_published() {
            Err(Refused::Phase(self.phase()))
        } else {
            Err(Refused::Stale)
        }
    }

    /// (11) A request shows whose deadline is no sooner than what the client knows.
    #[inline]
    pub(crate) const fn note_request(self) -> Stepped {
        match self.pending() {
            Ok(pending) => Ok(Step { next: pending.set(REQUESTED), did: Did::NOTHING.with(pending.first_request()) }),
            Err(refused) => Err(refused),
        }
    }

    /// (11) A request with a sooner deadline shows: the client must look at it anew.
    #[inline]
    pub(crate) const fn note_sooner_request(self) -> Stepped {
        match self.note_request() {
            // the client's bit stays: should this canceller die before it has woken it, the server's reply still will
            Ok(step) => Ok(Step { next: step.next.set(SOONER), did: step.did.with(self.0 & CLIENT_WAITS) }),
            refused => refused,
        }
    }

    /// (12) The client says that it waits; refused with the phase once there is nothing to wait for.
    #[inline]
    pub(crate) const fn client_waits(self) -> Stepped {
        match self.pending() {
            Ok(pending) => Self::plain(pending.clear(SOONER).set(CLIENT_WAITS)),
            Err(refused) => Err(refused),
        }
    }

    /// (12) The client, or somebody for it, wants to be woken. Another may wait for the call, and have to hear of a sooner request: that stays.
    #[inline]
    pub(crate) const fn client_polls(self) -> Stepped {
        match self.pending() {
            Ok(pending) => Self::plain(pending.set(CLIENT_WAITS)),
            Err(refused) => Err(refused),
        }
    }

    /// (12) The canceller says that it waits.
    #[inline]
    pub(crate) const fn canceller_waits(self) -> Stepped {
        match self.pending() {
            Ok(pending) => Self::plain(pending.set(CANCELLER_WAITS)),
            Err(refused) => Err(refused),
        }
    }

    /// (6) The server's thread comes to it: admitted; or it was cancelled or requested before, and this is its completion, with the
    /// record the server side's.
    #[inline]
    pub(crate) const fn enter(self) -> Stepped {
        if self.0 & (SERVER | SERVING) != SERVER {
            return Err(Refused::OutOfOrder);
        }
        if self.is(Phase::Pending) && !self.has(REQUESTED) {
            return Ok(Step { next: self.set(SERVING), did: Did::NOTHING.with(ADMITTED) });
        }
        Ok(Self::end_side(self.end_if_pending(Phase::Canceled), SERVER))
    }

    /// (10) The serving thread leaves it.
    #[inline]
    pub(crate) const fn leave(self) -> Stepped {
        if !self.has(SERVING) {
            return Err(Refused::OutOfOrder);
        }
        let next = self.clear(SERVING);
        if self.has(SERVER) { Self::plain(next) } else { Ok(next.drop_pin(Did::NOTHING)) }
    }

    /// (7) The client is done with it; the step's phase says who owns the record: Completed or Failed, the client;
    /// Canceled, the server's side.
    #[inline]
    pub(crate) const fn finish(self) -> Stepped {
        // the client is the one who ends it: it has nobody to wake in itself
        self.clear(CLIENT_WAITS).finish_shared()
    }

    /// (7) for an asynchronous call: another thread than the one who ends it may be waiting, and is woken.
    #[inline]
    pub(crate) const fn finish_shared(self) -> Stepped {
        if !self.has(CLIENT) {
            return Err(Refused::OutOfOrder);
        }
        Ok(Self::end_side(self.end_if_pending(Phase::Canceled), CLIENT | CLIENT_WAITS))
    }
}

#[cfg(test)]
mod tests;
