//! What the default runtimes of processes have in common, whatever the system: their capacity, their tables behind them in memory that
//! the system gave, the one that is in use, and what a host may want to be told.

use core::mem::{align_of, size_of};
use core::ptr::NonNull;
use core::slice;

use super::Port;
use crate::call::CallSlot;
use crate::event::Event;
use crate::global::Global;
use crate::handle::CallHandle;
use crate::index::IndexCell;
use crate::runtime::Runtime;
use crate::storage::{Borrowed, Fixed, is_valid_capacity};
use crate::thread::ThreadSlot;

/// How many calls and threads the default runtime has room for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Capacity {
    /// Shared call slots: nested and asynchronous calls, served calls, custom cancel objects. Every thread has one more of its own.
    pub calls: usize,
    /// Threads.
    pub threads: usize,
}

impl Capacity {
    /// What there is without `set_capacity`: 1024 calls, 1024 threads.
    pub const DEFAULT: Capacity = Capacity { calls: 1024, threads: 1024 };

    const CELLS: usize = Self::DEFAULT.threads * 2;
}

/// The tables of the default capacity: static memory that costs nothing until it is touched.
pub(super) type Tables = Fixed<{ Capacity::DEFAULT.calls }, { Capacity::DEFAULT.threads }, { Capacity::CELLS }>;

/// A runtime of a process.
pub(super) type ProcessRuntime<P> = Runtime<P, Borrowed<'static>>;

/// Makes it the one in use, or returns the one that was first.
pub(super) fn choose<P>(
    chosen: &Global<ProcessRuntime<P>>,
    candidate: &'static ProcessRuntime<P>,
) -> Result<&'static ProcessRuntime<P>, &'static ProcessRuntime<P>> {
    match chosen.replace(None, Some(candidate)) {
        Ok(()) => Ok(candidate),
        Err(first) => Err(first.unwrap_or(candidate)),
    }
}

/// Where the tables of a capacity stand behind a runtime: byte offsets of calls, threads and cells, and the size of it all.
#[derive(Clone, Copy)]
pub(super) struct Layout {
    capacity: Capacity,
    offsets: [usize; 3],
    pub(super) size: usize,
}

impl Layout {
    /// `None`: handles cannot name that many, or it is more than memory.
    pub(super) fn of<P>(capacity: Capacity) -> Option<Self> {
        let Capacity { calls, threads } = capacity;
        let cells = threads.checked_mul(2)?;
        if calls == 0 || threads == 0 || !is_valid_capacity(calls, threads, cells) {
            return None;
        }
        let after = |start: usize, count: usize, size: usize| start.checked_add(count.checked_mul(size)?);
        let first = size_of::<ProcessRuntime<P>>().checked_next_multiple_of(align_of::<ThreadSlot>())?;
        let second = after(first, calls, size_of::<CallSlot>())?;
        let third = after(second, threads, size_of::<ThreadSlot>())?;
        let size = after(third, cells, size_of::<IndexCell>())?;
        Some(Self { capacity, offsets: [first, second, third], size })
    }

    /// Makes a runtime at the start of that memory, with its tables behind it.
    ///
    /// # Safety
    ///
    /// `base` is page-aligned, zeroed memory of `size` bytes that nobody else uses, for ever or until the runtime, which nobody has
    /// seen, is given up.
    pub(super) unsafe fn make<P: Port>(self, base: NonNull<u8>, port: P) -> Option<&'static ProcessRuntime<P>> {
        let Capacity { calls, threads } = self.capacity;
        let [first, second, third] = self.offsets;
        // SAFETY: within the memory, aligned, and zeroed memory is a vacant slot (as `new` makes them)
        let calls = unsafe { slice::from_raw_parts_mut(base.byte_add(first).cast::<CallSlot>().as_ptr(), calls) };
        // SAFETY: as above
        let slots = unsafe { slice::from_raw_parts_mut(base.byte_add(second).cast::<ThreadSlot>().as_ptr(), threads) };
        // SAFETY: as above
        let cells =
            unsafe { slice::from_raw_parts_mut(base.byte_add(third).cast::<IndexCell>().as_ptr(), threads * 2) };
        let runtime = base.cast::<ProcessRuntime<P>>();
        // SAFETY: the start of the memory is large enough, page-aligned and nobody else's
        unsafe { runtime.write(Runtime::new(port, Borrowed::new(calls, slots, cells)?)) };
        // SAFETY: written just now
        Some(unsafe { runtime.as_ref() })
    }
}

/// What a host of the default runtime may want to be told. Each runs where [`Port`] says for the method of its name, must
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
    /// Hooks that do nothing but, in `wake`, that.
    pub(super) const fn waking(wake: fn(*mut ())) -> Self {
        Self { wake, retire: |_| {}, cancel_requested: |_, _, _| {}, orphaned: |_| {}, event: |_| {} }
    }
}
