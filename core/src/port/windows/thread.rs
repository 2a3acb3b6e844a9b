//! One word for each thread, and its end.
//!
//! The word is in thread-local storage. A fiber-local slot beside it is there for its callback only, which runs when a thread ends.
//! It holds the base of the stack on which the thread first used the library: the callback also runs on a living thread, for a fiber
//! that it deletes, and on the unloading thread for all others. That is another stack then. A thread stays on its stack when it becomes a
//! fiber or is none any more, so the base says more than the fiber's address.
//!
//! The slot belongs to the fiber: a thread that ends on another one than it first used the library on is not heard of here. It is
//! detached by [`thread_detach`](super::thread_detach), or when another thread gets its id.

use core::arch::asm;
use core::ffi::c_void;
use core::ptr::without_provenance_mut;

use super::system::{self, OUT_OF_INDEXES, quietly};
use crate::sync::AtomicU32;
use crate::sync::Ordering::{AcqRel, Acquire};

/// A slot's index and 1; 0: none yet.
static WORD: AtomicU32 = AtomicU32::new(0);
static END: AtomicU32 = AtomicU32::new(0);

/// What this thread gave to `set_local`.
#[inline]
pub(super) fn local() -> u32 {
    // Acquire: pairs with `reserve`
    match WORD.load(Acquire).checked_sub(1) {
        None => 0,
        // SAFETY: the index is of `TlsAlloc`
        Some(index) => quietly(|| unsafe { system::TlsGetValue(index) }).addr() as u32,
    }
}

/// Stores it. Without a free index nothing is stored: the thread then gets no slot.
pub(super) fn set_local(value: u32) {
    quietly(|| {
        // SAFETY: no more than allocating and freeing indices
        let Some(index) = reserve(&WORD, || unsafe { system::TlsAlloc() }, |index| unsafe { system::TlsFree(index) })
        else {
            return;
        };
        // SAFETY: the index is of `TlsAlloc`
        unsafe { system::TlsSetValue(index, without_provenance_mut(value as usize)) };
        if value != 0 {
            watch_end();
        }
    });
}

/// Has the calling thread detached when it ends on this stack.
fn watch_end() {
    // SAFETY: no more than allocating and freeing indices; the callback stays until `free`
    if let Some(index) = reserve(&END, || unsafe { system::FlsAlloc(ended) }, |index| unsafe { system::FlsFree(index) })
    {
        // SAFETY: the index is of `FlsAlloc`
        unsafe { system::FlsSetValue(index, stack_base()) };
    }
}

/// The index that stands in `place`, or a new one. Of two who allocate at once the second gives its own back.
fn reserve(place: &AtomicU32, allocate: impl FnOnce() -> u32, free: impl FnOnce(u32) -> i32) -> Option<u32> {
    // Acquire: pairs with the release below
    if let Some(index) = place.load(Acquire).checked_sub(1) {
        return Some(index);
    }
    let index = allocate();
    if index == OUT_OF_INDEXES {
        return None;
    }
    // AcqRel: whoever sees the index may use it; acquire, also on failure: as the load
    match place.compare_exchange(0, index + 1, AcqRel, Acquire) {
        Ok(_) => Some(index),
        Err(first) => {
            free(index);
            Some(first - 1)
        }
    }
}

/// A thread ends, or a fiber is deleted, or the module is unloaded.
unsafe extern "system" fn ended(base: *mut c_void) {
    if base == stack_base() {
        super::thread_detach();
    }
}

/// Where the stack begins that the calling thread runs on, `NT_TIB::StackBase`: never null, and as long as it is there no other's.
fn stack_base() -> *mut c_void {
    let base;
    // SAFETY: every thread has that block, and with the stack the system changes what stands there
    #[cfg(target_arch = "x86_64")]
    unsafe {
        asm!("mov {}, gs:[8]", out(reg) base, options(nostack, preserves_flags, readonly));
    }
    // SAFETY: as above
    #[cfg(target_arch = "x86")]
    unsafe {
        asm!("mov {}, fs:[4]", out(reg) base, options(nostack, preserves_flags, readonly));
    }
    // SAFETY: as above
    #[cfg(any(target_arch = "aarch64", target_arch = "arm64ec"))]
    unsafe {
        asm!("ldr {}, [x18, #8]", out(reg) base, options(nostack, preserves_flags, readonly));
    }
    // SAFETY: as above
    #[cfg(target_arch = "arm")]
    unsafe {
        asm!("mrc p15, 0, {0}, c13, c0, 2", "ldr {0}, [{0}, #4]", out(reg) base, options(nostack, preserves_flags, readonly));
    }
    base
}

/// Gives both slots back.
///
/// # Safety
///
/// As [`unload`](super::unload).
pub(super) unsafe fn free() {
    // AcqRel, both: nobody uses the index after this
    if let Some(index) = END.swap(0, AcqRel).checked_sub(1) {
        // SAFETY: the index is of `FlsAlloc`
        unsafe { system::FlsFree(index) };
    }
    if let Some(index) = WORD.swap(0, AcqRel).checked_sub(1) {
        // SAFETY: the index is of `TlsAlloc`
        unsafe { system::TlsFree(index) };
    }
}
