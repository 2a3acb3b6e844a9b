//! The default runtime: works without any set-up.
//!
//! Its tables stand in static memory that costs nothing until it is touched. Another capacity, and the tables of a forked child,
//! are mapped: a child starts empty, and whatever it still holds of its parent's calls refers to tables that nobody uses any more.

use core::mem::{align_of, size_of};
use core::ptr::{NonNull, null_mut};
use core::slice;

use super::{ID, LOCAL, Posix};
use crate::call::CallSlot;
use crate::event::Event;
use crate::global::{Global, Life};
use crate::handle::CallHandle;
use crate::hresult::Hresult;
use crate::index::IndexCell;
use crate::runtime::Runtime;
use crate::storage::{Borrowed, Fixed, is_valid_capacity};
#[cfg(not(target_os = "linux"))]
use crate::sync::{AtomicU32, Ordering::Relaxed};
use crate::thread::ThreadSlot;

/// The runtime of a POSIX process.
pub type PosixRuntime = Runtime<Posix, Borrowed<'static>>;

/// How many calls and threads the default runtime has room for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Capacity {
    /// Shared call slots: nested and asynchronous calls, served calls, custom cancel objects. Every thread has one more of its own.
    pub calls: usize,
    /// Threads.
    pub threads: usize,
}

impl Capacity {
    /// What there is without [`set_capacity`]: 1024 calls, 1024 threads.
    pub const DEFAULT: Capacity = Capacity { calls: 1024, threads: 1024 };

    const fn cells(self) -> usize {
        self.threads * 2
    }
}

static TABLES: Fixed<{ Capacity::DEFAULT.calls }, { Capacity::DEFAULT.threads }, { Capacity::DEFAULT.cells() }> =
    Fixed::new();
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
    let capacity = capacity_of(&parents.storage);
    match map(capacity) {
        Some(mapped) => choose(mapped).unwrap_or_else(|first| {
            unmap(mapped, capacity);
            first
        }),
        // no memory for tables of our own: the parent's serve; its calls stay in them, and keep their slots
        None => choose(parents).unwrap_or_else(|first| first),
    }
}

fn capacity_of(tables: &Borrowed<'static>) -> Capacity {
    use crate::storage::Storage;
    Capacity { calls: tables.calls().len(), threads: tables.threads().len() }
}

/// Makes it the one in use, or returns the one that was first.
fn choose(candidate: &'static PosixRuntime) -> Result<&'static PosixRuntime, &'static PosixRuntime> {
    if WATCHES_FORK.begin() {
        // SAFETY: the handler only stores a few words
        unsafe { libc::pthread_atfork(None, None, Some(forked)) };
    }
    match CHOSEN.replace(None, Some(candidate)) {
        Ok(()) => Ok(candidate),
        Err(first) => Err(first.unwrap_or(candidate)),
    }
}

/// Sets the capacity of the default runtime, once, before its first use.
///
/// # Errors
///
/// `E_UNEXPECTED`: it is in use already. `E_INVALIDARG`: a capacity of 0, or one that handles cannot name. `E_OUTOFMEMORY`: the
/// system has not that much.
pub fn set_capacity(capacity: Capacity) -> Result<(), Hresult> {
    let Capacity { calls, threads } = capacity;
    if calls == 0 || threads == 0 || !is_valid_capacity(calls, threads, threads.saturating_mul(2)) {
        return Err(Hresult::E_INVALIDARG);
    }
    if CHOSEN.get().is_some() {
        return Err(Hresult::E_UNEXPECTED);
    }
    let mapped = map(capacity).ok_or(Hresult::E_OUTOFMEMORY)?;
    choose(mapped).map(|_| ()).map_err(|_| {
        unmap(mapped, capacity);
        Hresult::E_UNEXPECTED
    })
}

/// The byte offsets of calls, threads and cells behind a mapped runtime, and the size of it all.
const fn layout(capacity: Capacity) -> [usize; 4] {
    const LINE: usize = align_of::<ThreadSlot>();
    let calls = size_of::<PosixRuntime>().next_multiple_of(LINE);
    let threads = calls + capacity.calls * size_of::<CallSlot>();
    let cells = threads + capacity.threads * size_of::<ThreadSlot>();
    [calls, threads, cells, cells + capacity.cells() * size_of::<IndexCell>()]
}

/// A runtime with tables of that capacity in memory of its own.
fn map(capacity: Capacity) -> Option<&'static PosixRuntime> {
    let [calls, threads, cells, size] = layout(capacity);
    let protection = libc::PROT_READ | libc::PROT_WRITE;
    let flags = libc::MAP_PRIVATE | libc::MAP_ANONYMOUS | libc::MAP_NORESERVE;
    // SAFETY: a new mapping, wherever the system likes
    let base = unsafe { libc::mmap(null_mut(), size, protection, flags, -1, 0) };
    if base == libc::MAP_FAILED {
        return None;
    }
    // SAFETY: within the mapping, aligned, and zeroed memory is a vacant slot (as `new` makes them)
    let calls = unsafe { slice::from_raw_parts_mut(base.byte_add(calls).cast::<CallSlot>(), capacity.calls) };
    // SAFETY: as above
    let threads = unsafe { slice::from_raw_parts_mut(base.byte_add(threads).cast::<ThreadSlot>(), capacity.threads) };
    // SAFETY: as above
    let cells = unsafe { slice::from_raw_parts_mut(base.byte_add(cells).cast::<IndexCell>(), capacity.cells()) };
    let runtime = NonNull::new(base.cast::<PosixRuntime>())?;
    let storage = Borrowed::new(calls, threads, cells)?;
    // SAFETY: the start of the mapping is large enough, page-aligned and nobody else's
    unsafe { runtime.write(Runtime::new(Posix(()), storage)) };
    // SAFETY: written just now; unmapped only if nobody has seen it
    Some(unsafe { runtime.as_ref() })
}

/// Gives a mapping back that was never chosen.
fn unmap(mapped: &'static PosixRuntime, capacity: Capacity) {
    let [.., size] = layout(capacity);
    // SAFETY: from `map`, with that size, and nobody else has seen it
    unsafe { libc::munmap((&raw const *mapped).cast_mut().cast(), size) };
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

/// What a host of the default runtime may want to be told. Each runs where [`Port`](crate::Port) says for the method of its name, must
/// not unwind, and must not call back into an operation on the same call.
#[derive(Clone, Copy, Debug)]
pub struct Hooks {
    /// Wakes the polling client or canceller with that wake context.
    pub wake: fn(context: *mut ()),
    /// A wake context will not be used again.
    pub retire: fn(context: *mut ()),
    /// Somebody asked to cancel the call: tell its server.
    pub cancel_requested: fn(call: CallHandle, context: *mut (), remaining: Option<u32>),
    /// Nobody is left to own the record.
    pub orphaned: fn(host: *mut ()),
    /// A step in a call's life.
    pub event: fn(event: Event),
}

impl Hooks {
    /// Hooks that do nothing: a start for those that do.
    pub const NONE: Hooks =
        Hooks { wake: |_| {}, retire: |_| {}, cancel_requested: |_, _, _| {}, orphaned: |_| {}, event: |_| {} };
}

static HOOKS: Global<Hooks> = Global::new();

/// Sets the hooks of the default runtime; `None` takes them away. To be set before the calls that they are for begin.
pub fn set_hooks(hooks: Option<&'static Hooks>) {
    HOOKS.set(hooks);
}

#[inline]
pub(super) fn hooks() -> Option<&'static Hooks> {
    HOOKS.get()
}
