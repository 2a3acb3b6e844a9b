//! Deadlines: arming, expiring, and the tick that looks for whoever does not look himself.

use super::{Runtime, Slot};
use crate::event::EventKind;
use crate::handle::CallHandle;
use crate::port::{Port, Side};
use crate::state::{Phase, Refused, State};
use crate::storage::Storage;
use crate::sync::Ordering::{AcqRel, Acquire, Relaxed};
use crate::time::{Deadline, Instant};

impl<P: Port, S: Storage> Runtime<P, S> {
    /// Tells the tick of a deadline that was just stored.
    pub(crate) fn arm(&self, deadline: Deadline, now: Instant) {
        // Relaxed: the compare-exchange decides
        let mut seen = self.shared.next_due.load(Relaxed);
        loop {
            let soonest = if deadline.is_sooner(Deadline::from_bits(seen), now) { deadline.bits() } else { seen };
            // AcqRel, and a read-modify-write also where nothing changes: either it comes before the tick's swap, whose
            // scan then sees the deadline, or after it, and stays. A plain load could do neither (tickhint model).
            // Relaxed on failure: tried again with what was found
            match self.shared.next_due.compare_exchange(seen, soonest, AcqRel, Relaxed) {
                Ok(_) => return,
                Err(found) => seen = found,
            }
        }
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
    /// block in the library's waits they keep their deadlines themselves. Costs two loads while nothing is due. Lock-free,
    /// bounded by the budget; also from interrupt handlers, and by several tickers at once (then the soonest of their answers counts).
    pub fn tick(&self, budget: u32) -> Option<u32> {
        let slots = (self.storage.calls().len() + self.storage.threads().len()) as u32;
        // Relaxed: the compare-exchange below decides
        let start = self.shared.cursor.load(Relaxed);
        let now = self.now();
        let mut before = Deadline::NEVER;
        if start == 0 {
            // Acquire: as the swap below
            let next = Deadline::from_bits(self.shared.next_due.load(Acquire));
            if !next.is_due(now) {
                return self.remaining(next);
            }
            // A round begins: "never" first, then the scan, so that who arms after the swap lowers it again.
            // AcqRel: pairs with `arm`, whose deadline the scan then sees
            before = Deadline::from_bits(self.shared.next_due.swap(Deadline::NEVER.bits(), AcqRel));
        }
        let end = start.saturating_add(budget.max(1));
        let (end, next_start) = if end < slots { (end, end) } else { (slots, 0) };
        // The range is taken before it is scanned: each is scanned by somebody after its round's swap.
        // AcqRel: the takers of one round follow its swap. Relaxed on failure: nothing is read
        if self.shared.cursor.compare_exchange(start, next_start, AcqRel, Relaxed).is_err() {
            // another ticker is at it; what our swap may have taken away from it is put back
            self.arm(before, now);
            return Some(0);
        }
        for index in start..end {
            self.look_at(index, now);
        }
        if next_start != 0 {
            return Some(0);
        }
        // Acquire: as above
        self.remaining(Deadline::from_bits(self.shared.next_due.load(Acquire)))
    }

    /// Expires the slot's call if its deadline is due, else tells the next tick of it.
    fn look_at(&self, index: u32, now: Instant) {
        let Some(slot) = self.slot(index) else { return };
        if !slot.state().is(Phase::Pending) {
            return;
        }
        let deadline = slot.request().deadline();
        if deadline == Deadline::NEVER {
            return;
        }
        if !deadline.is_due(now) {
            // may be that of a call that has ended since: then the next tick looks once too often
            return self.arm(deadline, now);
        }
        // decided on the very word that is pinned: in a handler the last of a custom object must not be let go of
        let Ok(pinned) = slot.transition(None, State::pin_pending) else { return self.arm(deadline, now) };
        // the slot may have been recycled before the pin: look again
        if slot.request().deadline().is_due(now) {
            self.expire((index, slot), pinned.next.generation(), None);
        } else {
            self.arm(slot.request().deadline(), now);
        }
        self.unpin((index, slot));
    }
}
