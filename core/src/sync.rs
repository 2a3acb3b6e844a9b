//! The only place that names atomics.
//!
//! One switch decides where they come from: the target's own, `portable-atomic` where the target has no compare-exchange,
//! loom's under `--cfg loom`, ones with a hook before each operation under `--cfg cocancel_steps`, and counting ones in this crate's own
//! unit tests. Every other module uses the names below.

pub(crate) use imp::{AtomicPtr, AtomicU32, Ordering};

/// A pointer that foreign code reads as a plain one: never loom's, whose layout is another.
#[cfg(feature = "com")]
pub(crate) use foreign::AtomicPtr as ForeignPtr;

#[cfg(all(feature = "com", target_has_atomic = "32", not(cocancel_steps)))]
use core::sync::atomic as foreign;
#[cfg(all(feature = "com", not(target_has_atomic = "32")))]
use emulated as foreign;
#[cfg(all(feature = "com", cocancel_steps))]
use stepped as foreign;

#[cfg(all(not(test), not(loom), not(cocancel_steps), target_has_atomic = "32"))]
mod imp {
    pub(crate) use core::sync::atomic::{AtomicPtr, AtomicU32, Ordering};
}

#[cfg(not(any(target_has_atomic = "32", feature = "critical-section", feature = "unsafe-assume-single-core")))]
compile_error!(
    "this target has no compare-exchange: enable the feature `critical-section` or `unsafe-assume-single-core`"
);

#[cfg(not(target_has_atomic = "32"))]
mod emulated;
#[cfg(all(not(test), not(loom), not(target_has_atomic = "32")))]
use emulated as imp;

#[cfg(loom)]
mod imp {
    pub(crate) use loom::sync::atomic::{AtomicPtr, AtomicU32, Ordering};
}

#[cfg(cocancel_steps)]
pub(crate) mod stepped;
#[cfg(all(cocancel_steps, not(test), not(loom)))]
use stepped as imp;

#[cfg(all(test, not(loom)))]
pub(crate) mod counted;
#[cfg(all(test, not(loom)))]
use counted as imp;

/// Declares a `const fn`, except under loom, whose atomics have no const constructor.
macro_rules! const_fn {
    ($(#[$meta:meta])* $vis:vis const fn $name:ident() -> $ret:ty $body:block) => {
        #[cfg(not(loom))]
        $(#[$meta])* $vis const fn $name() -> $ret $body
        #[cfg(loom)]
        $(#[$meta])* $vis fn $name() -> $ret $body
    };
}
pub(crate) use const_fn;

/// Whether a word that somebody may wait on still has that value.
///
/// # Safety
///
/// `word` is one of the atomics of a live runtime.
#[cfg(all(feature = "posix", not(target_os = "linux"), not(test), not(loom)))]
pub(crate) unsafe fn still_is(word: *const u32, value: u32) -> bool {
    // SAFETY: the caller's. Acquire: the waiter looks at the call again if not
    unsafe { AtomicU32::from_ptr(word.cast_mut()) }.load(Ordering::Acquire) == value
}
