//! Guards: the same operations, with their ends tied to scopes. What a Rust host normally uses.

use core::marker::PhantomData;

use crate::call::CallSlot;
use crate::handle::CallHandle;
use crate::hresult::Hresult;
use crate::port::Port;
use crate::runtime::Runtime;
use crate::runtime::client::{Begun, CallOptions, Outcome, Poll};
use crate::runtime::server::{Refusal, tested};
use crate::storage::Storage;

/// Keeps a guard on the thread that made it.
type OnThisThread = PhantomData<*const ()>;

/// Call cancellation is enabled on this thread as long as this lives.
#[must_use = "dropping it disables cancellation again"]
#[derive(Debug)]
pub struct Enabled<'r, P: Port, S: Storage> {
    runtime: &'r Runtime<P, S>,
    thread: OnThisThread,
}

/// A call that this thread has out. Dropping it finishes it: a call still pending is given up.
#[must_use = "dropping it gives the call up"]
#[derive(Debug)]
pub struct Call<'r, P: Port, S: Storage> {
    runtime: &'r Runtime<P, S>,
    begun: Begun,
    thread: OnThisThread,
}

/// A call that this thread is serving. Dropping it leaves the call, which still has to be completed, before or after.
#[must_use = "dropping it leaves the call"]
#[derive(Debug)]
pub struct Serving<'r, P: Port, S: Storage> {
    runtime: &'r Runtime<P, S>,
    frame: CallHandle,
    /// `None`: not even a frame was free for it.
    slot: Option<&'r CallSlot>,
    thread: OnThisThread,
}

impl<P: Port, S: Storage> Runtime<P, S> {
    /// [`enable`](Self::enable) for a scope.
    ///
    /// # Errors
    ///
    /// As there.
    pub fn enabled(&self) -> Result<Enabled<'_, P, S>, Hresult> {
        self.enable()?;
        Ok(Enabled { runtime: self, thread: PhantomData })
    }

    /// [`begin`](Self::begin) for a scope.
    pub fn call(&self, options: CallOptions) -> Call<'_, P, S> {
        Call { runtime: self, begun: self.begin(options), thread: PhantomData }
    }

    /// [`enter`](Self::enter) for a scope.
    ///
    /// # Errors
    ///
    /// As there: a refused call is not to be run, and a cancelled one hands its record over.
    pub fn serving(&self, call: CallHandle) -> Result<Serving<'_, P, S>, Refusal> {
        let frame = self.enter(call)?;
        let slot = self.named(frame).ok().map(|((_, slot), _)| slot);
        Ok(Serving { runtime: self, frame, slot, thread: PhantomData })
    }
}

impl<P: Port, S: Storage> Drop for Enabled<'_, P, S> {
    fn drop(&mut self) {
        // an unbalanced disable in between has taken ours: then there is nothing left to undo
        let _ = self.runtime.disable();
    }
}

impl<P: Port, S: Storage> Call<'_, P, S> {
    /// The handle: for the server's side, and for the host's own cancels.
    pub fn handle(&self) -> CallHandle {
        self.begun.call
    }

    /// `Err` with the reason if the call took no slot: then it cannot be cancelled, and the host waits by its own means.
    pub fn cancellable(&self) -> Result<(), Hresult> {
        self.begun.cancellable
    }

    /// [`Runtime::wait`].
    ///
    /// # Errors
    ///
    /// As there.
    pub fn wait(&self) -> Result<Outcome, Hresult> {
        self.runtime.wait(self.begun.call)
    }

    /// [`Runtime::poll`].
    ///
    /// # Errors
    ///
    /// As there.
    pub fn poll(&self) -> Result<Poll, Hresult> {
        self.runtime.poll(self.begun.call)
    }

    /// [`Runtime::finish`]: ends the call and says how it ended.
    ///
    /// # Errors
    ///
    /// `E_INVALIDARG`: somebody finished it by its handle before.
    pub fn finish(self) -> Result<Outcome, Hresult> {
        let outcome = self.runtime.finish(self.begun.call);
        core::mem::forget(self);
        outcome
    }
}

impl<P: Port, S: Storage> Drop for Call<'_, P, S> {
    fn drop(&mut self) {
        let _ = self.runtime.finish(self.begun.call);
    }
}

impl<P: Port, S: Storage> Serving<'_, P, S> {
    /// Whether the client has asked to cancel: `RPC_S_CALLPENDING` or `RPC_E_CALL_CANCELED`. One acquire load.
    ///
    /// Progress: wait-free (test a call).
    #[inline]
    #[must_use]
    pub fn test(&self) -> Hresult {
        self.slot.map_or(Hresult::RPC_S_CALLPENDING, |slot| tested(slot.state()))
    }
}

impl<P: Port, S: Storage> Drop for Serving<'_, P, S> {
    fn drop(&mut self) {
        let _ = self.runtime.leave(self.frame);
    }
}
