//! Cancel objects: get, set, and `CoCancelCall`.

use core::ptr::null_mut;

use super::custom;
use super::guid::Guid;
use crate::call::Payload;
use crate::handle::CallHandle;
use crate::hresult::Hresult;
use crate::port::Port;
use crate::request::Request;
use crate::runtime::cancel::{Canceller, Waiting};
use crate::runtime::{Runtime, Slot};
use crate::stack::Head;
use crate::state::Phase;
use crate::storage::Storage;
use crate::time::{Deadline, Timeout};

/// What a look-up by thread found.
enum Found {
    /// A pinned standard object.
    Standard(Slot<'static>),
    /// A custom object's `ICancelMethodCalls`, with a reference.
    Custom(*mut ()),
}

impl<P: Port, S: Storage> Runtime<P, S> {
    fn find_object(&'static self, thread: u32) -> Result<Found, Hresult> {
        let slot = self.find(thread)?;
        let state = slot.1.state();
        if state.is_disabled() {
            self.unpin(slot);
            return Err(Hresult::CO_E_CANCEL_DISABLED);
        }
        if !state.is(Phase::Custom) {
            return Ok(Found::Standard(slot));
        }
        let object = slot.1.host();
        // SAFETY: the registration's reference cannot go while the slot is pinned
        unsafe { custom::add_ref(object) };
        self.unpin(slot);
        Ok(Found::Custom(object))
    }

    /// `CoCancelCall`: asks the innermost cancel object of the thread to cancel its call, and waits up to `seconds` for the server where
    /// that can work. 0 is the calling thread; `u32::MAX` seconds are infinite.
    ///
    /// Also from interrupt handlers: there it never waits, and thread 0 and custom objects are refused.
    /// Progress: lock-free but for the wait (cancel by thread).
    ///
    /// # Errors
    ///
    /// Those of [`cancel_thread`](Runtime::cancel_thread), or whatever a custom object answers.
    pub fn co_cancel_call(&'static self, thread: u32, seconds: u32) -> Hresult {
        match self.find_object(thread) {
            Err(code) => code,
            Ok(Found::Standard(slot)) => {
                let answer = self.request(slot, Timeout::seconds(seconds), Canceller::Anybody, Waiting::Allowed);
                self.unpin(slot);
                answer
            }
            Ok(Found::Custom(object)) => {
                // SAFETY: we hold a reference to its ICancelMethodCalls
                let answer = unsafe { custom::cancel(object, seconds) };
                custom::release(object);
                answer
            }
        }
    }

    /// `CoGetCancelObject`: the interface `iid` of the thread's innermost cancel object, with a reference that stays good after the call
    /// has ended.
    ///
    /// Also from interrupt handlers, as [`co_cancel_call`](Self::co_cancel_call).
    /// Progress: lock-free (get a cancel object).
    ///
    /// # Errors
    ///
    /// Those of [`cancel_object`](Runtime::cancel_object); `E_NOINTERFACE` also: the object does not know `iid`.
    pub fn co_get_cancel_object(&'static self, thread: u32, iid: &Guid) -> Result<*mut (), Hresult> {
        match self.find_object(thread)? {
            Found::Standard(slot) => self.query(slot, iid),
            Found::Custom(object) => {
                // SAFETY: we hold a reference
                let queried = unsafe { custom::query(object, iid) };
                custom::release(object);
                queried
            }
        }
    }

    /// The cancel object of a call by its handle, as a COM object with a reference: how a host gives its asynchronous call objects
    /// `ICancelMethodCalls`.
    ///
    /// Progress: lock-free (object of a call).
    ///
    /// # Errors
    ///
    /// Those of [`object_of`](Runtime::object_of); `E_NOINTERFACE` also: the object does not know `iid`.
    pub fn com_object_of(&'static self, call: CallHandle, iid: &Guid) -> Result<*mut (), Hresult> {
        let slot = self.pin_object(call)?;
        self.query(slot, iid)
    }

    /// `CoSetCancelObject` with an object: registers it on top of the calling thread's stack and keeps a reference.
    ///
    /// Whether it can be cancelled through is fixed now: by the thread's enable counter. Not from interrupt handlers.
    /// Progress: wait-free once attached (register a custom object).
    ///
    /// # Errors
    ///
    /// `E_NOINTERFACE`: it has no `ICancelMethodCalls`. `E_OUTOFMEMORY`: no slot free. Nothing is registered then.
    ///
    /// # Safety
    ///
    /// `object` is a live COM object.
    pub unsafe fn co_set_cancel_object(&'static self, object: *mut ()) -> Result<(), Hresult> {
        // SAFETY: the caller's
        let object = unsafe { custom::query_cancel(object) }?;
        let registered = self.register(object);
        if registered.is_none() {
            custom::release(object);
        }
        registered.ok_or(Hresult::E_OUTOFMEMORY)
    }

    fn register(&self, object: *mut ()) -> Option<()> {
        let (_, thread) = self.attach()?;
        let ((index, slot), state) = self.claim()?;
        let request = Request::own(Deadline::NEVER);
        let payload = Payload { host: object, context: null_mut(), request, outer: thread.top() };
        slot.publish(state.publish_custom(thread.enabled() == 0), payload);
        thread.set_top(Head::of_slot(index));
        Some(())
    }

    /// `CoSetCancelObject(NULL)`: unregisters the calling thread's topmost object. The last to let go of a custom object releases it: that
    /// may be another thread, which is just cancelling through it. A standard object whose call is over leaves the stack, too; its call still has
    /// to be finished, and a thread that exits without finishing it leaves its slot in use. Not from interrupt handlers.
    /// Progress: lock-free (unregister a custom object).
    ///
    /// # Errors
    ///
    /// `E_UNEXPECTED`: nothing is registered. `E_ACCESSDENIED`: the topmost belongs to a call that is still pending.
    pub fn co_unset_cancel_object(&'static self) -> Result<(), Hresult> {
        let (_, thread) = self.current().ok_or(Hresult::E_UNEXPECTED)?;
        let top = thread.top();
        if top.marker().is_some() {
            return Err(Hresult::E_ACCESSDENIED);
        }
        let index = top.slot().ok_or(Hresult::E_UNEXPECTED)?;
        let slot = self.slot(index).ok_or(Hresult::E_UNEXPECTED)?;
        match slot.state().phase() {
            Phase::Pending => Err(Hresult::E_ACCESSDENIED),
            Phase::Custom => {
                thread.set_top(slot.outer());
                self.unpin((index, slot));
                Ok(())
            }
            _ => {
                // over, but not finished yet: its finish finds it off the stack
                thread.set_top(slot.outer());
                slot.set_outer(Head::UNLINKED);
                Ok(())
            }
        }
    }
}
