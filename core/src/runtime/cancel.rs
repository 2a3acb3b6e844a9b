//! Cancelling: finding what is meant, asking, and waiting for the server where that can work.

use super::{Runtime, Slot, bad_input};
use crate::event::EventKind;
use crate::handle::{CallHandle, Named};
use crate::hresult::Hresult;
use crate::port::{Port, Side, WaitPoint};
use crate::runtime::client::Poll;
use crate::runtime::server::tested;
use crate::stack::{Head, Marker};
use crate::state::{Phase, Refused, State};
use crate::storage::Storage;
use crate::time::{Deadline, Timeout};

/// Whether the elected canceller waits for the server.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Waiting {
    /// Wait up to the timeout, where waiting can work: not for a call of the calling thread, nor one that it is serving, nor in an
    /// interrupt handler, nor on a port that cannot wait. There as [`Never`](Self::Never).
    Allowed,
    /// Arm the deadline and return.
    Never,
}

/// On whose behalf a cancel comes: only the host may cancel a call that began disabled.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Canceller {
    Anybody,
    Host,
}

/// How often a look-up starts over because the call it found had just ended.
const LOOKUPS: u32 = 16;

/// A reference to a call's standard cancel object. It stays good after the call has ended and its thread has gone.
#[must_use = "dropping the object does nothing to the call"]
pub struct CancelObject<'r, P: Port, S: Storage> {
    runtime: &'r Runtime<P, S>,
    slot: Slot<'r>,
}

impl<P: Port, S: Storage> Runtime<P, S> {
    /// The calling thread's, or the thread `id`'s, innermost registered object, pinned: the caller unpins it.
    ///
    /// The order of the checks is what makes it right: pin the slot, then re-read the thread's id, then its top. While the pin is
    /// held the slot cannot become another call, so a top that still names it is this thread's own call.
    pub(crate) fn find(&self, id: u32) -> Result<Slot<'_>, Hresult> {
        let in_interrupt = self.port.in_interrupt();
        if id == 0 && in_interrupt {
            return Err(Hresult::E_NOINTERFACE);
        }
        for _ in 0..LOOKUPS {
            let thread = if id == 0 { self.current() } else { self.find_thread(id) };
            let (_, thread) = thread.ok_or(Hresult::E_NOINTERFACE)?;
            let is_same = || id == 0 || thread.id() == id;
            let top = thread.top();
            if let Some(marker) = top.marker() {
                if !is_same() {
                    continue;
                }
                return Err(match marker {
                    Marker::Disabled => Hresult::CO_E_CANCEL_DISABLED,
                    Marker::Barrier => Hresult::E_NOINTERFACE,
                });
            }
            let Some(index) = top.slot() else {
                if !is_same() {
                    continue;
                }
                return Err(Hresult::E_NOINTERFACE);
            };
            let slot = (index, self.slot(index).ok_or(Hresult::E_UNEXPECTED)?);
            // decided on the very word that is pinned: foreign code must not run in a handler, not even as the last to let go of it
            let pinned = slot.1.transition(None, if in_interrupt { State::pin_in_handler } else { State::pin });
            match pinned {
                Ok(_) => {}
                Err(Refused::Phase(_)) if is_same() && thread.top() == top => return Err(Hresult::E_UNEXPECTED),
                Err(Refused::Saturated) if is_same() && thread.top() == top => return Err(Hresult::E_OUTOFMEMORY),
                Err(_) => continue,
            }
            if is_same() && thread.top() == top {
                return Ok(slot);
            }
            self.unpin(slot);
        }
        // each time round a call that was this thread's innermost ended under our eyes
        Err(Hresult::RPC_E_CALL_COMPLETE)
    }

    /// The innermost cancel object of a thread; 0 means the calling thread, which gets `E_NOINTERFACE` in an interrupt handler.
    ///
    /// Also from interrupt handlers.
    /// Progress: lock-free (get a cancel object).
    ///
    /// # Errors
    ///
    /// `E_NOINTERFACE`: no such thread, no cancel object on it, or a custom one (which only the COM functions can hand out).
    /// `CO_E_CANCEL_DISABLED`: its call began while the thread was disabled. `E_OUTOFMEMORY`: too many pins.
    /// `E_UNEXPECTED`: a custom object on top, in an interrupt handler. `RPC_E_CALL_COMPLETE`: calls kept ending during the look-up.
    pub fn cancel_object(&self, thread: u32) -> Result<CancelObject<'_, P, S>, Hresult> {
        let slot = self.find(thread)?;
        let object = CancelObject { runtime: self, slot };
        let state = slot.1.state();
        if state.is(Phase::Custom) {
            return Err(Hresult::E_NOINTERFACE);
        }
        if state.is_disabled() {
            return Err(Hresult::CO_E_CANCEL_DISABLED);
        }
        Ok(object)
    }

    /// The cancel object of a call, by its handle: the way to asynchronous calls.
    ///
    /// Also from interrupt handlers.
    /// Progress: lock-free (object of a call).
    ///
    /// # Errors
    ///
    /// `E_INVALIDARG`: stale or forged. `E_NOINTERFACE`: it took no slot. `E_OUTOFMEMORY`: too many pins.
    pub fn object_of(&self, call: CallHandle) -> Result<CancelObject<'_, P, S>, Hresult> {
        Ok(CancelObject { runtime: self, slot: self.pin_object(call)? })
    }

    /// A pin for the object of a call; one that took no slot has none.
    pub(crate) fn pin_object(&self, call: CallHandle) -> Result<Slot<'_>, Hresult> {
        self.pin_named(call, |named| match named {
            Named::Slot { .. } => Hresult::E_INVALIDARG,
            Named::Marker { .. } | Named::Untracked => Hresult::E_NOINTERFACE,
        })
    }

    fn pin_named(&self, call: CallHandle, no_slot: impl Fn(Named) -> Hresult) -> Result<Slot<'_>, Hresult> {
        let (slot, generation) = self.named(call).map_err(no_slot)?;
        slot.1.transition(Some(generation), State::pin).map_err(bad_input)?;
        Ok(slot)
    }

    /// Requests cancellation of the innermost call of a thread (0: the calling thread): `CoCancelCall`, but for custom objects.
    ///
    /// Also from interrupt handlers (then it never waits).
    /// Progress: lock-free but for the wait (cancel by thread).
    ///
    /// # Errors
    ///
    /// Those of [`cancel_object`](Self::cancel_object) and [`CancelObject::cancel`].
    pub fn cancel_thread(&self, thread: u32, timeout: Timeout, waiting: Waiting) -> Hresult {
        match self.cancel_object(thread) {
            Ok(object) => object.cancel(timeout, waiting),
            Err(code) => code,
        }
    }

    /// Requests cancellation of a call that the host holds, whatever the enable state.
    ///
    /// Also from interrupt handlers (then it never waits).
    /// Progress: lock-free but for the wait (cancel by handle).
    ///
    /// # Errors
    ///
    /// As [`CancelObject::cancel`]; `E_INVALIDARG`: stale or forged; `CO_E_CANCEL_DISABLED`, `E_NOINTERFACE`: it took no slot
    /// because its thread was disabled, or because none was free.
    pub fn cancel_call(&self, call: CallHandle, timeout: Timeout, waiting: Waiting) -> Hresult {
        match self.pin_named(call, not_cancellable) {
            Ok(slot) => {
                let answer = self.request(slot, timeout, Canceller::Host, waiting);
                self.unpin(slot);
                answer
            }
            Err(code) => code,
        }
    }

    /// Asks to cancel a call that the caller holds pinned, and waits if that is allowed and this canceller is elected.
    pub(crate) fn request(&self, slot: Slot<'_>, timeout: Timeout, who: Canceller, waiting: Waiting) -> Hresult {
        match self.ask(slot, timeout, who) {
            Err(answer) => answer,
            Ok(()) if waiting == Waiting::Never || timeout == Timeout::ZERO => Hresult::S_OK,
            Ok(()) => match self.waiter() {
                Some(context) if !self.is_own(slot) => self.await_server(slot, context),
                _ => Hresult::S_OK,
            },
        }
    }

    /// Makes the request. `Ok`: this canceller is the elected one, and the call was pending when it asked.
    fn ask(&self, slot: Slot<'_>, timeout: Timeout, who: Canceller) -> Result<(), Hresult> {
        let (index, words) = slot;
        let generation = words.state().generation();
        let call = CallHandle::of_slot(index, generation);
        let mut now = self.now();
        let deadline = Deadline::after(now, timeout);
        let (elected, sooner, due) = loop {
            let state = words.state();
            if state.is_disabled() && who == Canceller::Anybody {
                return Err(Hresult::CO_E_CANCEL_DISABLED);
            }
            match state.phase() {
                // the frame of a call that took no slot
                Phase::Pending if !state.owes_completion() => return Err(Hresult::E_NOINTERFACE),
                Phase::Pending => {}
                Phase::Canceled => return Err(Hresult::RPC_E_CALL_CANCELED),
                _ => return Err(Hresult::RPC_E_CALL_COMPLETE),
            }
            let seen = words.request();
            if self.is_due(seen.deadline(), &mut now) {
                // it was over before we came, and nobody had looked
                let canceled = self.expire(slot, generation, None);
                return Err(if canceled { Hresult::RPC_E_CALL_CANCELED } else { Hresult::RPC_E_CALL_COMPLETE });
            }
            let asked = seen.ask(deadline, now);
            if asked == seen {
                if state.is_requested() && asked.deadline() == Deadline::NEVER {
                    return Err(Hresult::RPC_E_CALL_CANCELED);
                }
                // Whoever asked for that may not have come to show it yet, nor to tell the tick and the client of the deadline, and
                // may be dead: done for him below, before we say "already canceled".
                break (false, true, asked.deadline());
            }
            if words.ask(seen, asked) {
                break (!seen.is_requested(), asked.deadline() != seen.deadline(), asked.deadline());
            }
        };
        let lost = if elected { Ok(()) } else { Err(Hresult::RPC_E_CALL_CANCELED) };
        if timeout == Timeout::ZERO {
            return if self.expire(slot, generation, None) { lost } else { Err(Hresult::RPC_E_CALL_COMPLETE) };
        }
        self.arm(due, now);
        // A read-modify-write also where the bit is set already: it finds a client that announced itself before it could read
        // the new deadline.
        match words.transition(Some(generation), if sooner { State::note_sooner_request } else { State::note_request })
        {
            Ok(step) => {
                if elected {
                    self.event(EventKind::Requested, call);
                }
                self.wake(slot, generation, step.did);
                lost
            }
            // released meanwhile: by our deadline, or by a later request that shortened it
            Err(Refused::Phase(Phase::Canceled)) => lost,
            Err(_) => Err(Hresult::RPC_E_CALL_COMPLETE),
        }
    }

    /// Whether waiting for this call here would be waiting for oneself: a call of the calling thread, or one it is serving.
    pub(super) fn is_own(&self, (index, slot): Slot<'_>) -> bool {
        let Some((_, thread)) = self.current() else {
            // it may be one that serves it: nobody knows who does, without a slot either
            return slot.state().is_serving() && slot.serving() == Head::UNLINKED;
        };
        let is_on = |head: Head, below: fn(&crate::call::CallSlot) -> Head| {
            let mut head = head;
            while let Some(at) = head.slot() {
                if at == index {
                    return true;
                }
                let Some(slot) = self.slot(at) else { break };
                head = below(slot);
            }
            false
        };
        is_on(thread.top(), |slot| slot.outer()) || is_on(thread.serving(), |slot| slot.serving())
    }

    /// The elected canceller waits until the call is no longer pending.
    fn await_server(&self, slot: Slot<'_>, context: *mut ()) -> Hresult {
        slot.1.set_canceller(context);
        loop {
            match self.look_for_server(slot, Some(Side::Canceller)) {
                Err(answer) => return answer,
                Ok((value, remaining)) => {
                    let point = WaitPoint { word: slot.1.word(), value, side: Side::Canceller, context };
                    self.port.wait(point, remaining);
                }
            }
        }
    }

    /// One look of the waiting canceller: the word to sleep on and for how long, or the answer. `awake` is the canceller if it is surely the
    /// one that looks.
    fn look_for_server(&self, slot: Slot<'_>, awake: Option<Side>) -> Result<(u32, Option<u32>), Hresult> {
        loop {
            // announced first, then the deadline is read
            match slot.1.transition(None, State::canceller_waits) {
                Err(Refused::Phase(Phase::Canceled)) => return Err(Hresult::S_OK),
                Err(_) => return Err(Hresult::RPC_E_CALL_COMPLETE),
                Ok(waiting) => {
                    let remaining = self.remaining(slot.1.request().deadline());
                    if remaining != Some(0) {
                        return Ok((waiting.next.bits(), remaining));
                    }
                    self.expire(slot, waiting.next.generation(), awake);
                }
            }
        }
    }
}

impl<P: Port, S: Storage> CancelObject<'_, P, S> {
    /// Asks to cancel the call. With timeout 0 its client is released at once. Otherwise the server sees the request at once, and the
    /// client goes on waiting for it until the deadline; the first to ask may wait with it.
    ///
    /// Also from interrupt handlers (then it never waits).
    /// Progress: lock-free but for the wait (cancel through an object).
    ///
    /// # Errors
    ///
    /// `S_OK`: asked, and the client is released by now (at the latest at the deadline, where this canceller does not wait).
    /// `RPC_E_CALL_COMPLETE`: the call is complete, or completed in time. `RPC_E_CALL_CANCELED`: somebody asked before; a sooner
    /// deadline still counts. `CO_E_CANCEL_DISABLED`: it began while its thread was disabled.
    pub fn cancel(&self, timeout: Timeout, waiting: Waiting) -> Hresult {
        self.runtime.request(self.slot, timeout, Canceller::Anybody, waiting)
    }

    /// As [`cancel`](Self::cancel), for a canceller with a wait of its own: answers `RPC_S_CALLPENDING` where the other would wait, on a port
    /// that can; then [`poll`](Self::poll) until it answers otherwise. The port's `wake` gets `context` when there is something new, and its `retire`
    /// gets it once, whatever the answer: at once where nothing is waited for, else with the call's last pin. So each request brings a
    /// context of its own, or one that counts.
    ///
    /// Progress: lock-free (cancel through an object, polling).
    ///
    /// # Safety
    ///
    /// As [`CallOptions::context`](crate::CallOptions::context): valid until retired.
    pub unsafe fn cancel_polling(&self, timeout: Timeout, context: *mut ()) -> Hresult {
        let runtime = self.runtime;
        let unneeded = match runtime.ask(self.slot, timeout, Canceller::Anybody) {
            Err(answer) => answer,
            Ok(()) if timeout == Timeout::ZERO || runtime.port.in_interrupt() || runtime.is_own(self.slot) => {
                Hresult::S_OK
            }
            Ok(()) => {
                self.slot.1.set_canceller(context);
                return match runtime.look_for_server(self.slot, Some(Side::Canceller)) {
                    Ok(_) => Hresult::RPC_S_CALLPENDING,
                    Err(answer) => answer,
                };
            }
        };
        if !context.is_null() {
            runtime.port.retire(context);
        }
        unneeded
    }

    /// How the call stands, for whoever cancelled it by [`cancel_polling`](Self::cancel_polling). Expires its deadline if due. The outcome
    /// is the client's: `Completed` means that Cancel's answer is `RPC_E_CALL_COMPLETE`, `Canceled` means `S_OK`.
    ///
    /// Progress: lock-free (poll).
    pub fn poll(&self) -> Result<Poll, Hresult> {
        // whoever waits may be another than the one that polls
        match self.runtime.look_for_server(self.slot, None) {
            Ok((_, remaining)) => Ok(Poll::Pending(remaining)),
            Err(Hresult::S_OK) => Ok(Poll::Ended(crate::runtime::client::Outcome::Canceled)),
            Err(_) => Ok(Poll::Ended(crate::runtime::client::Outcome::Completed)),
        }
    }

    /// `RPC_E_CALL_CANCELED` if somebody asked to cancel the call, else `RPC_S_CALLPENDING`, also once it has completed uncancelled.
    ///
    /// Also from interrupt handlers.
    /// Progress: wait-free (test an object).
    #[inline]
    #[must_use]
    pub fn test(&self) -> Hresult {
        tested(self.slot.1.state())
    }
}

impl<P: Port, S: Storage> Drop for CancelObject<'_, P, S> {
    fn drop(&mut self) {
        self.runtime.unpin(self.slot);
    }
}

/// Why a call that took no slot cannot be cancelled.
fn not_cancellable(named: Named) -> Hresult {
    match named {
        Named::Slot { .. } => Hresult::E_INVALIDARG,
        Named::Marker { head, .. } if head.kind() == Marker::Disabled => Hresult::CO_E_CANCEL_DISABLED,
        Named::Marker { .. } | Named::Untracked => Hresult::E_NOINTERFACE,
    }
}
