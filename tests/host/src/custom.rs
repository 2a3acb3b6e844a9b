//! COM objects of the tests' own: cancel objects and call contexts.

use std::sync::atomic::{AtomicU32, Ordering};

use cocancel::Hresult;
use cocancel::com::Guid;
use cocancel::com::guid::{IID_ICANCEL_METHOD_CALLS, IID_IUNKNOWN};
use cocancel::com::object::Vtable;
use cocancel_model::CustomObject;
use parking_lot::Mutex;

/// One of them. It lives until its maker ends it; its references are only counted.
#[derive(Debug)]
#[repr(C)]
pub struct Custom {
    /// First, as COM wants it.
    vtable: &'static Vtable,
    references: AtomicU32,
    behaviour: CustomObject,
    /// The timeouts, in seconds, that its `Cancel` was given.
    cancels: Mutex<Vec<u32>>,
}

static VTABLE: Vtable = Vtable { query_interface, add_ref, release, cancel, test_cancel };

impl Custom {
    /// An object to which nobody has a reference.
    pub fn new(behaviour: CustomObject) -> &'static Self {
        let custom = Self { vtable: &VTABLE, references: AtomicU32::new(0), behaviour, cancels: Mutex::default() };
        crate::forever(custom)
    }

    /// The object goes.
    ///
    /// # Safety
    ///
    /// Nobody uses it any more.
    pub unsafe fn end(&'static self) {
        assert_eq!(self.references(), 0, "references are left");
        // SAFETY: leaked in `new`, and the caller's
        drop(unsafe { Box::from_raw((&raw const *self).cast_mut()) });
    }

    /// The object as COM functions take it.
    pub fn object(&'static self) -> *mut () {
        (&raw const *self).cast_mut().cast()
    }

    /// How many references are held.
    pub fn references(&self) -> usize {
        // Relaxed: only the count itself
        self.references.load(Ordering::Relaxed) as usize
    }

    /// The timeouts, in seconds, that its `Cancel` was given since the last time.
    pub fn cancels(&self) -> Vec<u32> {
        std::mem::take(&mut self.cancels.lock())
    }
}

/// # Safety
///
/// `this` is a [`Custom`].
unsafe fn custom<'a>(this: *mut ()) -> &'a Custom {
    // SAFETY: the caller's: who calls it has a reference, or has it installed, and so it lives
    unsafe { &*this.cast::<Custom>() }
}

unsafe extern "system" fn query_interface(this: *mut (), iid: *const Guid, out: *mut *mut ()) -> Hresult {
    // SAFETY: called through the vtable of a `Custom`, with a GUID
    let (custom, iid) = unsafe { (custom(this), *iid) };
    let is_known = iid == IID_IUNKNOWN || iid == IID_ICANCEL_METHOD_CALLS && custom.behaviour.has_cancel;
    if is_known {
        // Relaxed: only the count itself
        custom.references.fetch_add(1, Ordering::Relaxed);
    }
    // SAFETY: called with a place for the interface
    unsafe { *out = if is_known { this } else { std::ptr::null_mut() } };
    if is_known { Hresult::S_OK } else { Hresult::E_NOINTERFACE }
}

unsafe extern "system" fn add_ref(this: *mut ()) -> u32 {
    // SAFETY: called through the vtable of a `Custom`. Relaxed: only the count itself
    unsafe { custom(this) }.references.fetch_add(1, Ordering::Relaxed) + 1
}

unsafe extern "system" fn release(this: *mut ()) -> u32 {
    // SAFETY: called through the vtable of a `Custom`. Relaxed: only the count itself
    let before = unsafe { custom(this) }.references.fetch_sub(1, Ordering::Relaxed);
    assert_ne!(before, 0, "released more often than referred to");
    before - 1
}

unsafe extern "system" fn cancel(this: *mut (), seconds: u32) -> Hresult {
    // SAFETY: called through the vtable of a `Custom`
    let custom = unsafe { custom(this) };
    assert!(custom.behaviour.has_cancel && custom.references() > 0);
    custom.cancels.lock().push(seconds);
    Hresult(custom.behaviour.cancel as i32)
}

unsafe extern "system" fn test_cancel(this: *mut ()) -> Hresult {
    // SAFETY: called through the vtable of a `Custom`
    let custom = unsafe { custom(this) };
    assert!(custom.behaviour.has_cancel && custom.references() > 0);
    Hresult(custom.behaviour.test as i32)
}
