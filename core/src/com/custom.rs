//! Foreign COM objects: custom cancel objects and call contexts. Never called under a claim, nor in an interrupt handler.
//!
//! Every pointer here is one that the host gave with a COM function, whose contract makes it a live COM object for as long as
//! the library holds the reference it took (or, for a call context, as long as it is installed).

use super::guid::{Guid, IID_ICANCEL_METHOD_CALLS};
use super::object::Vtable;
use crate::hresult::Hresult;

/// The methods of a foreign object; beyond the first three only once it answered to `ICancelMethodCalls`.
///
/// # Safety
///
/// `object` is a live COM object.
unsafe fn methods(object: *mut ()) -> *const Vtable {
    // SAFETY: the caller's; a COM object begins with its vtable pointer
    unsafe { *object.cast::<*const Vtable>() }
}

/// `QueryInterface`.
///
/// # Safety
///
/// `object` is a live COM object.
pub(crate) unsafe fn query(object: *mut (), iid: &Guid) -> Result<*mut (), Hresult> {
    let mut out = core::ptr::null_mut();
    // SAFETY: the caller's
    let vtable = unsafe { methods(object) };
    // SAFETY: every vtable begins with the three methods of IUnknown
    let query_interface = unsafe { (*vtable).query_interface };
    // SAFETY: called as COM wants it
    let code = unsafe { query_interface(object, iid, &raw mut out) };
    // whatever it refuses with: callers are promised this code
    if code.is_err() || out.is_null() { Err(Hresult::E_NOINTERFACE) } else { Ok(out) }
}

/// The object's `ICancelMethodCalls`, with a reference.
///
/// # Safety
///
/// `object` is a live COM object.
pub(crate) unsafe fn query_cancel(object: *mut ()) -> Result<*mut (), Hresult> {
    // SAFETY: the caller's
    unsafe { query(object, &IID_ICANCEL_METHOD_CALLS) }
}

/// `AddRef`.
///
/// # Safety
///
/// `object` is a live COM object.
pub(crate) unsafe fn add_ref(object: *mut ()) {
    // SAFETY: the caller's
    let vtable = unsafe { methods(object) };
    // SAFETY: as in `query`
    let add_ref = unsafe { (*vtable).add_ref };
    // SAFETY: called as COM wants it
    unsafe { add_ref(object) };
}

/// `Release` of a reference that the library holds.
pub(crate) fn release(object: *mut ()) {
    // SAFETY: the library holds a reference, so it is live
    let vtable = unsafe { methods(object) };
    // SAFETY: as in `query`
    let release = unsafe { (*vtable).release };
    // SAFETY: called as COM wants it
    unsafe { release(object) };
}

/// `ICancelMethodCalls::Cancel`.
///
/// # Safety
///
/// `object` is a live `ICancelMethodCalls`.
pub(crate) unsafe fn cancel(object: *mut (), seconds: u32) -> Hresult {
    // SAFETY: the caller's
    let vtable = unsafe { methods(object) };
    // SAFETY: the caller's: the vtable is that of the interface
    let cancel = unsafe { (*vtable).cancel };
    // SAFETY: called as COM wants it
    unsafe { cancel(object, seconds) }
}

/// `ICancelMethodCalls::TestCancel`.
///
/// # Safety
///
/// `object` is a live `ICancelMethodCalls`.
pub(crate) unsafe fn test_cancel(object: *mut ()) -> Hresult {
    // SAFETY: the caller's
    let vtable = unsafe { methods(object) };
    // SAFETY: the caller's: the vtable is that of the interface
    let test_cancel = unsafe { (*vtable).test_cancel };
    // SAFETY: called as COM wants it
    unsafe { test_cancel(object) }
}
