//! A foreign COM object: what it does when it is released may call back into the library.

use std::cell::{Cell, RefCell};

use cocancel::Hresult;
use cocancel::com::Guid;
use cocancel::com::object::Vtable;

/// A custom cancel object whose last `Release` does something.
#[repr(C)]
pub struct Custom {
    vtable: &'static Vtable,
    /// How many refer to it.
    pub references: Cell<u32>,
    when_released: RefCell<Option<Box<dyn FnOnce()>>>,
}

static VTABLE: Vtable = Vtable { query_interface, add_ref, release, cancel, test_cancel };

/// One that does this; never freed.
pub fn custom(when_released: impl FnOnce() + 'static) -> *mut () {
    let when_released = RefCell::new(Some(Box::new(when_released) as Box<dyn FnOnce()>));
    let object: &'static Custom =
        Box::leak(Box::new(Custom { vtable: &VTABLE, references: Cell::new(0), when_released }));
    (&raw const *object).cast_mut().cast()
}

/// Its parts.
pub fn parts(this: *mut ()) -> &'static Custom {
    // SAFETY: made by `custom`, never freed, and of this test's thread
    unsafe { &*this.cast::<Custom>() }
}

unsafe extern "system" fn query_interface(this: *mut (), _: *const Guid, out: *mut *mut ()) -> Hresult {
    // SAFETY: the library's pointer
    unsafe { *out = this };
    parts(this).references.set(parts(this).references.get() + 1);
    Hresult::S_OK
}

unsafe extern "system" fn add_ref(this: *mut ()) -> u32 {
    parts(this).references.set(parts(this).references.get() + 1);
    parts(this).references.get()
}

unsafe extern "system" fn release(this: *mut ()) -> u32 {
    let left = parts(this).references.get() - 1;
    parts(this).references.set(left);
    if left == 0 {
        parts(this).when_released.take().expect("once")();
    }
    left
}

unsafe extern "system" fn cancel(_: *mut (), _: u32) -> Hresult {
    Hresult::S_OK
}

unsafe extern "system" fn test_cancel(_: *mut ()) -> Hresult {
    Hresult::RPC_S_CALLPENDING
}
