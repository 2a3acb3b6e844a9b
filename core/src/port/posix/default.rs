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
use crate::hresult::Hresult;
use crate::index::IndexCell;
use crate::runtime::Runtime;
use crate::storage::{Borrowed, is_valid_capacity};
use crate::sync::Ordering::{AcqRel, Acquire, Relaxed, Release};
use crate::sync::{AtomicPtr, AtomicU32};
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

static CALLS: [CallSlot; Capacity::DEFAULT.calls] = [const { CallSlot::new() }; Capacity::DEFAULT.calls];
static THREADS: [ThreadSlot; Capacity::DEFAULT.threads] = [const { ThreadSlot::new() }; Capacity::DEFAULT.threads];
static CELLS: [IndexCell; Capacity::DEFAULT.cells()] = [const { IndexCell::new() }; Capacity::DEFAULT.cells()];
static DEFAULT: PosixRuntime = Runtime::new(
    Posix(()),
    match Borrowed::new(&CALLS, &THREADS, &CELLS) {
        Some(storage) => storage,
        None => panic!("the default capacity is valid"),
    },
);

/// The runtime in use; NULL before the first use.
static CHOSEN: AtomicPtr<PosixRuntime> = AtomicPtr::new(null_mut());
/// The runtime of the parent, in a forked child that has not used its own yet.
static PARENTS: AtomicPtr<PosixRuntime> = AtomicPtr::new(null_mut());
/// A function of type `fn(Event)`, or NULL.
static EVENT_HOOK: AtomicPtr<()> = AtomicPtr::new(null_mut());
#[cfg(not(target_os = "linux"))]
static LAST_THREAD_ID: AtomicU32 = AtomicU32::new(0);
/// Whether the fork handler stands.
static WATCHES_FORK: AtomicU32 = AtomicU32::new(0);

/// The default runtime of this process.
#[inline]
pub fn runtime() -> &'static PosixRuntime {
    // Acquire: pairs with the compare-exchange that chose it; mapped tables are complete before they are seen
    match NonNull::new(CHOSEN.load(Acquire)) {
        // SAFETY: what stands there lives for ever: a static, or a mapping that is never unmapped once chosen
        Some(chosen) => unsafe { chosen.as_ref() },
        None => first_use(),
    }
}

#[cold]
fn first_use() -> &'static PosixRuntime {
    // Acquire: pairs with `forked`
    let parents = NonNull::new(PARENTS.load(Acquire));
    let capacity = match parents {
        None => return choose((&raw const DEFAULT).cast_mut()).unwrap_or_else(|chosen| chosen),
        Some(parents) => {
            // SAFETY: it lives for ever, as in `runtime`
            let tables = unsafe { &parents.as_ref().storage };
            capacity_of(tables)
        }
    };
    match map(capacity) {
        Some(mapped) => choose(mapped.as_ptr()).unwrap_or_else(|chosen| {
            unmap(mapped, capacity);
            chosen
        }),
        // no memory for tables of our own: the parent's serve; its calls stay in them, and keep their slots
        None => {
            choose(parents.map_or((&raw const DEFAULT).cast_mut(), NonNull::as_ptr)).unwrap_or_else(|chosen| chosen)
        }
    }
}

fn capacity_of(tables: &Borrowed<'static>) -> Capacity {
    use crate::storage::Storage;
    Capacity { calls: tables.calls().len(), threads: tables.threads().len() }
}

/// Makes it the one in use, or returns the one that was first.
fn choose(candidate: *mut PosixRuntime) -> Result<&'static PosixRuntime, &'static PosixRuntime> {
    watch_fork();
    // AcqRel: publishes the tables; acquire, also on failure, shows those of whoever was first
    let chosen = CHOSEN.compare_exchange(null_mut(), candidate, AcqRel, Acquire);
    // SAFETY: both are never NULL and live for ever
    chosen.map(|_| unsafe { &*candidate }).map_err(|first| unsafe { &*first })
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
    // Acquire: as in `runtime`; the compare-exchange decides
    if !CHOSEN.load(Acquire).is_null() {
        return Err(Hresult::E_UNEXPECTED);
    }
    let mapped = map(capacity).ok_or(Hresult::E_OUTOFMEMORY)?;
    choose(mapped.as_ptr()).map(|_| ()).map_err(|_| {
        unmap(mapped, capacity);
        Hresult::E_UNEXPECTED
    })
}

/// The byte offsets of calls, threads and cells behind a mapped runtime, and the size of it all.
const fn layout(capacity: Capacity) -> [usize; 4] {
    const LINE: usize = align_of::<CallSlot>();
    let calls = size_of::<PosixRuntime>().next_multiple_of(LINE);
    let threads = calls + capacity.calls * size_of::<CallSlot>();
    let cells = threads + capacity.threads * size_of::<ThreadSlot>();
    [calls, threads, cells, cells + capacity.cells() * size_of::<IndexCell>()]
}

/// A runtime with tables of that capacity in memory of its own.
fn map(capacity: Capacity) -> Option<NonNull<PosixRuntime>> {
    let [calls, threads, cells, size] = layout(capacity);
    let protection = libc::PROT_READ | libc::PROT_WRITE;
    let flags = libc::MAP_PRIVATE | libc::MAP_ANONYMOUS | libc::MAP_NORESERVE;
    // SAFETY: a new mapping, wherever the system likes
    let base = unsafe { libc::mmap(null_mut(), size, protection, flags, -1, 0) };
    if base == libc::MAP_FAILED {
        return None;
    }
    // SAFETY: within the mapping, aligned, and zeroed memory is a vacant slot (as `new` makes them)
    let calls = unsafe { slice::from_raw_parts(base.byte_add(calls).cast::<CallSlot>(), capacity.calls) };
    // SAFETY: as above
    let threads = unsafe { slice::from_raw_parts(base.byte_add(threads).cast::<ThreadSlot>(), capacity.threads) };
    // SAFETY: as above
    let cells = unsafe { slice::from_raw_parts(base.byte_add(cells).cast::<IndexCell>(), capacity.cells()) };
    let runtime = NonNull::new(base.cast::<PosixRuntime>())?;
    let storage = Borrowed::new(calls, threads, cells)?;
    // SAFETY: the start of the mapping is large enough, page-aligned and nobody else's
    unsafe { runtime.write(Runtime::new(Posix(()), storage)) };
    Some(runtime)
}

/// Gives a mapping back that was never chosen.
fn unmap(mapped: NonNull<PosixRuntime>, capacity: Capacity) {
    let [.., size] = layout(capacity);
    // SAFETY: from `map`, with that size, and nobody has seen it
    unsafe { libc::munmap(mapped.as_ptr().cast(), size) };
}

fn watch_fork() {
    // AcqRel: one wins. Relaxed on failure: nothing is read
    if WATCHES_FORK.compare_exchange(0, 1, AcqRel, Relaxed).is_ok() {
        // SAFETY: the handler only stores a few words
        unsafe { libc::pthread_atfork(None, None, Some(forked)) };
    }
}

/// In the child, before anything else there: only this thread exists.
unsafe extern "C" fn forked() {
    LOCAL.set(0);
    ID.set(0);
    // Relaxed, the load: only this thread. Release: pairs with `first_use`
    let parents = CHOSEN.load(Relaxed);
    if !parents.is_null() {
        PARENTS.store(parents, Release);
    }
    // Release: pairs with `runtime`
    CHOSEN.store(null_mut(), Release);
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

/// Has `hook` called for every step in a call's life, on the thread that takes it; `None` ends that.
///
/// The hook must not unwind, and must not call back into an operation on the same call.
pub fn set_event_hook(hook: Option<fn(Event)>) {
    let hook = hook.map_or(null_mut(), |hook| hook as *mut ());
    // Release: pairs with `event`; what the hook needs was set up before
    EVENT_HOOK.store(hook, Release);
}

#[inline]
pub(super) fn event(event: Event) {
    // Acquire: pairs with `set_event_hook`
    let hook = EVENT_HOOK.load(Acquire);
    if !hook.is_null() {
        // SAFETY: not NULL, so it is what `set_event_hook` stored
        let hook = unsafe { core::mem::transmute::<*mut (), fn(Event)>(hook) };
        hook(event);
    }
}
