//! A thread slot: what the library knows of one thread.
//!
//! Only the thread itself writes its slot, with plain stores; others read `id` and `top` to find what to cancel.

use crate::call::CallSlot;
use crate::stack::Head;
#[cfg(feature = "com")]
use crate::sync::AtomicPtr;
use crate::sync::Ordering::{Acquire, Relaxed, Release};
use crate::sync::{AtomicU32, const_fn};

/// The storage of one thread: on hosts two cache lines, with the thread's *home* call slot in them, so that an uncontended call
/// shares no line and needs no claim, and a canceller finds all it needs in the first; 16 bytes on targets without an operating
/// system (20 with `com`).
#[derive(Debug)]
#[repr(C)]
#[cfg_attr(not(target_os = "none"), repr(align(64)))]
pub struct ThreadSlot {
    id: AtomicU32,
    enabled: AtomicU32,
    top: AtomicU32,
    serving: AtomicU32,
    /// The current call context: a standard object, a custom one, or null.
    #[cfg(feature = "com")]
    context: AtomicPtr<()>,
    #[cfg(not(target_os = "none"))]
    home: CallSlot,
}

/// How far the enable counter goes.
pub(crate) const MAX_ENABLED: u32 = 0xffff;

impl ThreadSlot {
    const_fn! {
        /// A free slot.
        #[must_use]
        pub const fn new() -> Self {
            Self {
                id: AtomicU32::new(0),
                enabled: AtomicU32::new(0),
                top: AtomicU32::new(0),
                serving: AtomicU32::new(0),
                #[cfg(feature = "com")]
                context: AtomicPtr::new(core::ptr::null_mut()),
                #[cfg(not(target_os = "none"))]
                home: CallSlot::new(),
            }
        }
    }

    /// Where in a thread slot its home slot stands.
    #[cfg(not(target_os = "none"))]
    pub(crate) const HOME: Option<usize> = Some(core::mem::offset_of!(ThreadSlot, home));
    /// Where in a thread slot its home slot stands.
    #[cfg(target_os = "none")]
    pub(crate) const HOME: Option<usize> = None;

    /// The thread's own call slot, where there is one.
    #[cfg(not(target_os = "none"))]
    #[inline]
    pub(crate) fn home(&self) -> Option<&CallSlot> {
        Some(&self.home)
    }

    /// The thread's own call slot, where there is one.
    #[cfg(target_os = "none")]
    #[inline]
    pub(crate) fn home(&self) -> Option<&CallSlot> {
        None
    }

    /// The thread's id, 0 for a free slot.
    #[inline]
    pub(crate) fn id(&self) -> u32 {
        // Acquire: pairs with `release`, so that a later look at `top` is not older than this id. It also keeps the two
        // re-reads after a pin in their order: id first, then top
        self.id.load(Acquire)
    }

    /// Takes a free slot for the thread `id`.
    #[inline]
    pub(crate) fn claim(&self, id: u32) -> bool {
        // Relaxed: only a hint
        if self.id.load(Relaxed) != 0 {
            return false;
        }
        // Acquire: pairs with `release` of the thread that had it; its last writes come before ours.
        // Relaxed on failure: somebody else took it
        self.id.compare_exchange(0, id, Acquire, Relaxed).is_ok()
    }

    /// Gives the slot back. Everything in it has been reset before.
    #[inline]
    pub(crate) fn release(&self) {
        // Release: pairs with `claim` and `id`
        self.id.store(0, Release);
    }

    #[inline]
    pub(crate) fn enabled(&self) -> u32 {
        // Relaxed: only its own thread reads and writes it
        self.enabled.load(Relaxed)
    }

    #[inline]
    pub(crate) fn set_enabled(&self, count: u32) {
        // Relaxed: only its own thread reads and writes it
        self.enabled.store(count, Relaxed);
    }

    /// The calls this thread has out, as others see them.
    #[inline]
    pub(crate) fn top(&self) -> Head {
        // Acquire: pairs with `set_top`; who sees a call here also sees it published
        Head::from_bits(self.top.load(Acquire))
    }

    #[inline]
    pub(crate) fn set_top(&self, head: Head) {
        // Release: the call was published, or the one below is still there, before others are sent to it
        self.top.store(head.bits(), Release);
    }

    /// The calls this thread is serving.
    #[inline]
    pub(crate) fn serving(&self) -> Head {
        // Relaxed: only its own thread reads and writes it
        Head::from_bits(self.serving.load(Relaxed))
    }

    #[inline]
    pub(crate) fn set_serving(&self, head: Head) {
        // Relaxed: only its own thread reads and writes it
        self.serving.store(head.bits(), Relaxed);
    }

    /// The current call context.
    #[cfg(feature = "com")]
    #[inline]
    pub(crate) fn context(&self) -> *mut () {
        // Relaxed: only its own thread reads and writes it
        self.context.load(Relaxed)
    }

    #[cfg(feature = "com")]
    #[inline]
    pub(crate) fn set_context(&self, context: *mut ()) {
        // Relaxed: only its own thread reads and writes it
        self.context.store(context, Relaxed);
    }
}

#[cfg(not(any(loom, target_os = "none")))]
const _: () = assert!(size_of::<ThreadSlot>() == 128);
// what a canceller looks at, the first half of the home slot, ends the line that the id and the stack head begin
#[cfg(not(any(loom, target_os = "none")))]
const _: () = assert!(core::mem::offset_of!(ThreadSlot, home) == 32);
#[cfg(all(not(loom), target_os = "none", target_pointer_width = "32", not(feature = "com")))]
const _: () = assert!(size_of::<ThreadSlot>() <= 16);
#[cfg(all(not(loom), target_os = "none", target_pointer_width = "32", feature = "com"))]
const _: () = assert!(size_of::<ThreadSlot>() <= 20);
