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
pub enum Phase {
    /// Free for the next call.
    Vacant,
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

/// Who has to be woken after a transition, and what it did.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
#[must_use = "a wake-up that is dropped is lost"]
pub(crate) struct Wakes {
    pub(crate) client: bool,
    pub(crate) canceller: bool,
    /// The request shows for the first time and the server's side still owes its completion: tell the transport.
    pub(crate) tell_server: bool,
}

impl Wakes {
    const NONE: Wakes = Wakes { client: false, canceller: false, tell_server: false };

    /// Without the one that is awake already.
    #[inline]
    pub(crate) const fn but(self, awake: Option<Side>) -> Self {
        match awake {
            Some(Side::Client) => Wakes { client: false, ..self },
            Some(Side::Canceller) => Wakes { canceller: false, ..self },
            None => self,
        }
    }

    #[inline]
    pub(crate) const fn none(self) -> bool {
        !self.client && !self.canceller && !self.tell_server
    }
}

/// What a transition that ends the server's or the client's part answers.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Step {
    pub(crate) next: State,
    pub(crate) wakes: Wakes,
    /// The pin of this side was kept for the waking: drop it afterwards.
    pub(crate) unpin_after: bool,
    /// The phase that the call was left in.
    pub(crate) phase: Phase,
}

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

/// What `enter` found.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Entry {
    Admitted(State),
    /// Cancelled or requested before: this is the completion, and the record is the server side's.
    Refused(Step),
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
        !matches!(self.phase(), Phase::Vacant | Phase::Claimed)
    }

    #[inline]
    const fn with_phase(self, phase: Phase) -> Self {
        let bits = match phase {
            Phase::Vacant => 0,
            Phase::Claimed => 1,
            Phase::Pending => 2,
            Phase::Completed => 3,
            Phase::Failed => 4,
            Phase::Canceled => 5,
            Phase::Custom => 6,
        };
        State((self.0 & !PHASE) | (bits << PHASE_SHIFT))
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

    /// One pin less; without pins the slot is vacant and in its next generation.
    #[inline]
    const fn dropped(self) -> Self {
        if self.pins() > 1 {
            return State(self.0 - 1);
        }
        State((self.0 & GENERATION).wrapping_add(1 << GENERATION_SHIFT))
    }

    /// (1) A free slot is taken.
    #[inline]
    pub(crate) const fn claim(self) -> Option<Self> {
        match self.phase() {
            Phase::Vacant => Some(self.with_phase(Phase::Claimed)),
            _ => None,
        }
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
        let is_call = self.is_published() && !matches!(self.phase(), Phase::Custom);
        if self.generation() == generation && is_call { Ok(self) } else { Err(Refused::Stale) }
    }

    /// (8) Somebody keeps the slot.
    #[inline]
    pub(crate) const fn pin(self) -> Result<Self, Refused> {
        self.pin_below(MAX_PINS)
    }

    /// (8) The same out of the reserve, for a caller that has no way to be refused.
    #[inline]
    pub(crate) const fn pin_reserved(self) -> Result<Self, Refused> {
        self.pin_below(PINS)
    }

    #[inline]
    const fn pin_below(self, most: u32) -> Result<Self, Refused> {
        if !self.is_published() {
            return Err(Refused::Stale);
        }
        if self.pins() >= most { Err(Refused::Saturated) } else { Ok(State(self.0 + 1)) }
    }

    /// (9) Somebody lets go; whoever is last leaves the slot vacant.
    #[inline]
    pub(crate) const fn unpin(self) -> Self {
        self.dropped()
    }

    /// Leaves PENDING for `phase`, taking both waiters' bits.
    #[inline]
    const fn end(self, phase: Phase) -> (Self, Wakes) {
        let canceled = matches!(phase, Phase::Canceled);
        let wakes = Wakes {
            client: self.has(CLIENT_WAITS),
            canceller: self.has(CANCELLER_WAITS),
            tell_server: canceled && !self.has(REQUESTED) && self.has(SERVER),
        };
        let next = self.with_phase(phase).clear(CLIENT_WAITS | CANCELLER_WAITS);
        (if canceled { next.set(REQUESTED) } else { next }, wakes)
    }

    /// Ends one side's part, whose pin goes with it unless it is still needed.
    #[inline]
    const fn end_side(self, next: State, wakes: Wakes, keep_pin: bool) -> Step {
        let unpin_after = !keep_pin && !wakes.none();
        let phase = next.phase();
        let next = if keep_pin || unpin_after { next } else { next.dropped() };
        Step { next, wakes, unpin_after, phase }
    }

    /// (3) and (4) The server's side is done; `to` is Completed or Failed. The step's phase says what became of the reply:
    /// that phase, or Canceled for an orphan.
    #[inline]
    pub(crate) const fn complete(self, to: Phase) -> Result<Step, Refused> {
        if !self.has(SERVER) {
            return Err(Refused::OutOfOrder);
        }
        let (next, wakes) = match self.phase() {
            Phase::Pending => self.end(to),
            _ => (self, Wakes::NONE),
        };
        Ok(self.end_side(next.clear(SERVER), wakes, self.has(SERVING)))
    }

    /// (3) for the call that `generation` means, if nobody but its client and its server's side has touched it: the plain
    /// case of [`complete`](Self::complete), decided by one comparison.
    #[inline]
    pub(crate) const fn deliver(self, generation: u32) -> Option<Self> {
        const UNTOUCHED: State = State::VACANT.publish_call(true, false);
        const DELIVERED: State = match UNTOUCHED.complete(Phase::Completed) {
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
        if self.0 == generation << GENERATION_SHIFT | DELIVERED { Some(self.dropped()) } else { None }
    }

    /// (5) The client is released now.
    #[inline]
    pub(crate) const fn cancel(self) -> Result<(Self, Wakes), Refused> {
        match self.phase() {
            Phase::Pending => Ok(self.end(Phase::Canceled)),
            Phase::Vacant | Phase::Claimed => Err(Refused::Stale),
            phase => Err(Refused::Phase(phase)),
        }
    }

    /// (11) A request with a deadline shows; if that is `sooner` than what the client knows, the client must look at it anew.
    #[inline]
    pub(crate) const fn note_request(self, sooner: bool) -> Result<(Self, Wakes), Refused> {
        match self.phase() {
            Phase::Pending => {
                let wakes = Wakes {
                    client: sooner && self.has(CLIENT_WAITS),
                    canceller: false,
                    tell_server: !self.has(REQUESTED) && self.has(SERVER),
                };
                // the client's bit stays: should this canceller die before it has woken it, the server's reply still will
                let next = if sooner { self.set(SOONER) } else { self };
                Ok((next.set(REQUESTED), wakes))
            }
            Phase::Vacant | Phase::Claimed => Err(Refused::Stale),
            phase => Err(Refused::Phase(phase)),
        }
    }

    /// (12) The client says that it waits; refused with the phase once there is nothing to wait for.
    #[inline]
    pub(crate) const fn client_waits(self) -> Result<Self, Refused> {
        match self.phase() {
            Phase::Pending => Ok(self.clear(SOONER).set(CLIENT_WAITS)),
            phase => Err(Refused::Phase(phase)),
        }
    }

    /// (12) The canceller says that it waits.
    #[inline]
    pub(crate) const fn canceller_waits(self) -> Result<Self, Refused> {
        match self.phase() {
            Phase::Pending => Ok(self.set(CANCELLER_WAITS)),
            phase => Err(Refused::Phase(phase)),
        }
    }

    /// (6) The server's thread comes to it.
    #[inline]
    pub(crate) const fn enter(self) -> Result<Entry, Refused> {
        if !self.has(SERVER) || self.has(SERVING) {
            return Err(Refused::OutOfOrder);
        }
        let (next, wakes) = match self.phase() {
            Phase::Pending if !self.has(REQUESTED) => return Ok(Entry::Admitted(self.set(SERVING))),
            Phase::Pending => self.end(Phase::Canceled),
            _ => (self, Wakes::NONE),
        };
        Ok(Entry::Refused(self.end_side(next.clear(SERVER), wakes, false)))
    }

    /// (10) The serving thread leaves it.
    #[inline]
    pub(crate) const fn leave(self) -> Result<Self, Refused> {
        if !self.has(SERVING) {
            return Err(Refused::OutOfOrder);
        }
        let next = self.clear(SERVING);
        Ok(if self.has(SERVER) { next } else { next.dropped() })
    }

    /// (7) The client is done with it; the step's phase says who owns the record: Completed or Failed, the client;
    /// Canceled, the server's side.
    #[inline]
    pub(crate) const fn finish(self) -> Result<Step, Refused> {
        if !self.has(CLIENT) {
            return Err(Refused::OutOfOrder);
        }
        let (next, wakes) = match self.phase() {
            Phase::Pending => {
                // the client is the one who ends it: it has nobody to wake in itself
                let (next, wakes) = self.end(Phase::Canceled);
                (next, Wakes { client: false, ..wakes })
            }
            _ => (self, Wakes::NONE),
        };
        Ok(self.end_side(next.clear(CLIENT | CLIENT_WAITS), wakes, false))
    }
}

#[cfg(test)]
mod tests;
