//! The default runtime: works without any set-up.
//!
//! Its tables stand in static memory that costs nothing until it is touched. Another capacity, and the tables of a forked child,
//! are mapped: a child starts empty. What it still holds of its parent's objects refers to tables that nobody uses any more, and the handles of the
//! parent's calls are stale in its own.

use core::ptr::{NonNull, null_mut};

use super::{ID, LOCAL, Posix};
use crate::global::{Global, Life};
use crate::hresult::Hresult;
use crate::port::process::{self, Layout, ProcessRuntime, Tables};
pub use crate::port::process::{Capacity, Hooks};
use crate::runtime::Runtime;
use crate::storage::{Fixed, Storage};
#[cfg(not(target_os = "linux"))]
use crate::sync::{AtomicU32, Ordering::Relaxed};

/// The runtime of a POSIX process.
pub type PosixRuntime = ProcessRuntime<Posix>;

static TABLES: Tables = Fixed::new();
static DEFAULT: PosixRuntime = Runtime::new(Posix(()), TABLES.borrow());

/// The runtime in use; none before the first use.
static CHOSEN: Global<PosixRuntime> = Global::new();
/// The runtime of the parent, in a forked child that has not used its own yet.
static PARENTS: Global<PosixRuntime> = Global::new();
#[cfg(not(target_os = "linux"))]
static LAST_THREAD_ID: AtomicU32 = AtomicU32::new(0);
/// Whether the fork handler stands.
static WATCHES_FORK: Life = Life::new();

/// The default runtime of this process.
#[inline]
pub fn runtime() -> &'static PosixRuntime {
    CHOSEN.get().unwrap_or_else(first_use)
}

#[cold]
fn first_use() -> &'static PosixRuntime {
    let Some(parents) = PARENTS.get() else {
        return choose(&DEFAULT).unwrap_or_else(|first| first);
    };
    // no memory for tables of our own: the parent's serve; its calls stay in them, and keep their slots
    let Some((mapped, layout)) = like(parents) else { return choose(parents).unwrap_or_else(|first| first) };
    choose(mapped).unwrap_or_else(|first| {
        unmap(mapped, layout);
        first
    })
}

/// An empty one with the capacity of another.
fn like(parents: &PosixRuntime) -> Option<(&'static PosixRuntime, Layout)> {
    let (calls, threads) = (parents.storage.calls().len(), parents.storage.threads().len());
    let layout = Layout::of::<Posix>(Capacity { calls, threads })?;
    Some((map(layout)?, layout))
}

/// Makes it the one in use, or returns the one that was first.
fn choose(candidate: &'static PosixRuntime) -> Result<&'static PosixRuntime, &'static PosixRuntime> {
    // Each that comes before one has done it does it: a thread that goes on from here may fork at once. Twice is as good as once.
    // SAFETY: the handler only stores a few words
    if !WATCHES_FORK.is_ready() && unsafe { libc::pthread_atfork(None, None, Some(forked)) } == 0 {
        WATCHES_FORK.ready();
    }
    process::choose(&CHOSEN, candidate)
}

/// Sets the capacity of the default runtime, once, before its first use.
///
/// Progress: wait-free but for the system's part (set the capacity).
///
/// # Errors
///
/// `E_UNEXPECTED`: it is in use already. `E_INVALIDARG`: a capacity of 0, or one that handles cannot name. `E_OUTOFMEMORY`: the
/// system has not that much.
pub fn set_capacity(capacity: Capacity) -> Result<(), Hresult> {
    let layout = Layout::of::<Posix>(capacity).ok_or(Hresult::E_INVALIDARG)?;
    if CHOSEN.get().is_some() {
        return Err(Hresult::E_UNEXPECTED);
    }
    let mapped = map(layout).ok_or(Hresult::E_OUTOFMEMORY)?;
    choose(mapped).map(|_| ()).map_err(|_| {
        unmap(mapped, layout);
        Hresult::E_UNEXPECTED
    })
}

/// A runtime with its tables in memory of its own.
fn map(layout: Layout) -> Option<&'static PosixRuntime> {
    let protection = libc::PROT_READ | libc::PROT_WRITE;
    let flags = libc::MAP_PRIVATE | libc::MAP_ANONYMOUS | libc::MAP_NORESERVE;
    // SAFETY: a new mapping, wherever the system likes
    let base = unsafe { libc::mmap(null_mut(), layout.size, protection, flags, -1, 0) };
    if base == libc::MAP_FAILED {
        return None;
    }
    // SAFETY: page-aligned, zeroed, that large and nobody else's; unmapped only if nobody has seen the runtime
    let mapped = unsafe { layout.make(NonNull::new(base.cast())?, Posix(())) }?;
    if let Some(parents) = PARENTS.get() {
        follow(mapped, parents);
    }
    Some(mapped)
}

/// Has the handles of a parent's calls stale in its child's tables, also where those are of another size: a handle names a slot by its index.
fn follow(mapped: &PosixRuntime, parents: &PosixRuntime) {
    let both = |index| Some((mapped.slot(index)?, parents.slot(index)?));
    (0..).map_while(both).for_each(|(slot, original)| slot.copy_generation(original));
}

/// Gives a mapping back that was never chosen.
fn unmap(mapped: &'static PosixRuntime, layout: Layout) {
    // SAFETY: from `map`, with that size, and nobody else has seen it
    unsafe { libc::munmap((&raw const *mapped).cast_mut().cast(), layout.size) };
}

/// In the child, before anything else there: only this thread exists.
unsafe extern "C" fn forked() {
    LOCAL.set(0);
    ID.set(0);
    if let Some(parents) = CHOSEN.get() {
        PARENTS.set(Some(parents));
        CHOSEN.set(None);
    }
}

/// The calling thread ends: everything of it is dropped.
pub(super) fn detach() {
    if LOCAL.get() != 0 {
        runtime().thread_exit();
    }
}

#[cfg(not(target_os = "linux"))]
pub(super) fn next_thread_id() -> u32 {
    // Relaxed, both: only the number counts
    let mut last = LAST_THREAD_ID.load(Relaxed);
    loop {
        let next = if last == u32::MAX { 1 } else { last + 1 };
        match LAST_THREAD_ID.compare_exchange(last, next, Relaxed, Relaxed) {
            Ok(_) => return next,
            Err(seen) => last = seen,
        }
    }
}

impl Hooks {
    /// Hooks that do nothing: a start for those that do.
    pub const NONE: Hooks = Hooks::waking(|_| {});
}

static HOOKS: Global<Hooks> = Global::new();

/// Sets the hooks of the default runtime; `None` takes them away. To be set before the calls that they are for begin.
///
/// Progress: wait-free (set hooks).
pub fn set_hooks(hooks: Option<&'static Hooks>) {
    HOOKS.set(hooks);
}

#[inline]
pub(super) fn hooks() -> Option<&'static Hooks> {
    HOOKS.get()
}
