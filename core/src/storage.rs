//! Where the tables live: arrays of a fixed size in a `static`, or a caller's buffer.

use crate::call::CallSlot;
use crate::handle;
use crate::index::{self, IndexCell};
use crate::stack;
use crate::thread::ThreadSlot;

/// The tables of a runtime. Implemented by [`Fixed`], [`Borrowed`] and [`Unindexed`].
pub trait Storage: Sync + sealed::Sealed {
    /// The shared call slots: the capacity.
    fn calls(&self) -> &[CallSlot];
    /// The thread slots, each with a home call slot on hosts.
    fn threads(&self) -> &[ThreadSlot];
    /// Two cells for each thread, or none for a linear scan.
    fn index(&self) -> &[IndexCell];
}

mod sealed {
    pub trait Sealed {}
}

/// Whether tables of this size can be named by handles, stack heads and index cells of this target.
#[must_use]
pub const fn is_valid_capacity(calls: usize, threads: usize, cells: usize) -> bool {
    let slots = calls.saturating_add(threads);
    slots <= handle::MAX_INDEX
        && slots <= stack::MAX_INDEX as usize
        && threads <= index::MAX_THREADS
        && (cells == 0 || cells >= threads.saturating_mul(2))
}

/// Tables in place. `CELLS` is 0 (a linear scan: right for 16 threads and fewer) or at least twice `THREADS`.
/// On hosts it starts a cache line, so that no two calls share one.
#[derive(Debug)]
#[repr(C)]
#[cfg_attr(not(target_os = "none"), repr(align(64)))]
pub struct Fixed<const CALLS: usize, const THREADS: usize, const CELLS: usize = 0> {
    calls: [CallSlot; CALLS],
    threads: [ThreadSlot; THREADS],
    index: [IndexCell; CELLS],
}

impl<const CALLS: usize, const THREADS: usize, const CELLS: usize> Fixed<CALLS, THREADS, CELLS> {
    /// Empty tables. A capacity that the target's handles cannot name does not compile.
    #[cfg(not(loom))]
    #[must_use]
    pub const fn new() -> Self {
        const { assert!(is_valid_capacity(CALLS, THREADS, CELLS), "too many slots for this target, or too few index cells") }
        Self {
            calls: [const { CallSlot::new() }; CALLS],
            threads: [const { ThreadSlot::new() }; THREADS],
            index: [const { IndexCell::new() }; CELLS],
        }
    }

    /// Empty tables.
    #[cfg(loom)]
    pub fn new() -> Self {
        Self {
            calls: core::array::from_fn(|_| CallSlot::new()),
            threads: core::array::from_fn(|_| ThreadSlot::new()),
            index: core::array::from_fn(|_| IndexCell::new()),
        }
    }
}

#[cfg(any(feature = "posix", all(feature = "windows", windows)))]
impl<const CALLS: usize, const THREADS: usize, const CELLS: usize> Fixed<CALLS, THREADS, CELLS> {
    /// These tables, for a runtime that may also have others.
    pub(crate) const fn borrow(&self) -> Borrowed<'_> {
        Borrowed { calls: &self.calls, threads: &self.threads, index: &self.index }
    }
}

impl<const CALLS: usize, const THREADS: usize, const CELLS: usize> sealed::Sealed for Fixed<CALLS, THREADS, CELLS> {}

impl<const CALLS: usize, const THREADS: usize, const CELLS: usize> Storage for Fixed<CALLS, THREADS, CELLS> {
    fn calls(&self) -> &[CallSlot] {
        &self.calls
    }
    fn threads(&self) -> &[ThreadSlot] {
        &self.threads
    }
    fn index(&self) -> &[IndexCell] {
        &self.index
    }
}

/// Tables in memory that somebody else supplied. On hosts let the calls start a cache line, so that no two share one.
#[derive(Debug)]
pub struct Borrowed<'a> {
    calls: &'a [CallSlot],
    threads: &'a [ThreadSlot],
    index: &'a [IndexCell],
}

impl<'a> Borrowed<'a> {
    /// Uses these tables, which are nobody else's; `None` if their sizes are not valid (see [`is_valid_capacity`]).
    #[must_use]
    pub const fn new(
        calls: &'a mut [CallSlot],
        threads: &'a mut [ThreadSlot],
        index: &'a mut [IndexCell],
    ) -> Option<Self> {
        if is_valid_capacity(calls.len(), threads.len(), index.len()) {
            Some(Self { calls, threads, index })
        } else {
            None
        }
    }
}

impl sealed::Sealed for Borrowed<'_> {}

impl Storage for Borrowed<'_> {
    fn calls(&self) -> &[CallSlot] {
        self.calls
    }
    fn threads(&self) -> &[ThreadSlot] {
        self.threads
    }
    fn index(&self) -> &[IndexCell] {
        self.index
    }
}

/// As [`Borrowed`], without an index: look-ups scan the threads, and nothing of an index is linked. For boards.
#[derive(Debug)]
pub struct Unindexed<'a> {
    calls: &'a [CallSlot],
    threads: &'a [ThreadSlot],
}

impl<'a> Unindexed<'a> {
    /// Uses these tables, which are nobody else's; `None` if their sizes are not valid (see [`is_valid_capacity`]).
    #[must_use]
    pub const fn new(calls: &'a mut [CallSlot], threads: &'a mut [ThreadSlot]) -> Option<Self> {
        if is_valid_capacity(calls.len(), threads.len(), 0) { Some(Self { calls, threads }) } else { None }
    }
}

impl sealed::Sealed for Unindexed<'_> {}

impl Storage for Unindexed<'_> {
    fn calls(&self) -> &[CallSlot] {
        self.calls
    }
    fn threads(&self) -> &[ThreadSlot] {
        self.threads
    }
    fn index(&self) -> &[IndexCell] {
        &[]
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::vec::Vec;

    #[test]
    fn a_capacity_is_valid_up_to_what_every_word_can_name() {
        let (slots, threads) = (stack::MAX_INDEX as usize, index::MAX_THREADS);
        assert!(is_valid_capacity(slots - 1, 1, 0) && !is_valid_capacity(slots, 1, 0));
        assert!(is_valid_capacity(1, threads, 0) && !is_valid_capacity(1, threads + 1, 0));
        assert!(is_valid_capacity(1, 5, 10) && is_valid_capacity(1, 5, 11) && !is_valid_capacity(1, 5, 9));
        assert!(!is_valid_capacity(usize::MAX, 2, 0) && !is_valid_capacity(2, usize::MAX, usize::MAX));
    }

    #[test]
    fn tables_in_memory_of_others_are_of_a_valid_size() {
        let tables = |calls, threads: usize| -> (Vec<CallSlot>, Vec<ThreadSlot>) {
            ((0..calls).map(|_| CallSlot::new()).collect(), (0..threads).map(|_| ThreadSlot::new()).collect())
        };
        let mut cells: Vec<_> = (0..5).map(|_| IndexCell::new()).collect();
        let (mut calls, mut threads) = tables(3, 2);
        let borrowed = Borrowed::new(&mut calls, &mut threads, &mut cells).unwrap();
        assert_eq!((borrowed.calls().len(), borrowed.threads().len(), borrowed.index().len()), (3, 2, 5));
        let (mut calls, mut threads) = tables(1, 3);
        assert!(Borrowed::new(&mut calls, &mut threads, &mut cells).is_none());
        let unindexed = Unindexed::new(&mut calls, &mut threads).unwrap();
        assert_eq!((unindexed.calls().len(), unindexed.threads().len(), unindexed.index().len()), (1, 3, 0));
        let (mut calls, mut threads) = tables(0, index::MAX_THREADS + 1);
        assert!(Unindexed::new(&mut calls, &mut threads).is_none());
    }
}
