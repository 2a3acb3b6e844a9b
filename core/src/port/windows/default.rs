//! The default runtime: works without any set-up.
//!
//! Its tables stand in static memory that costs nothing until it is touched. Another capacity is allocated from the system.

use core::mem::{align_of, size_of};
use core::ptr::{NonNull, null_mut};
use core::slice;

use super::Windows;
use super::system::{self, quietly};
use crate::call::CallSlot;
use crate::event::Event;
use crate::global::Global;
use crate::handle::CallHandle;
use crate::hresult::Hresult;
use crate::index::IndexCell;
use crate::runtime::Runtime;
use crate::storage::{Borrowed, Fixed, is_valid_capacity};
use crate::thread::ThreadSlot;

/// The runtime of a Windows process.
pub type WindowsRuntime = Runtime<Windows, Borrowed<'static>>;

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
static DEFAULT: WindowsRuntime = Runtime::new(Windows(()), TABLES.borrow());

/// The runtime in use; none before the first use.
static CHOSEN: Global<WindowsRuntime> = Global::new();

/// The default runtime of this process.
#[inline]
pub fn runtime() -> &'static WindowsRuntime {
    CHOSEN.get().unwrap_or_else(first_use)
}

#[cold]
fn first_use() -> &'static WindowsRuntime {
    choose(&DEFAULT).unwrap_or_else(|first| first)
}

/// Makes it the one in use, or returns the one that was first.
fn choose(candidate: &'static WindowsRuntime) -> Result<&'static WindowsRuntime, &'static WindowsRuntime> {
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
    let allocated = allocate(capacity).ok_or(Hresult::E_OUTOFMEMORY)?;
    choose(allocated).map(|_| ()).map_err(|_| {
        // SAFETY: from `allocate`, and nobody else has seen it
        quietly(|| unsafe { system::VirtualFree((&raw const *allocated).cast_mut().cast(), 0, system::MEM_RELEASE) });
        Hresult::E_UNEXPECTED
    })
}

/// The byte offsets of calls, threads and cells behind an allocated runtime, and the size of it all. `None`: more than memory.
fn layout(capacity: Capacity) -> Option<[usize; 4]> {
    let after = |start: usize, count: usize, size: usize| start.checked_add(count.checked_mul(size)?);
    let calls = size_of::<WindowsRuntime>().checked_next_multiple_of(align_of::<ThreadSlot>())?;
    let threads = after(calls, capacity.calls, size_of::<CallSlot>())?;
    let cells = after(threads, capacity.threads, size_of::<ThreadSlot>())?;
    Some([calls, threads, cells, after(cells, capacity.cells(), size_of::<IndexCell>())?])
}

/// A runtime with tables of that capacity in memory of its own.
fn allocate(capacity: Capacity) -> Option<&'static WindowsRuntime> {
    let [calls, threads, cells, size] = layout(capacity)?;
    let kind = system::MEM_RESERVE | system::MEM_COMMIT;
    // SAFETY: new memory, wherever the system likes
    let base = quietly(|| unsafe { system::VirtualAlloc(null_mut(), size, kind, system::PAGE_READWRITE) });
    let runtime = NonNull::new(base.cast::<WindowsRuntime>())?;
    // SAFETY: within the memory, aligned, and zeroed memory is a vacant slot (as `new` makes them)
    let calls = unsafe { slice::from_raw_parts_mut(base.byte_add(calls).cast::<CallSlot>(), capacity.calls) };
    // SAFETY: as above
    let threads = unsafe { slice::from_raw_parts_mut(base.byte_add(threads).cast::<ThreadSlot>(), capacity.threads) };
    // SAFETY: as above
    let cells = unsafe { slice::from_raw_parts_mut(base.byte_add(cells).cast::<IndexCell>(), capacity.cells()) };
    let storage = Borrowed::new(calls, threads, cells)?;
    // SAFETY: the start of the memory is large enough, page-aligned and nobody else's
    unsafe { runtime.write(Runtime::new(Windows(()), storage)) };
    // SAFETY: written just now; freed only if nobody has seen it
    Some(unsafe { runtime.as_ref() })
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
    /// What is done without hooks, a start for those that do more: a wake context is the `HANDLE` of an event, which is set.
    pub const NONE: Hooks = Hooks {
        wake: super::set_event,
        retire: |_| {},
        cancel_requested: |_, _, _| {},
        orphaned: |_| {},
        event: |_| {},
    };
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
