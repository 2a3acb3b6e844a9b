//! Atomics for this crate's unit tests: they count the read-modify-writes of the calling thread.

#![allow(clippy::disallowed_types)] // the types that every other module must not name

use core::sync::atomic::{AtomicPtr as RawPtr, AtomicU32 as RawU32};
use std::cell::Cell;

pub(crate) use core::sync::atomic::Ordering;

std::thread_local! {
    static READ_MODIFY_WRITES: Cell<u32> = const { Cell::new(0) };
}

/// Runs `work` and returns how many read-modify-writes it did on this thread.
pub(crate) fn read_modify_writes(work: impl FnOnce()) -> u32 {
    let before = READ_MODIFY_WRITES.get();
    work();
    READ_MODIFY_WRITES.get() - before
}

fn count() {
    READ_MODIFY_WRITES.set(READ_MODIFY_WRITES.get() + 1);
}

#[derive(Debug)]
pub(crate) struct AtomicU32(RawU32);

impl AtomicU32 {
    pub(crate) const fn new(value: u32) -> Self {
        Self(RawU32::new(value))
    }
    pub(crate) fn load(&self, order: Ordering) -> u32 {
        self.0.load(order)
    }
    pub(crate) fn store(&self, value: u32, order: Ordering) {
        self.0.store(value, order);
    }
    pub(crate) fn swap(&self, value: u32, order: Ordering) -> u32 {
        count();
        self.0.swap(value, order)
    }
    pub(crate) fn compare_exchange(
        &self,
        current: u32,
        new: u32,
        success: Ordering,
        failure: Ordering,
    ) -> Result<u32, u32> {
        count();
        self.0.compare_exchange(current, new, success, failure)
    }
}

#[derive(Debug)]
pub(crate) struct AtomicPtr<T>(RawPtr<T>);

impl<T> AtomicPtr<T> {
    pub(crate) const fn new(value: *mut T) -> Self {
        Self(RawPtr::new(value))
    }
    pub(crate) fn load(&self, order: Ordering) -> *mut T {
        self.0.load(order)
    }
    pub(crate) fn store(&self, value: *mut T, order: Ordering) {
        self.0.store(value, order);
    }
    pub(crate) fn compare_exchange(
        &self,
        current: *mut T,
        new: *mut T,
        success: Ordering,
        failure: Ordering,
    ) -> Result<*mut T, *mut T> {
        count();
        self.0.compare_exchange(current, new, success, failure)
    }
}
