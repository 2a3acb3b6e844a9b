//! Call contexts: what `CoTestCancel` asks. The standard one of a served call is its slot's object; a custom one can be switched in.

use core::ptr::null_mut;

use super::custom;
use super::guid::Guid;
use crate::call::CallSlot;
use crate::hresult::Hresult;
use crate::port::Port;
use crate::runtime::server::tested;
use crate::runtime::{Runtime, Slot};
use crate::state::State;
use crate::storage::Storage;
use crate::thread::ThreadSlot;

/// The current call context of a thread.
enum Current {
    None,
    /// One of the served calls' own.
    Standard(Slot<'static>),
    /// A call is being served for which not even a frame was free.
    Frameless,
    Custom(*mut ()),
}

impl<P: Port, S: Storage> Runtime<P, S> {
    /// The served call becomes current; what was current before waits in its slot.
    pub(crate) fn push_context(&self, slot: &CallSlot, thread: &ThreadSlot, is_async: bool) {
        slot.set_saved(thread.context());
        thread.set_context(if is_async { null_mut() } else { slot.object() });
    }

    pub(crate) fn pop_context(&self, slot: &CallSlot, thread: &ThreadSlot) {
        thread.set_context(slot.saved());
    }

    fn context(&'static self) -> Current {
        let Some((_, thread)) = self.current() else { return Current::None };
        let serving = thread.serving();
        if serving.marker().is_some() {
            return Current::Frameless;
        }
        let context = thread.context();
        if context.is_null() {
            return Current::None;
        }
        match serving.slot().and_then(|index| Some((index, self.slot(index)?))) {
            Some((index, slot)) if slot.object() == context => Current::Standard((index, slot)),
            _ => self.context_elsewhere(context),
        }
    }

    /// A handler may come between the two words of an enter or a leave: then it is another of ours.
    #[cold]
    #[inline(never)]
    fn context_elsewhere(&'static self, context: *mut ()) -> Current {
        self.slot_at(context).map_or(Current::Custom(context), Current::Standard)
    }

    /// `CoTestCancel`: whether the client of the call being served has asked to cancel it. `RPC_S_CALLPENDING` (a failure code in spite of
    /// its name) or `RPC_E_CALL_CANCELED`; `RPC_E_CALL_COMPLETE` if no call is being served.
    ///
    /// Never reads the clock. A custom context is asked.
    /// Progress: wait-free (test).
    ///
    /// # Errors
    ///
    /// `E_NOINTERFACE`: a custom context without `ICancelMethodCalls`. `E_UNEXPECTED`: a custom context in an interrupt handler.
    pub fn co_test_cancel(&'static self) -> Hresult {
        match self.context() {
            Current::None => Hresult::RPC_E_CALL_COMPLETE,
            Current::Frameless => Hresult::RPC_S_CALLPENDING,
            Current::Standard((_, slot)) => tested(slot.state()),
            Current::Custom(_) if self.port.in_interrupt() => Hresult::E_UNEXPECTED,
            Current::Custom(context) => {
                // SAFETY: the contract of `co_switch_call_context`: it is live while it is installed
                match unsafe { custom::query_cancel(context) } {
                    Err(code) => code,
                    Ok(object) => {
                        // SAFETY: we hold a reference to its ICancelMethodCalls
                        let answer = unsafe { custom::test_cancel(object) };
                        custom::release(object);
                        answer
                    }
                }
            }
        }
    }

    /// `CoGetCallContext`: the interface `iid` of the current call context, with a reference.
    ///
    /// Not from interrupt handlers.
    /// Progress: lock-free (get the call context).
    ///
    /// # Errors
    ///
    /// `RPC_E_CALL_COMPLETE`: there is none. `E_NOINTERFACE`: it does not know `iid`. `E_OUTOFMEMORY`: too many pins, or no slot was free for
    /// the context of the call being served.
    pub fn co_get_call_context(&'static self, iid: &Guid) -> Result<*mut (), Hresult> {
        match self.context() {
            Current::None => Err(Hresult::RPC_E_CALL_COMPLETE),
            Current::Frameless => Err(Hresult::E_OUTOFMEMORY),
            Current::Standard(slot) => {
                slot.1.transition(None, State::pin).map_err(crate::runtime::bad_input)?;
                self.query(slot, iid)
            }
            // SAFETY: the contract of `co_switch_call_context`
            Current::Custom(context) => unsafe { custom::query(context, iid) },
        }
    }

    /// `CoSwitchCallContext`: installs another call context (NULL: none) and returns the one before (NULL: none). No reference is taken or
    /// given up.
    ///
    /// Not from interrupt handlers.
    /// Progress: wait-free once attached (switch the call context).
    ///
    /// # Errors
    ///
    /// `E_OUTOFMEMORY`: no slot for another thread, or none was free for the context of the call being served.
    ///
    /// # Safety
    ///
    /// `context` is NULL or a COM object that stays alive as long as it is installed: until it is switched out, or the call is left during
    /// which it was switched in, or the thread exits.
    pub unsafe fn co_switch_call_context(&'static self, context: *mut ()) -> Result<*mut (), Hresult> {
        let (_, thread) = self.attach().ok_or(Hresult::E_OUTOFMEMORY)?;
        if thread.serving().marker().is_some() {
            return Err(Hresult::E_OUTOFMEMORY);
        }
        if let Current::Standard((_, slot)) = self.context() {
            // it leaves our hands: from now on it may be called as a COM object
            let vtable: *const Self = self;
            slot.set_vtable(vtable.cast_mut().cast());
        }
        let before = thread.context();
        thread.set_context(context);
        Ok(before)
    }
}
