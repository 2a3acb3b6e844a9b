//! Atomics that call a hook of the calling thread's before each operation: under `--cfg cocancel_steps` only, for tests that stop a thread
//! for ever at every step of an operation, or count an operation's steps.

#![allow(clippy::disallowed_types)] // the types that every other module must not name

pub(crate) use core::sync::atomic::Ordering;

use core::sync::atomic::{AtomicPtr as RawPtr, AtomicU32 as RawU32};
use std::cell::Cell;

std::thread_local! {
    static HOOK: Cell<Option<fn()>> = const { Cell::new(None) };
}

/// From now on `hook` runs before each atomic operation of the library's on the calling thread. It may never return. Exists under
/// `--cfg cocancel_steps` only.
pub fn before_each_atomic_operation(hook: Option<fn()>) {
    HOOK.set(hook);
}

fn step() {
    if let Some(hook) = HOOK.get() {
        hook();
    }
}

#[derive(Debug)]
#[repr(transparent)]
pub(crate) struct AtomicU32(RawU32);

impl AtomicU32 {
    pub(crate) const fn new(value: u32) -> Self {
        Self(RawU32::new(value))
    }
    pub(crate) fn load(&self, order: Ordering) -> u32 {
        step();
        self.0.load(order)
    }
    pub(crate) fn store(&self, value: u32, order: Ordering) {
        step();
        self.0.store(value, order);
    }
    pub(crate) fn swap(&self, value: u32, order: Ordering) -> u32 {
        step();
        self.0.swap(value, order)
    }
    pub(crate) fn compare_exchange(
        &self,
        current: u32,
        new: u32,
        success: Ordering,
        failure: Ordering,
    ) -> Result<u32, u32> {
        step();
        self.0.compare_exchange(current, new, success, failure)
    }
}

#[derive(Debug)]
#[repr(transparent)]
pub(crate) struct AtomicPtr<T>(RawPtr<T>);

impl<T> AtomicPtr<T> {
    pub(crate) const fn new(value: *mut T) -> Self {
        Self(RawPtr::new(value))
    }
    pub(crate) fn load(&self, order: Ordering) -> *mut T {
        step();
        self.0.load(order)
    }
    pub(crate) fn store(&self, value: *mut T, order: Ordering) {
        step();
        self.0.store(value, order);
    }
    pub(crate) fn compare_exchange(
        &self,
        current: *mut T,
        new: *mut T,
        success: Ordering,
        failure: Ordering,
    ) -> Result<*mut T, *mut T> {
        step();
        self.0.compare_exchange(current, new, success, failure)
    }
}
