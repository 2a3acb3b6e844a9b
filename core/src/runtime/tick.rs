//! Deadlines: arming, expiring, and the tick that looks for whoever does not look himself.

use super::{Runtime, Slot};
use crate::event::EventKind;
use crate::handle::CallHandle;
use crate::port::{Port, Side};
use crate::state::{Phase, Refused, State};
use crate::storage::Storage;
use crate::sync::Ordering::{AcqRel, Acquire, Relaxed};
use crate::time::{Deadline, Instant, Timeout};

/// In the word of the next deadline, with the number of a round in place of a deadline: a ticker is looking at all slots, and nobody has
/// armed since it began. For all others it is due: should that ticker be stopped, they have missed nothing.
const ROUND: u32 = 1 << 31;

/// What the word says.
fn hint(bits: u32, now: Instant) -> Deadline {
    if bits & ROUND == 0 { Deadline::from_bits(bits) } else { Deadline::after(now, Timeout::ZERO) }
}

impl<P: Port, S: Storage> Runtime<P, S> {
    /// Tells the tick of a deadline that was just stored.
    pub(crate) fn arm(&self, deadline: Deadline, mut now: Instant) {
        // Relaxed: the compare-exchange decides
        let mut seen = self.shared.next_due.load(Relaxed);
        loop {
            let mut armed = hint(seen, now);
            if self.is_due(armed, &mut now) {
                armed = hint(seen, now);
            }
            let soonest = if deadline.is_sooner(armed, now) { deadline } else { armed };
            // AcqRel, and a read-modify-write also where nothing changes: either it comes before the round's beginning, whose
            // scan then sees the deadline, or after it, and has another round follow. A plain load could do neither (tickhint model).
            // Relaxed on failure: tried again with what was found
            match self.shared.next_due.compare_exchange(seen, soonest.bits(), AcqRel, Relaxed) {
                Ok(_) => return,
                Err(found) => seen = found,
            }
        }
    }

    /// Whether it is due, also by the clock as it is after the deadline was read, which is then the time to go on with: seen from long before it
    /// was made, a deadline that is far away looks past.
    pub(crate) fn is_due(&self, deadline: Deadline, now: &mut Instant) -> bool {
        if !deadline.is_due(*now) {
            return false;
        }
        *now = self.now();
        deadline.is_due(*now)
    }

    /// Releases the client of a call that the caller holds pinned and whose deadline it saw due. `true` if the call is canceled
    /// now, by whomever. `awake` is the caller, if it is one of those who wait for the call: it need not be woken.
    pub(crate) fn expire(&self, slot: Slot<'_>, generation: u32, awake: Option<Side>) -> bool {
        match slot.1.transition(Some(generation), State::cancel) {
            Ok(step) => {
                self.event(EventKind::Canceled, CallHandle::of_slot(slot.0, generation));
                self.wake(slot, generation, step.did.unless_awake(awake));
                true
            }
            Err(refused) => refused == Refused::Phase(Phase::Canceled),
        }
    }

    /// Expires what is due, looking at no more than `budget` slots, and returns the milliseconds until it has to look again:
    /// 0 if the budget ran out, `None` if nothing has a deadline.
    ///
    /// For hosts where nobody else looks: polling clients that sleep, cancellers that do not wait. Where clients and cancellers
    /// block in the library's waits they keep their deadlines themselves. Costs two loads while nothing is due. Also
    /// from interrupt handlers.
    /// Progress: lock-free (tick).
    ///
    /// Several may tick at once, and the soonest of their answers counts. With a budget of all slots (`u32::MAX` will do) one that is stopped
    /// in here, or cut into by another, keeps nobody's deadline up for longer than a tick. A smaller budget is for one ticker alone.
    ///
    /// A deadline that is set afterwards may be sooner than the answer: call it in a timer's handler, or again whenever a call gets a deadline.
    pub fn tick(&self, budget: u32) -> Option<u32> {
        let now = self.now();
        // Relaxed: only whether this ticker has begun a round of parts, which it goes on with
        if budget >= self.slots() && self.shared.cursor.load(Relaxed) == 0 {
            self.tick_at_once(now)
        } else {
            self.tick_in_parts(budget.max(1), now)
        }
    }

    fn tick_at_once(&self, mut now: Instant) -> Option<u32> {
        // Acquire: as the swap
        let next = hint(self.shared.next_due.load(Acquire), now);
        if !next.is_due(now) {
            return self.remaining(next);
        }
        // Relaxed: only that no two get one number. Where another just took this one, it is beginning, and the next tick sees to it
        let number = self.shared.rounds.load(Relaxed);
        if self.shared.rounds.compare_exchange(number, number.wrapping_add(1), Relaxed, Relaxed).is_err() {
            return Some(1);
        }
        let round = number | ROUND;
        // AcqRel: pairs with `arm`, whose deadline the scan then sees. Whatever stood there, the scan finds
        self.shared.next_due.swap(round, AcqRel);
        let mut soonest = Deadline::NEVER;
        for index in 0..self.slots() {
            let deadline = self.look_at(index, &mut now);
            if deadline.is_sooner(soonest, now) {
                soonest = deadline;
            }
        }
        // Else somebody has armed since, whom the scan may have missed, or began another round: that one is still due, or is over, and
        // has found what this one did. AcqRel: as above. Relaxed on failure: only what to answer
        match self.shared.next_due.compare_exchange(round, soonest.bits(), AcqRel, Relaxed) {
            Ok(_) => self.remaining(soonest),
            // not at once: two who see each other's rounds would never let one end
            Err(found) if found & ROUND != 0 => Some(1),
            Err(found) => self.remaining(Deadline::from_bits(found)),
        }
    }

    fn tick_in_parts(&self, budget: u32, mut now: Instant) -> Option<u32> {
        let slots = self.slots();
        // Relaxed: the compare-exchange below decides
        let start = self.shared.cursor.load(Relaxed);
        let mut before = Deadline::NEVER;
        if start == 0 {
            // Acquire: as the swap below
            let next = hint(self.shared.next_due.load(Acquire), now);
            if !next.is_due(now) {
                return self.remaining(next);
            }
            // A round begins: "never" first, then the scan, so that who arms after the swap lowers it again.
            // AcqRel: pairs with `arm`, whose deadline the scan then sees
            before = hint(self.shared.next_due.swap(Deadline::NEVER.bits(), AcqRel), now);
        }
        let end = start.saturating_add(budget);
        let (end, next_start) = if end < slots { (end, end) } else { (slots, 0) };
        // The range is taken before it is scanned: each is scanned by somebody after its round's swap.
        // AcqRel: the takers of one round follow its swap. Relaxed on failure: nothing is read
        if self.shared.cursor.compare_exchange(start, next_start, AcqRel, Relaxed).is_err() {
            // another ticker is at it; what our swap may have taken away from it is put back
            self.arm(before, now);
            return Some(0);
        }
        for index in start..end {
            let deadline = self.look_at(index, &mut now);
            if deadline != Deadline::NEVER {
                self.arm(deadline, now);
            }
        }
        if next_start != 0 {
            return Some(0);
        }
        // Acquire: as above
        self.remaining(hint(self.shared.next_due.load(Acquire), now))
    }

    /// Expires the slot's call if its deadline is due, else returns the deadline to come back for.
    fn look_at(&self, index: u32, now: &mut Instant) -> Deadline {
        let Some(slot) = self.slot(index) else { return Deadline::NEVER };
        if !slot.state().is(Phase::Pending) {
            return Deadline::NEVER;
        }
        let deadline = slot.request().deadline();
        if !deadline.is_due(*now) {
            // may be that of a call that has ended since: then the next tick looks once too often
            return deadline;
        }
        // decided on the very word that is pinned: in a handler the last of a custom object must not be let go of
        let Ok(pinned) = slot.transition(None, State::pin_pending) else { return deadline };
        // the slot may have been recycled before the pin: look again
        let deadline = slot.request().deadline();
        let is_due = self.is_due(deadline, now);
        if is_due {
            self.expire((index, slot), pinned.next.generation(), None);
        }
        self.unpin((index, slot));
        if is_due { Deadline::NEVER } else { deadline }
    }
}
