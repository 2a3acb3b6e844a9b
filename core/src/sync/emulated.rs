//! Atomics for targets that have loads and stores but no compare-exchange: portable-atomic's, each read-modify-write in a function of its own.
//!
//! Inlined, other instructions would be moved between the masking of interrupts and the end of it, and every copy takes room. The
//! orderings are fixed, the strongest that anybody here asks for: on the single core that such a target has they cost nothing, and of
//! constants no check is left. Loads and stores are the target's own.

pub(crate) use core::sync::atomic::Ordering;

use core::sync::atomic::{AtomicPtr as RawPtr, AtomicU32 as RawU32};

#[derive(Debug)]
#[repr(transparent)]
pub(crate) struct AtomicU32(RawU32);

impl AtomicU32 {
    pub(crate) const fn new(value: u32) -> Self {
        Self(RawU32::new(value))
    }

    #[inline]
    pub(crate) fn load(&self, order: Ordering) -> u32 {
        self.0.load(order)
    }

    #[inline]
    pub(crate) fn store(&self, value: u32, order: Ordering) {
        self.0.store(value, order);
    }

    #[inline(never)]
    pub(crate) fn swap(&self, value: u32, _: Ordering) -> u32 {
        // AcqRel: the strongest, see above
        self.portable().swap(value, Ordering::AcqRel)
    }

    #[inline(never)]
    pub(crate) fn compare_exchange(&self, current: u32, new: u32, _: Ordering, _: Ordering) -> Result<u32, u32> {
        // AcqRel, and Acquire on failure: the strongest, see above
        self.portable().compare_exchange(current, new, Ordering::AcqRel, Ordering::Acquire)
    }

    fn portable(&self) -> &portable_atomic::AtomicU32 {
        // SAFETY: an atomic of the same size, alignment and lifetime; whoever else touches it does so by atomic operations
        unsafe { portable_atomic::AtomicU32::from_ptr(self.0.as_ptr()) }
    }
}

#[derive(Debug)]
#[repr(transparent)]
pub(crate) struct AtomicPtr<T>(RawPtr<T>);

impl<T> AtomicPtr<T> {
    pub(crate) const fn new(value: *mut T) -> Self {
        Self(RawPtr::new(value))
    }

    #[inline]
    pub(crate) fn load(&self, order: Ordering) -> *mut T {
        self.0.load(order)
    }

    #[inline]
    pub(crate) fn store(&self, value: *mut T, order: Ordering) {
        self.0.store(value, order);
    }

    #[inline(never)]
    pub(crate) fn compare_exchange(
        &self,
        current: *mut T,
        new: *mut T,
        _: Ordering,
        _: Ordering,
    ) -> Result<*mut T, *mut T> {
        // SAFETY: as in `AtomicU32::portable`
        let portable = unsafe { portable_atomic::AtomicPtr::from_ptr(self.0.as_ptr()) };
        // AcqRel, and Acquire on failure: the strongest, see above
        portable.compare_exchange(current, new, Ordering::AcqRel, Ordering::Acquire)
    }
}
