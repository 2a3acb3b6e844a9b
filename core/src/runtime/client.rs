//! The client's side of a call: begin, wait or poll, finish.

use core::ptr::null_mut;

use super::threads::Thread;
use super::{Runtime, Slot, bad_input};
use crate::call::Payload;
use crate::event::EventKind;
use crate::handle::{CallHandle, Named};
use crate::hresult::Hresult;
use crate::port::{Port, Side, WaitPoint};
use crate::request::Request;
use crate::stack::{Head, Marker};
use crate::state::{Phase, Refused, State, Stepped};
use crate::storage::Storage;
use crate::thread::ThreadSlot;
use crate::time::{Deadline, Timeout};

/// What a call is begun with.
#[derive(Clone, Copy, Debug)]
#[must_use]
pub struct CallOptions {
    pub(crate) host: *mut (),
    pub(crate) context: *mut (),
    pub(crate) timeout: Timeout,
    pub(crate) always_slot: bool,
}

impl CallOptions {
    /// No record, no wake context, no timeout.
    pub const fn new() -> Self {
        Self { host: null_mut(), context: null_mut(), timeout: Timeout::INFINITE, always_slot: false }
    }

    /// The host's record of the call, handed to whichever side comes to own it. The library never looks behind the pointer.
    pub const fn host(mut self, host: *mut ()) -> Self {
        self.host = host;
        self
    }

    /// The call's own timeout: once it is over, the call is cancelled as soon as somebody looks.
    pub const fn timeout(mut self, timeout: Timeout) -> Self {
        self.timeout = timeout;
        self
    }

    /// Takes a slot also while the thread is disabled, for hosts that must be able to cancel the call themselves (message
    /// filters). Others still get `CO_E_CANCEL_DISABLED`.
    pub const fn always_slot(mut self) -> Self {
        self.always_slot = true;
        self
    }

    /// A wake context of the host's (an event, a task): the port's `wake` gets it whenever the polling client has something
    /// new to look at, and its `retire` when the call's slot is vacant. A call that took no slot never uses it: it stays the host's, and
    /// is not retired.
    ///
    /// # Safety
    ///
    /// It is one that the port understands, and valid until the port's `retire` was called with it.
    pub const unsafe fn context(mut self, context: *mut ()) -> Self {
        self.context = context;
        self
    }
}

impl Default for CallOptions {
    fn default() -> Self {
        Self::new()
    }
}

/// A call that has begun.
#[derive(Clone, Copy, Debug)]
#[must_use = "every call that has begun must be finished"]
pub struct Begun {
    /// Its handle. Valid in every case.
    pub call: CallHandle,
    /// `Err` with the reason why it took no slot and cannot be cancelled: `CO_E_CANCEL_DISABLED` (the thread is disabled),
    /// `E_OUTOFMEMORY` (no slot free). The host carries on with a wait of its own.
    pub cancellable: Result<(), Hresult>,
}

impl Begun {
    /// Not even a marker could be put down for it.
    pub(crate) const UNTRACKED: Self = Self { call: CallHandle::UNTRACKED, cancellable: Err(Hresult::E_OUTOFMEMORY) };
}

/// How a call came to its end, for its client.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Outcome {
    /// The reply is there. The client owns the record.
    Completed,
    /// The server's side failed with this code. The client owns the record.
    Failed(Hresult),
    /// The call was cancelled. The client must never look at the record again: the server's side disposes of it.
    Canceled,
}

/// What a polling client may do next.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Poll {
    /// Go on waiting, for this many milliseconds at most before it polls again; `None`: until it is woken.
    Pending(Option<u32>),
    /// The call has ended.
    Ended(Outcome),
}

impl<P: Port, S: Storage> Runtime<P, S> {
    /// Begins a call on top of the calling thread's stack, before it is handed to its server.
    ///
    /// An enabled thread's call takes a slot: two read-modify-writes from here to `finish` when nobody else interferes. A
    /// disabled thread's takes none and costs none, but hides outer calls from cancellers: they get `CO_E_CANCEL_DISABLED`.
    /// With no slot free the call is a barrier: cancellers get `E_NOINTERFACE`.
    ///
    /// Not from interrupt handlers.
    /// Progress: wait-free once attached; with a timeout lock-free (begin).
    #[inline]
    pub fn begin(&self, options: CallOptions) -> Begun {
        let Some(thread) = self.attach() else { return Begun::UNTRACKED };
        let (_, slot_of_thread) = thread;
        let outer = slot_of_thread.top();
        let enabled = slot_of_thread.enabled() != 0;
        if !enabled && !options.always_slot {
            return mark(thread, outer, Marker::Disabled);
        }
        let Some(((index, slot), state)) = self.take(thread) else { return mark(thread, outer, Marker::Barrier) };
        let call = self.publish((index, slot), state.publish_call(true, !enabled), options, outer);
        // the hook for this event may have finished another call of the thread
        let outer_now = slot_of_thread.top();
        if outer_now != outer {
            slot.set_outer(outer_now);
        }
        slot_of_thread.set_top(Head::of_slot(index));
        Begun { call, cancellable: Ok(()) }
    }

    /// Begins a call that belongs to no thread: it is found through its handle or object only, and may be finished by any thread.
    /// Always cancellable. `Err`-free like [`begin`](Self::begin).
    ///
    /// Also from interrupt handlers.
    /// Progress: wait-free; with a timeout lock-free (begin, asynchronous).
    pub fn begin_async(&self, options: CallOptions) -> Begun {
        match self.claim() {
            None => Begun::UNTRACKED,
            Some((slot, state)) => {
                let call = self.publish(slot, state.publish_call(true, false), options, Head::ASYNCHRONOUS);
                Begun { call, cancellable: Ok(()) }
            }
        }
    }

    /// Whether the handle names a call whose client has not finished it. An asynchronous call object begins no second call
    /// while this is so.
    ///
    /// Progress: wait-free (test a call).
    pub fn is_unfinished(&self, call: CallHandle) -> bool {
        self.named(call).is_ok_and(|((_, slot), generation)| slot.state().of(generation).is_ok_and(State::has_client))
    }

    /// The thread's home slot if it is vacant, else a shared one.
    #[inline]
    fn take<'r>(&'r self, (index, thread): Thread<'r>) -> Option<(Slot<'r>, State)> {
        if let Some(home) = thread.home() {
            let state = home.state();
            if state.is(Phase::Vacant) {
                return Some(((self.storage.calls().len() as u32 + index, home), state));
            }
        }
        self.claim()
    }

    #[inline]
    pub(crate) fn publish(
        &self,
        (index, slot): Slot<'_>,
        state: State,
        options: CallOptions,
        outer: Head,
    ) -> CallHandle {
        let (host, context) = (options.host, options.context);
        let payload = |request| Payload { host, context, request, outer };
        if options.timeout == Timeout::INFINITE {
            slot.publish(state, payload(Request::own(Deadline::NEVER)));
        } else {
            let now = self.now();
            let deadline = Deadline::after(now, options.timeout);
            slot.publish(state, payload(Request::own(deadline)));
            self.arm(deadline, now);
        }
        let call = CallHandle::of_slot(index, state.generation());
        self.event(EventKind::Begun, call);
        call
    }

    /// How the call stands, for its client. Expires its deadline if that is due. If the call was begun with a wake context,
    /// the next change wakes it.
    ///
    /// Never waits.
    /// Progress: lock-free (poll).
    ///
    /// # Errors
    ///
    /// `E_INVALIDARG`: a stale or forged handle. `CO_E_CANCEL_DISABLED`, `E_OUTOFMEMORY`: it took no slot; there is nothing to poll.
    pub fn poll(&self, call: CallHandle) -> Result<Poll, Hresult> {
        let (slot, generation) = self.named(call).map_err(no_slot)?;
        let announce: Option<fn(State) -> Stepped> =
            if slot.1.context().is_null() { None } else { Some(State::client_polls) };
        // whoever waits may be another than the one that polls: it is woken
        Ok(match self.look(slot, generation, announce, None)? {
            Look::Ended(outcome) => Poll::Ended(outcome),
            Look::Pending { remaining, .. } => Poll::Pending(remaining),
        })
    }

    /// Blocks until the call has ended.
    ///
    /// Wakes up only for what concerns this call. One thread at a time waits for a call, its client's if the call has one. Not where
    /// nothing can block.
    /// Progress: lock-free but for the wait (wait).
    ///
    /// # Errors
    ///
    /// As [`poll`](Self::poll); `E_INVALIDARG` also for what `enter` gives of a call without a slot; `E_NOTIMPL`: the port cannot wait here. If another thread finishes the call (an asynchronous one) meanwhile, that
    /// is how it ended.
    pub fn wait(&self, call: CallHandle) -> Result<Outcome, Hresult> {
        let (slot, generation) = self.named(call).map_err(no_slot)?;
        let state = slot.1.state().of(generation).map_err(bad_input)?;
        if let Some(outcome) = self.ended(slot, state) {
            return Ok(outcome);
        }
        if !state.has_client() && !state.owes_completion() {
            // the frame of a call that took no slot: nothing ends it but its own thread
            return Err(Hresult::E_INVALIDARG);
        }
        let waiter = self.waiter().ok_or(Hresult::E_NOTIMPL)?;
        slot.1.transition(Some(generation), State::pin_reserved).map_err(bad_input)?;
        if slot.1.context().is_null() && !waiter.is_null() {
            slot.1.set_context(waiter);
        }
        let context = slot.1.context();
        // An asynchronous call may be finished by another just now, and a served one ends with its completion: pinned as long as it is waited for,
        // so that neither the slot is the next call's nor the context retired while it is slept on. Not one on a stack, whose slot a killed
        // thread would take along.
        let is_pinned = slot.1.outer() == Head::ASYNCHRONOUS || !state.has_client();
        if !is_pinned {
            self.unpin(slot);
        }
        let outcome = loop {
            match self.look(slot, generation, Some(State::client_waits), Some(Side::Client)) {
                Ok(Look::Ended(outcome)) => break Ok(outcome),
                Ok(Look::Pending { value, remaining }) => {
                    self.port.wait(WaitPoint { word: slot.1.word(), value, side: Side::Client, context }, remaining);
                }
                Err(refused) => break Err(refused),
            }
        };
        if is_pinned {
            self.unpin(slot);
        }
        outcome
    }

    /// The outcome of a call that is no longer pending.
    fn ended(&self, slot: Slot<'_>, state: State) -> Option<Outcome> {
        match state.phase() {
            Phase::Completed => Some(Outcome::Completed),
            Phase::Failed => Some(Outcome::Failed(self.failure(slot, state.generation()))),
            Phase::Canceled => Some(Outcome::Canceled),
            _ => None,
        }
    }

    /// How it failed. Pinned: an asynchronous call may be finished by another just now, and the code be the next call's.
    #[cold]
    #[inline(never)]
    fn failure(&self, slot: Slot<'_>, generation: u32) -> Hresult {
        if slot.1.transition(Some(generation), State::pin_reserved).is_err() {
            return Hresult::E_FAIL;
        }
        let failure = slot.1.result();
        self.unpin(slot);
        failure
    }

    /// The calling thread's wake context, if it may block.
    #[inline]
    pub(crate) fn waiter(&self) -> Option<*mut ()> {
        if self.port.in_interrupt() { None } else { self.port.waiter() }
    }

    /// One look: how the call ended, or the word to sleep on and for how long. `announce` says that somebody wants to be woken; `awake` is the
    /// client if it is surely the one that looks.
    fn look(
        &self,
        slot: Slot<'_>,
        generation: u32,
        announce: Option<fn(State) -> Stepped>,
        awake: Option<Side>,
    ) -> Result<Look, Hresult> {
        loop {
            let state = slot.1.state().of(generation).map_err(bad_input)?;
            if let Some(outcome) = self.ended(slot, state) {
                return Ok(Look::Ended(outcome));
            }
            let mut value = state.bits();
            if let Some(announce) = announce {
                // announced first, then the deadline is read: a canceller that changes it afterwards finds the bit
                match slot.1.transition(Some(generation), announce) {
                    Ok(waiting) => value = waiting.next.bits(),
                    Err(Refused::Phase(_)) => continue,
                    Err(refused) => return Err(bad_input(refused)),
                }
            }
            let remaining = self.remaining(slot.1.request().deadline());
            if remaining != Some(0) {
                return Ok(Look::Pending { value, remaining });
            }
            // who polls may find an asynchronous call that another finishes meanwhile: what is waked has to be there still
            let pins = awake.is_none() && slot.1.transition(Some(generation), State::pin_reserved).is_ok();
            self.expire(slot, generation, awake);
            if pins {
                self.unpin(slot);
            }
        }
    }

    /// The client is done with the call, which leaves its thread's stack. If it is still pending, the client gives it up: it is
    /// cancelled, as by a canceller with timeout 0. Every call that has begun must be finished, on the thread that
    /// began it (an asynchronous one: on any).
    ///
    /// Never waits. Not from interrupt handlers, but for asynchronous calls.
    /// Progress: lock-free (finish).
    ///
    /// # Errors
    ///
    /// `E_INVALIDARG`: stale or forged, or not one of this thread's (those of calls that took no slot are not told from others' such).
    #[inline]
    pub fn finish(&self, call: CallHandle) -> Result<Outcome, Hresult> {
        let (slot, generation) = match self.named(call) {
            Ok(named) => named,
            Err(Named::Untracked) => return Ok(Outcome::Completed),
            Err(Named::Marker { head, below }) => return self.unmark(head, below),
            Err(Named::Slot { .. }) => return Err(Hresult::E_INVALIDARG),
        };
        let state = slot.1.state();
        let plain = state.finish_delivered(generation);
        if plain.is_none() && state.of(generation).is_err() || !self.unlink(slot) {
            return Err(Hresult::E_INVALIDARG);
        }
        if plain.is_some_and(|vacant| slot.1.is_without_contexts() && slot.1.replace(state, vacant)) {
            self.event(EventKind::Finished, call);
            self.offer(slot.0);
            return Ok(Outcome::Completed);
        }
        self.end_client(slot, generation).map(|(outcome, _)| outcome).map_err(|_| Hresult::E_INVALIDARG)
    }

    /// The client's side of a call that is on no stack any more is done; also says what its record is.
    #[inline(never)]
    pub(crate) fn end_client(&self, slot: Slot<'_>, generation: u32) -> Result<(Outcome, *mut ()), Refused> {
        let step = if slot.1.outer() == Head::ASYNCHRONOUS { State::finish_shared } else { State::finish };
        let passed = slot.1.drop_by(Some(generation), step)?;
        let call = CallHandle::of_slot(slot.0, generation);
        if passed.did.ended() {
            self.event(EventKind::Canceled, call);
        }
        self.event(EventKind::Finished, call);
        self.settle(slot, generation, &passed);
        let outcome = match passed.did.phase() {
            Phase::Completed => Outcome::Completed,
            Phase::Failed => Outcome::Failed(passed.result),
            _ => Outcome::Canceled,
        };
        Ok((outcome, passed.host))
    }

    /// Takes the call off the calling thread's stack, from wherever it stands; `false` if it belongs to another thread's.
    #[inline]
    pub(crate) fn unlink(&self, (index, slot): Slot<'_>) -> bool {
        let outer = slot.outer();
        if outer == Head::UNLINKED || outer == Head::ASYNCHRONOUS {
            return true;
        }
        let Some((_, thread)) = self.current() else { return false };
        let head = thread.top();
        if head == Head::of_slot(index) {
            thread.set_top(outer);
            return true;
        }
        self.unlink_deeper(thread, index, outer)
    }

    /// The same for a call that has markers or newer calls above it.
    #[cold]
    #[inline(never)]
    fn unlink_deeper(&self, thread: &ThreadSlot, index: u32, outer: Head) -> bool {
        let mut head = thread.top();
        if head.slot() == Some(index) {
            thread.set_top(head.unlink(outer));
            return true;
        }
        while let Some(above) = head.slot().and_then(|above| self.slot(above)) {
            head = above.outer();
            if head.slot() == Some(index) {
                above.set_outer(head.unlink(outer));
                return true;
            }
        }
        false
    }

    /// Takes a marker off the calling thread's stack: normally the topmost, else one below newer ones.
    #[inline]
    fn unmark(&self, marked: Head, below: Marker) -> Result<Outcome, Hresult> {
        let (_, thread) = self.current().ok_or(Hresult::E_INVALIDARG)?;
        match marked.pop(below) {
            Some(popped) if thread.top() == marked => {
                thread.set_top(popped);
                Ok(Outcome::Completed)
            }
            _ => self.unmark_deeper(thread, marked, below),
        }
    }

    #[cold]
    #[inline(never)]
    fn unmark_deeper(&self, thread: &ThreadSlot, marked: Head, below: Marker) -> Result<Outcome, Hresult> {
        let popped = |head: Head| {
            let is_topmost = head.depth() == marked.depth() || head.depth() == 1;
            if is_topmost { head.pop(below) } else { Some(head.thin()) }
        };
        if marked.depth() == 0 {
            return Err(Hresult::E_INVALIDARG);
        }
        let top = thread.top();
        // where it was put; else, if that slot was unlinked from under it, the next best
        for exact in [true, false] {
            let fits = |head: Head| head.depth() != 0 && (!exact || head.slot() == marked.slot());
            if fits(top) {
                thread.set_top(popped(top).ok_or(Hresult::E_INVALIDARG)?);
                return Ok(Outcome::Completed);
            }
            let mut head = top;
            while let Some(above) = head.slot().and_then(|above| self.slot(above)) {
                head = above.outer();
                if fits(head) {
                    above.set_outer(popped(head).ok_or(Hresult::E_INVALIDARG)?);
                    return Ok(Outcome::Completed);
                }
            }
        }
        Err(Hresult::E_INVALIDARG)
    }
}

enum Look {
    Pending { value: u32, remaining: Option<u32> },
    Ended(Outcome),
}

#[inline]
fn mark(thread: Thread<'_>, outer: Head, marker: Marker) -> Begun {
    let Some(head) = outer.push(marker) else { return Begun::UNTRACKED };
    thread.1.set_top(head);
    let why = match marker {
        Marker::Disabled => Hresult::CO_E_CANCEL_DISABLED,
        Marker::Barrier => Hresult::E_OUTOFMEMORY,
    };
    Begun { call: CallHandle::of_marker(head, outer.kind()), cancellable: Err(why) }
}

/// Why there is nothing to poll or to wait on.
pub(crate) fn no_slot(named: Named) -> Hresult {
    match named {
        Named::Slot { .. } => Hresult::E_INVALIDARG,
        Named::Marker { head, .. } if head.kind() == Marker::Disabled => Hresult::CO_E_CANCEL_DISABLED,
        Named::Marker { .. } | Named::Untracked => Hresult::E_OUTOFMEMORY,
    }
}
