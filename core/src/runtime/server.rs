//! The server's side of a call: serve, enter and leave, complete or abandon, test.

use super::{Runtime, Slot, bad_input};
use crate::event::EventKind;
use crate::handle::{CallHandle, Named};
use crate::hresult::Hresult;
use crate::port::Port;
use crate::runtime::client::{Begun, CallOptions};
use crate::stack::{Head, Marker};
use crate::state::{Phase, Refused, State, Stepped};
use crate::storage::Storage;

/// What became of the server's reply.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[must_use = "an orphaned record has to be disposed of"]
pub enum Reply {
    /// The client gets it and owns the record.
    Delivered,
    /// The client was released before: this side now owns the record, which is handed back here.
    Orphaned(*mut ()),
}

/// Why a call is not to be run.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[must_use = "an orphaned record has to be disposed of"]
pub enum Refusal {
    /// It was cancelled before. This is its completion: do not complete it again; this side owns the record.
    Canceled(*mut ()),
    /// `E_INVALIDARG`: a stale or forged handle. `E_UNEXPECTED`: it is being served already, or was completed.
    BadInput(Hresult),
}

impl<P: Port, S: Storage> Runtime<P, S> {
    /// Registers a call whose client is elsewhere (another process, another board): the server's side only. It ends with
    /// [`complete`](Self::complete). The transport cancels it through its handle.
    ///
    /// Also from interrupt handlers.
    /// Progress: wait-free; with a timeout lock-free (serve).
    pub fn serve(&self, options: CallOptions) -> Begun {
        match self.claim() {
            None => Begun::UNTRACKED,
            Some((slot, state)) => {
                let call = self.publish(slot, state.publish_call(false, false), options, Head::UNLINKED);
                Begun { call, cancellable: Ok(()) }
            }
        }
    }

    /// The server's thread comes to a call: says whether to run it at all, and makes it the calling thread's innermost served
    /// call. Returns the frame to [`leave`](Self::leave): the call's handle, or that of a frame of its own where the call
    /// took no slot. Such calls are always admitted.
    ///
    /// Not from interrupt handlers.
    /// Progress: lock-free (enter).
    ///
    /// # Errors
    ///
    /// See [`Refusal`].
    pub fn enter(&self, call: CallHandle) -> Result<CallHandle, Refusal> {
        let (slot, generation) = match self.named(call) {
            Ok(named) => named,
            Err(Named::Slot { .. }) => return Err(Refusal::BadInput(Hresult::E_INVALIDARG)),
            Err(Named::Marker { head, .. }) => return Ok(self.enter_untracked(head.kind() == Marker::Disabled)),
            Err(Named::Untracked) => return Ok(self.enter_untracked(false)),
        };
        let entered = slot.1.drop_by(Some(generation), State::enter);
        let passed = entered.map_err(|refused| Refusal::BadInput(bad_input(refused)))?;
        if passed.did.admitted() {
            self.event(EventKind::Entered, call);
            let is_async = slot.1.outer() == Head::ASYNCHRONOUS;
            self.push_serving(slot, is_async);
            return Ok(call);
        }
        if passed.did.ended() {
            self.event(EventKind::Canceled, call);
        }
        self.event(EventKind::Orphaned, call);
        self.settle(slot, generation, &passed);
        Err(Refusal::Canceled(passed.host))
    }

    /// A frame for a call that took no slot, so that testing answers as for any call; without a free slot, only a marker.
    fn enter_untracked(&self, disabled: bool) -> CallHandle {
        // without a thread slot nobody could find the frame, nor drop it when the thread ends
        let Some((_, thread)) = self.attach() else { return CallHandle::UNTRACKED };
        if let Some((slot, state)) = self.claim() {
            let frame = self.publish_frame(slot, state, disabled);
            self.push_serving(slot, false);
            return frame;
        }
        match thread.serving().push(Marker::Barrier) {
            None => CallHandle::UNTRACKED,
            Some(marked) => {
                thread.set_serving(marked);
                CallHandle::of_marker(marked, Marker::Barrier)
            }
        }
    }

    fn publish_frame(&self, slot: Slot<'_>, state: State, disabled: bool) -> CallHandle {
        let state = state.publish_frame(disabled);
        self.publish(slot, state, CallOptions::new(), Head::UNLINKED)
    }

    fn push_serving(&self, (index, slot): Slot<'_>, is_async: bool) {
        match self.attach() {
            None => slot.set_serving(Head::UNLINKED),
            Some((_, thread)) => {
                slot.set_serving(thread.serving());
                #[cfg(feature = "com")]
                self.push_context(slot, thread, is_async);
                #[cfg(not(feature = "com"))]
                let _ = is_async;
                thread.set_serving(Head::of_slot(index));
            }
        }
    }

    /// Undoes the calling thread's innermost [`enter`](Self::enter); what it served before is current again. Before or after
    /// [`complete`](Self::complete).
    ///
    /// Not from interrupt handlers.
    /// Progress: lock-free (leave).
    ///
    /// # Errors
    ///
    /// `E_UNEXPECTED`: not this thread's innermost. `E_INVALIDARG`: stale or forged.
    pub fn leave(&self, frame: CallHandle) -> Result<(), Hresult> {
        let ((index, slot), generation) = match self.named(frame) {
            Ok(named) => named,
            Err(Named::Untracked) => return Ok(()),
            Err(Named::Marker { head, .. }) => {
                let (_, thread) = self.current().ok_or(Hresult::E_UNEXPECTED)?;
                let popped = head.pop(Marker::Barrier).filter(|_| head == thread.serving());
                thread.set_serving(popped.ok_or(Hresult::E_UNEXPECTED)?);
                return Ok(());
            }
            Err(Named::Slot { .. }) => return Err(Hresult::E_INVALIDARG),
        };
        let state = slot.state().of(generation).map_err(bad_input)?;
        match self.current() {
            Some((_, thread)) if thread.serving() == Head::of_slot(index) => {
                #[cfg(feature = "com")]
                self.pop_context(slot, thread);
                thread.set_serving(slot.serving());
            }
            // its thread got no slot when it entered
            _ if state.is_serving() && slot.serving() == Head::UNLINKED => slot.set_serving(Head::EMPTY),
            _ => return Err(Hresult::E_UNEXPECTED),
        }
        self.event(EventKind::Left, frame);
        self.leave_slot((index, slot), generation);
        Ok(())
    }

    pub(crate) fn leave_slot(&self, slot: Slot<'_>, generation: u32) {
        if let Ok(passed) = slot.1.drop_by(Some(generation), State::leave) {
            self.settle(slot, generation, &passed);
        }
    }

    /// The server's side is done: the reply stands in the host's record. Tells whose the record is now.
    ///
    /// At most one wake for each side that waits. Also from interrupt handlers.
    /// Progress: lock-free (complete).
    ///
    /// # Errors
    ///
    /// `E_INVALIDARG`: stale or forged. `E_UNEXPECTED`: the server's side was done already.
    #[inline]
    pub fn complete(&self, call: CallHandle) -> Result<Reply, Hresult> {
        let (slot, generation) = match self.named(call) {
            Ok(named) => named,
            Err(named) => return end_without_slot(named),
        };
        let state = slot.1.state();
        if state.deliver(generation).is_some_and(|delivered| slot.1.replace(state, delivered)) {
            self.event(EventKind::Completed, call);
            return Ok(Reply::Delivered);
        }
        self.end(slot, generation, State::complete)
    }

    /// The server's side cannot answer (its process or its queue died): the client gets `failure` in place of a reply, or
    /// `E_FAIL` if that is no failure code, or one with which polling, waiting or finishing say something else:
    /// `RPC_E_CALL_CANCELED`, `RPC_S_CALLPENDING`, `CO_E_CANCEL_DISABLED`, `E_OUTOFMEMORY`, `E_INVALIDARG`, `E_UNEXPECTED`,
    /// `E_NOTIMPL`. Tells whose the record is now.
    ///
    /// Callers and wakes as [`complete`](Self::complete).
    /// Progress: lock-free (abandon).
    ///
    /// # Errors
    ///
    /// As [`complete`](Self::complete).
    pub fn abandon(&self, call: CallHandle, failure: Hresult) -> Result<Reply, Hresult> {
        let failure = if failure.is_err() && !means_something_else(failure) { failure } else { Hresult::E_FAIL };
        let (slot, generation) = match self.named(call) {
            Ok(named) => named,
            Err(named) => return end_without_slot(named),
        };
        // a pin of its own: somebody else may end the server's side meanwhile, and the slot must not be the next call's yet
        let pinned = slot.1.transition(Some(generation), State::pin);
        match pinned {
            Ok(step) if step.next.owes_completion() => slot.1.set_result(failure.0 as u32),
            // without a pin the client gets E_FAIL, but it gets it
            Ok(_) | Err(Refused::Saturated) => {}
            Err(refused) => return Err(bad_input(refused)),
        }
        let reply = self.end(slot, generation, State::fail);
        if pinned.is_ok() {
            self.unpin(slot);
        }
        reply
    }

    #[cold]
    #[inline(never)]
    fn end(&self, slot: Slot<'_>, generation: u32, step: fn(State) -> Stepped) -> Result<Reply, Hresult> {
        let passed = slot.1.drop_by(Some(generation), step).map_err(bad_input)?;
        let phase = passed.did.phase();
        let kind = match phase {
            Phase::Completed => EventKind::Completed,
            Phase::Failed => EventKind::Failed,
            _ => EventKind::Orphaned,
        };
        self.event(kind, CallHandle::of_slot(slot.0, generation));
        self.settle(slot, generation, &passed);
        Ok(if phase == Phase::Canceled { Reply::Orphaned(passed.host) } else { Reply::Delivered })
    }

    /// Whether the client of the call that this thread is serving has asked to cancel it: `RPC_S_CALLPENDING` (a failure code,
    /// in spite of its name) while nobody has, `RPC_E_CALL_CANCELED` once somebody has, `RPC_E_CALL_COMPLETE` if no call is
    /// being served, or an asynchronous one.
    ///
    /// Never looks at the clock. From interrupt handlers it answers for the thread that was interrupted, if the port's
    /// thread-local storage does.
    /// Progress: wait-free (test).
    #[inline]
    pub fn test(&self) -> Hresult {
        let Some((_, thread)) = self.current() else { return Hresult::RPC_E_CALL_COMPLETE };
        let serving = thread.serving();
        if serving.marker().is_some() {
            return Hresult::RPC_S_CALLPENDING;
        }
        match serving.slot().and_then(|index| self.slot(index)) {
            Some(slot) if slot.outer() != Head::ASYNCHRONOUS => tested(slot.state()),
            _ => Hresult::RPC_E_CALL_COMPLETE,
        }
    }

    /// The same for a call by its handle, from anywhere. `E_INVALIDARG`: stale or forged.
    ///
    /// Also from interrupt handlers.
    /// Progress: wait-free (test a call).
    pub fn test_call(&self, call: CallHandle) -> Hresult {
        match self.named(call) {
            Ok(((_, slot), generation)) => match slot.state().of(generation) {
                Ok(state) => tested(state),
                Err(refused) => bad_input(refused),
            },
            Err(Named::Slot { .. }) => Hresult::E_INVALIDARG,
            Err(Named::Marker { .. } | Named::Untracked) => Hresult::RPC_S_CALLPENDING,
        }
    }
}

/// Whether a client that gets this code takes it for something else than the server's failure: that the record is not its own, that
/// the call goes on, or never took a slot, or that the handle is no good.
const fn means_something_else(failure: Hresult) -> bool {
    matches!(
        failure,
        Hresult::RPC_E_CALL_CANCELED
            | Hresult::RPC_S_CALLPENDING
            | Hresult::CO_E_CANCEL_DISABLED
            | Hresult::E_OUTOFMEMORY
            | Hresult::E_INVALIDARG
            | Hresult::E_UNEXPECTED
            | Hresult::E_NOTIMPL
    )
}

#[inline]
const fn end_without_slot(named: Named) -> Result<Reply, Hresult> {
    match named {
        Named::Slot { .. } => Err(Hresult::E_INVALIDARG),
        // never cancelled, so always delivered
        Named::Marker { .. } | Named::Untracked => Ok(Reply::Delivered),
    }
}

/// What testing a call answers.
#[inline]
pub(crate) const fn tested(state: State) -> Hresult {
    if state.is_requested() { Hresult::RPC_E_CALL_CANCELED } else { Hresult::RPC_S_CALLPENDING }
}
