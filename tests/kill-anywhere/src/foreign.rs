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
    when_called: fn(&Custom),
    when_released: RefCell<Option<Box<dyn FnOnce()>>>,
}

static VTABLE: Vtable = Vtable { query_interface, add_ref, release, cancel, test_cancel };

/// One that does this; never freed.
pub fn custom(when_released: impl FnOnce() + 'static) -> *mut () {
    custom_called(|custom| assert!(!custom.is_gone(), "called when it was gone"), when_released)
}

/// The same; what it does first whenever one of its methods is called, `when_called`, has to look whether it is gone.
pub fn custom_called(when_called: fn(&Custom), when_released: impl FnOnce() + 'static) -> *mut () {
    let when_released = RefCell::new(Some(Box::new(when_released) as Box<dyn FnOnce()>));
    let object: &'static Custom =
        Box::leak(Box::new(Custom { vtable: &VTABLE, references: Cell::new(0), when_called, when_released }));
    (&raw const *object).cast_mut().cast()
}

/// Its parts.
pub fn parts(this: *mut ()) -> &'static Custom {
    // SAFETY: made by `custom`, never freed, and of this test's thread
    unsafe { &*this.cast::<Custom>() }
}

impl Custom {
    /// Whether its last reference was released.
    pub fn is_gone(&self) -> bool {
        self.when_released.borrow().is_none()
    }
}

/// Its parts, when one of its methods is called.
fn called(this: *mut ()) -> &'static Custom {
    let custom = parts(this);
    (custom.when_called)(custom);
    custom
}

unsafe extern "system" fn query_interface(this: *mut (), _: *const Guid, out: *mut *mut ()) -> Hresult {
    let custom = called(this);
    // SAFETY: the library's pointer
    unsafe { *out = this };
    custom.references.set(custom.references.get() + 1);
    Hresult::S_OK
}

unsafe extern "system" fn add_ref(this: *mut ()) -> u32 {
    let custom = called(this);
    custom.references.set(custom.references.get() + 1);
    custom.references.get()
}

unsafe extern "system" fn release(this: *mut ()) -> u32 {
    let custom = called(this);
    let left = custom.references.get().wrapping_sub(1);
    custom.references.set(left);
    let goes = if left == 0 { custom.when_released.take() } else { None };
    if let Some(when_released) = goes {
        when_released();
    }
    left
}

unsafe extern "system" fn cancel(this: *mut (), _: u32) -> Hresult {
    called(this);
    Hresult::S_OK
}

unsafe extern "system" fn test_cancel(this: *mut ()) -> Hresult {
    called(this);
    Hresult::RPC_S_CALLPENDING
}
