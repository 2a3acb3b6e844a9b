//! A custom cancel object that notices when it is used after its end.

use std::ffi::c_void;

use cocancel::Hresult;
use cocancel::com::Guid;
use cocancel::com::object::Vtable;
use loom::cell::{Cell, UnsafeCell};
use loom::sync::atomic::{AtomicU32, Ordering};

use crate::ID;

/// A COM object in Rust, with `ICancelMethodCalls`. Its memory outlives its end, so that a use after it is seen.
#[repr(C)]
pub struct CustomObject {
    vtable: &'static Vtable,
    references: AtomicU32,
    alive: UnsafeCell<bool>,
    /// How often Cancel was called.
    pub cancels: std::sync::atomic::AtomicU32,
    end: Option<Box<dyn Fn() + Send + Sync>>,
}

static VTABLE: Vtable = Vtable { query_interface, add_ref, release, cancel, test_cancel };

// SAFETY: `alive` is guarded by the count, which loom checks
unsafe impl Sync for CustomObject {}
// SAFETY: as above
unsafe impl Send for CustomObject {}

impl CustomObject {
    /// An object to which its creator holds the one reference.
    #[must_use]
    pub fn new() -> &'static CustomObject {
        Self::made(None)
    }

    /// An object whose last `Release` does that much more.
    #[must_use]
    pub fn that_ends_with(end: impl Fn() + Send + Sync + 'static) -> &'static CustomObject {
        Self::made(Some(Box::new(end)))
    }

    fn made(end: Option<Box<dyn Fn() + Send + Sync>>) -> &'static CustomObject {
        Box::leak(Box::new(CustomObject {
            vtable: &VTABLE,
            references: AtomicU32::new(1),
            alive: UnsafeCell::new(true),
            cancels: std::sync::atomic::AtomicU32::new(0),
            end,
        }))
    }

    /// As a COM pointer.
    #[must_use]
    pub fn unknown(&'static self) -> *mut () {
        (&raw const *self).cast_mut().cast()
    }

    /// `Release`.
    pub fn release(&'static self) {
        // SAFETY: it is one of ours
        unsafe { release(self.unknown()) };
    }

    /// Whether its last reference is gone.
    #[must_use]
    pub fn is_dead(&self) -> bool {
        // SAFETY: read by loom's rules
        self.references.load(Ordering::Acquire) == 0 && self.alive.with(|alive| unsafe { !*alive })
    }

    fn assert_alive(&self) {
        // SAFETY: read by loom's rules: a concurrent end is reported
        self.alive.with(|alive| assert!(unsafe { *alive }, "used after its end"));
    }
}

fn of(this: *mut ()) -> &'static CustomObject {
    assert_ne!(ID.with(Cell::get), 0, "foreign code in an interrupt handler");
    // SAFETY: the library calls the methods with the pointer it was given
    unsafe { &*this.cast::<CustomObject>() }
}

unsafe extern "system" fn query_interface(this: *mut (), _: *const Guid, out: *mut *mut ()) -> Hresult {
    // SAFETY: as below
    unsafe { add_ref(this) };
    // SAFETY: the library's out pointer
    unsafe { *out = this };
    Hresult::S_OK
}

unsafe extern "system" fn add_ref(this: *mut ()) -> u32 {
    let object = of(this);
    object.assert_alive();
    let before = object.references.fetch_add(1, Ordering::Relaxed);
    assert!(before > 0, "revived");
    before + 1
}

unsafe extern "system" fn release(this: *mut ()) -> u32 {
    let object = of(this);
    let before = object.references.fetch_sub(1, Ordering::AcqRel);
    assert!(before > 0, "released once too often");
    if before == 1 {
        // SAFETY: the last reference; loom reports whoever still reads
        object.alive.with_mut(|alive| unsafe { *alive = false });
        if let Some(end) = &object.end {
            end();
        }
    }
    before - 1
}

unsafe extern "system" fn cancel(this: *mut (), _: u32) -> Hresult {
    of(this).assert_alive();
    of(this).cancels.fetch_add(1, Ordering::Relaxed);
    Hresult::E_FAIL
}

unsafe extern "system" fn test_cancel(this: *mut ()) -> Hresult {
    of(this).assert_alive();
    Hresult::RPC_S_CALLPENDING
}

/// Calls `Release` of any COM object.
///
/// # Safety
///
/// A reference to it is held.
pub unsafe fn release_any(object: *mut c_void) {
    // SAFETY: a COM object begins with its vtable pointer
    let vtable = unsafe { *object.cast::<*const Vtable>() };
    // SAFETY: as above
    unsafe { ((*vtable).release)(object.cast()) };
}

/// Calls `ICancelMethodCalls::Cancel` of any such object, with timeout 0.
///
/// # Safety
///
/// A reference to it is held.
pub unsafe fn cancel_any(object: *mut c_void) -> Hresult {
    // SAFETY: a COM object begins with its vtable pointer
    let vtable = unsafe { *object.cast::<*const Vtable>() };
    // SAFETY: as above
    unsafe { ((*vtable).cancel)(object.cast(), 0) }
}
