//! The standard cancel object: `ICancelMethodCalls` on a call slot.
//!
//! The object is the slot itself; its vtable stands at the start of its runtime, so that the vtable pointer leads to both. All COM
//! references of an object together hold one pin: 0 to 1 takes it, 1 to 0 drops it. Pins are all alike, so a count that
//! goes from 0 to 1 while another thread is about to drop the pin of its 1 to 0 comes out right.

use super::guid::{Guid, IID_ICANCEL_METHOD_CALLS, IID_IUNKNOWN};
use crate::hresult::Hresult;
use crate::port::Port;
use crate::runtime::cancel::{Canceller, Waiting};
use crate::runtime::server::tested;
use crate::runtime::{Runtime, Slot};
use crate::state::State;
use crate::storage::Storage;
use crate::thread::ThreadSlot;
use crate::time::Timeout;

/// The methods of `ICancelMethodCalls`, in vtable order.
#[derive(Clone, Copy, Debug)]
#[repr(C)]
pub struct Vtable {
    /// `IUnknown::QueryInterface`.
    pub query_interface: unsafe extern "system" fn(this: *mut (), iid: *const Guid, out: *mut *mut ()) -> Hresult,
    /// `IUnknown::AddRef`.
    pub add_ref: unsafe extern "system" fn(this: *mut ()) -> u32,
    /// `IUnknown::Release`.
    pub release: unsafe extern "system" fn(this: *mut ()) -> u32,
    /// `ICancelMethodCalls::Cancel`.
    pub cancel: unsafe extern "system" fn(this: *mut (), seconds: u32) -> Hresult,
    /// `ICancelMethodCalls::TestCancel`.
    pub test_cancel: unsafe extern "system" fn(this: *mut ()) -> Hresult,
}

impl Vtable {
    pub(crate) const fn of<P: Port, S: Storage>() -> Self {
        Self {
            query_interface: query_interface::<P, S>,
            add_ref: add_ref::<P, S>,
            release: release::<P, S>,
            cancel: cancel::<P, S>,
            test_cancel: test_cancel::<P, S>,
        }
    }
}

impl<P: Port, S: Storage> Runtime<P, S> {
    /// Turns the caller's pin into a COM reference to the slot's object.
    pub(crate) fn hand_out(&'static self, slot: Slot<'static>) -> *mut () {
        let vtable: *const Self = self;
        slot.1.set_vtable(vtable.cast_mut().cast());
        if slot.1.add_reference() != 0 {
            // they have their pin already
            self.unpin(slot);
        }
        slot.1.object()
    }

    /// The interface `iid` of the object, for a pin of the caller's: kept with the reference, dropped without.
    pub(crate) fn query(&'static self, slot: Slot<'static>, iid: &Guid) -> Result<*mut (), Hresult> {
        if *iid == IID_IUNKNOWN || *iid == IID_ICANCEL_METHOD_CALLS {
            return Ok(self.hand_out(slot));
        }
        self.unpin(slot);
        Err(Hresult::E_NOINTERFACE)
    }

    /// The slot of one of our objects.
    pub(crate) fn slot_at(&self, object: *mut ()) -> Option<Slot<'_>> {
        let calls = self.storage.calls();
        let index = match position(calls, object.addr()) {
            Some(index) => index,
            None => {
                let thread = object.addr().wrapping_sub(ThreadSlot::HOME?);
                calls.len() as u32 + position(self.storage.threads(), thread)?
            }
        };
        let slot = self.slot(index)?;
        if slot.object() == object { Some((index, slot)) } else { None }
    }
}

/// Which element of the table begins at that address, if one does; if none does, perhaps any: the caller looks.
fn position<T>(table: &[T], address: usize) -> Option<u32> {
    // For a multiple of the size dividing is multiplying by the inverse of its odd part, and a small processor needs no division for it.
    const fn inverse(odd: usize) -> usize {
        // Newton: each step doubles the bits that are right, of which there are three at first
        let mut inverse = odd;
        let mut right = 3;
        while right < usize::BITS {
            inverse = inverse.wrapping_mul(2usize.wrapping_sub(odd.wrapping_mul(inverse)));
            right *= 2;
        }
        inverse
    }
    let shift = const { size_of::<T>().trailing_zeros() };
    let inverse = const { inverse(size_of::<T>() >> size_of::<T>().trailing_zeros()) };
    let distance = address.wrapping_sub(table.as_ptr().addr());
    let position = (distance >> shift).wrapping_mul(inverse);
    if position < table.len() { Some(position as u32) } else { None }
}

/// The runtime and the slot of an object.
///
/// # Safety
///
/// `this` is an object that [`Runtime::hand_out`] gave out on a `Runtime<P, S>`, and a reference to it is held.
unsafe fn parts<'a, P: Port + 'a, S: Storage + 'a>(this: *mut ()) -> Option<(&'a Runtime<P, S>, Slot<'a>)> {
    if this.is_null() {
        return None;
    }
    // SAFETY: an object points to its vtable pointer, which nobody changes while references are held
    let vtable = unsafe { *this.cast::<*const Runtime<P, S>>() };
    // SAFETY: the vtable is the first field of its runtime, which lives for ever (`hand_out` takes `&'static self`)
    let runtime = unsafe { &*vtable };
    Some((runtime, runtime.slot_at(this)?))
}

unsafe extern "system" fn query_interface<P: Port, S: Storage>(
    this: *mut (),
    iid: *const Guid,
    out: *mut *mut (),
) -> Hresult {
    // SAFETY: the caller's: it holds a reference
    let parts = unsafe { parts::<P, S>(this) };
    let Some((runtime, slot)) = parts else { return Hresult::E_INVALIDARG };
    // SAFETY: the caller's: NULL or writable; a misaligned one is taken for NULL
    let out = if out.is_aligned() { unsafe { out.as_mut() } } else { None };
    // SAFETY: the caller's: NULL or a GUID; as above
    let iid = if iid.is_aligned() { unsafe { iid.as_ref() } } else { None };
    let (out, iid) = match (out, iid) {
        (Some(out), Some(iid)) => (out, iid),
        (Some(out), None) => {
            *out = core::ptr::null_mut();
            return Hresult::E_INVALIDARG;
        }
        (None, Some(_)) => return Hresult::E_POINTER,
        (None, None) => return Hresult::E_INVALIDARG,
    };
    let known = *iid == IID_IUNKNOWN || *iid == IID_ICANCEL_METHOD_CALLS;
    *out = core::ptr::null_mut();
    if !known {
        return Hresult::E_NOINTERFACE;
    }
    if refer(runtime, slot) == 0 {
        return Hresult::E_OUTOFMEMORY;
    }
    *out = this;
    Hresult::S_OK
}

unsafe extern "system" fn add_ref<P: Port, S: Storage>(this: *mut ()) -> u32 {
    // SAFETY: the caller's: it holds a reference
    let parts = unsafe { parts::<P, S>(this) };
    parts.map_or(0, |(runtime, slot)| refer(runtime, slot))
}

/// One reference more; the count then, or 0 if there is none more to be had. A call context that was handed back by
/// `CoSwitchCallContext` may have none so far: then the first brings the pin that all share. Until then the serving keeps the slot.
fn refer<P: Port, S: Storage>(runtime: &Runtime<P, S>, slot: Slot<'_>) -> u32 {
    let mut before = slot.1.add_to_references();
    if before == 0 {
        // the pin before the count, as in `hand_out`: others who count on must not count on a pin that never comes
        if slot.1.transition(None, State::pin_reserved).is_err() {
            return 0;
        }
        before = slot.1.add_reference();
        if before != 0 {
            runtime.unpin(slot);
        }
    }
    before.saturating_add(1)
}

unsafe extern "system" fn release<P: Port, S: Storage>(this: *mut ()) -> u32 {
    // SAFETY: the caller's: it holds the reference that it gives up
    let parts = unsafe { parts::<P, S>(this) };
    let Some((runtime, slot)) = parts else { return 0 };
    let before = slot.1.drop_reference();
    if before == 1 {
        runtime.unpin(slot);
    }
    before.saturating_sub(1)
}

unsafe extern "system" fn cancel<P: Port, S: Storage>(this: *mut (), seconds: u32) -> Hresult {
    // SAFETY: the caller's: it holds a reference
    match unsafe { parts::<P, S>(this) } {
        Some((runtime, slot)) => runtime.request(slot, Timeout::seconds(seconds), Canceller::Anybody, Waiting::Allowed),
        None => Hresult::E_INVALIDARG,
    }
}

unsafe extern "system" fn test_cancel<P: Port, S: Storage>(this: *mut ()) -> Hresult {
    // SAFETY: the caller's: it holds a reference
    let parts = unsafe { parts::<P, S>(this) };
    parts.map_or(Hresult::E_INVALIDARG, |(_, (_, slot))| tested(slot.state()))
}

#[cfg(test)]
mod tests {
    use super::position;

    /// In a table of elements of so many words.
    fn find_all<const WORDS: usize>() {
        let table = [[0_usize; WORDS]; 5];
        let (start, size) = (table.as_ptr().addr(), size_of::<[usize; WORDS]>());
        for index in 0..5 {
            assert_eq!(position(&table, start + index * size), Some(index as u32), "{WORDS} words");
        }
        assert_eq!([position(&table, start + 5 * size), position(&table, start.wrapping_sub(size))], [None; 2]);
    }

    #[test]
    fn elements_of_any_size_are_found() {
        find_all::<1>();
        find_all::<3>();
        find_all::<5>();
        find_all::<7>();
        find_all::<8>();
        find_all::<11>();
        find_all::<12>();
    }
}
