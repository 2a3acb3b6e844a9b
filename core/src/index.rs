//! Thread id to thread slot: open addressing at half load, for tables too large to scan.
//!
//! Keys never move and leave no tombstones. Each *home* cell says how far its displaced keys may stand (its bound) and how
//! many there are. Both are raised before a displaced key is placed, so that a look-up that starts after an insertion has
//! returned finds it; the count is lowered after the key is gone, and when it comes to nothing the bound goes back to zero
//! in the same step. So look-ups that miss stay short however many ids come and go.
//!
//! | bits 14 to 31 | bits 7 to 13 | bits 0 to 6 |
//! |---|---|---|
//! | occupant: thread slot + 1, 0 for none | displaced keys of this home; the maximum sticks | bound; the maximum means the whole table |

#[cfg(not(target_os = "none"))]
use crate::sync::Ordering::Relaxed;
use crate::sync::Ordering::{AcqRel, Acquire};
use crate::sync::{AtomicU32, const_fn};
use crate::thread::ThreadSlot;

const FIELD_BITS: u32 = 7;
const FIELD: u32 = (1 << FIELD_BITS) - 1;
const COUNT_SHIFT: u32 = FIELD_BITS;
const OCCUPANT_SHIFT: u32 = 2 * FIELD_BITS;

/// The largest number of threads that an index can name.
pub(crate) const MAX_THREADS: usize = (1 << (32 - OCCUPANT_SHIFT)) - 2;

/// One cell of the index. Supply two for each thread, or none: then look-ups scan the thread table. 8 bytes on hosts, 4 on targets
/// without an operating system.
#[derive(Debug)]
#[repr(C)]
pub struct IndexCell {
    place: AtomicU32,
    /// The occupant's id once it stands there, so that a look-up goes only to the slot that it means. Whose id it really is says
    /// the thread slot.
    #[cfg(not(target_os = "none"))]
    hint: AtomicU32,
}

/// A snapshot of a cell.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
struct Cell(u32);

impl Cell {
    #[inline]
    const fn occupant(self) -> Option<u32> {
        (self.0 >> OCCUPANT_SHIFT).checked_sub(1)
    }

    #[inline]
    const fn with_occupant(self, slot: u32) -> Self {
        Cell(self.vacated().0 | (slot + 1) << OCCUPANT_SHIFT)
    }

    #[inline]
    const fn vacated(self) -> Self {
        Cell(self.0 & ((1 << OCCUPANT_SHIFT) - 1))
    }

    #[inline]
    const fn bound(self) -> u32 {
        self.0 & FIELD
    }

    #[inline]
    const fn count(self) -> u32 {
        self.0 >> COUNT_SHIFT & FIELD
    }

    #[inline]
    const fn with(self, count: u32, bound: u32) -> Self {
        Cell(self.0 >> OCCUPANT_SHIFT << OCCUPANT_SHIFT | count << COUNT_SHIFT | bound)
    }

    /// Covers `distance`, and `more` keys.
    #[inline]
    const fn raised(self, distance: usize, more: u32) -> Self {
        let distance = if distance < FIELD as usize { distance as u32 } else { FIELD };
        let count = if self.count() < FIELD { self.count() + more } else { FIELD };
        self.with(count, if distance > self.bound() { distance } else { self.bound() })
    }

    /// One displaced key less.
    #[inline]
    const fn lowered(self) -> Self {
        match self.count() {
            0 | FIELD => self,
            1 => self.with(0, 0),
            count => self.with(count - 1, self.bound()),
        }
    }
}

impl IndexCell {
    const_fn! {
        /// An empty cell.
        #[must_use]
        pub const fn new() -> Self {
            Self {
                place: AtomicU32::new(0),
                #[cfg(not(target_os = "none"))]
                hint: AtomicU32::new(0),
            }
        }
    }

    #[inline]
    fn load(&self) -> Cell {
        // Acquire: pairs with `update`; the id of the slot found here was written before
        Cell(self.place.load(Acquire))
    }

    /// Changes the cell unless `step` refuses.
    #[inline]
    fn update(&self, step: impl Fn(Cell) -> Option<Cell>) -> bool {
        let mut seen = self.load();
        while let Some(next) = step(seen) {
            // AcqRel: release publishes the thread slot behind an occupant, and keeps a home's raise above the placing;
            // acquire keeps a lowering below the removal. Acquire on failure: the next round decides on what it saw
            match self.place.compare_exchange(seen.0, next.0, AcqRel, Acquire) {
                Ok(_) => return true,
                Err(now) => seen = Cell(now),
            }
        }
        false
    }

    #[inline]
    fn take(&self, id: u32, slot: u32) -> bool {
        let taken = self.update(|cell| if cell.occupant().is_none() { Some(cell.with_occupant(slot)) } else { None });
        #[cfg(not(target_os = "none"))]
        if taken {
            // Relaxed: who looks after the insertion has returned sees it; nobody else writes it as long as the occupant stays
            self.hint.store(id, Relaxed);
        }
        #[cfg(target_os = "none")]
        let _ = id;
        taken
    }

    /// Whether the occupant may be the thread `id`.
    #[cfg(not(target_os = "none"))]
    #[inline]
    fn may_be(&self, id: u32) -> bool {
        // Relaxed: a hint
        self.hint.load(Relaxed) == id
    }

    #[cfg(target_os = "none")]
    #[inline]
    fn may_be(&self, _: u32) -> bool {
        true
    }
}

/// The index over the cells, for the threads whose slots it names.
#[derive(Clone, Copy)]
pub(crate) struct Index<'a> {
    pub(crate) cells: &'a [IndexCell],
    pub(crate) threads: &'a [ThreadSlot],
}

impl<'a> Index<'a> {
    /// The cells that a key may stand in, its home first.
    #[inline]
    fn probes(self, id: u32) -> impl Iterator<Item = &'a IndexCell> {
        // Fibonacci hashing spreads ids that step by one or by four; multiply and shift maps it without a division
        let hash = id.wrapping_mul(0x9E37_79B1);
        let home = ((u64::from(hash) * self.cells.len() as u64) >> 32) as usize;
        let (before, from) = self.cells.split_at_checked(home).unwrap_or((&[], self.cells));
        from.iter().chain(before)
    }

    /// The thread slot of `id`. Whether it still is must be checked after a pin.
    #[inline]
    pub(crate) fn find(self, id: u32) -> Option<(u32, &'a ThreadSlot)> {
        let mut probes = self.probes(id);
        let first = probes.next()?;
        let home = first.load();
        let matches = |cell: &IndexCell, seen: Cell| {
            if !cell.may_be(id) {
                return None;
            }
            let slot = seen.occupant()?;
            let thread = self.threads.get(slot as usize)?;
            if thread.id() == id { Some((slot, thread)) } else { None }
        };
        let bound = if home.bound() == FIELD { self.cells.len() } else { home.bound() as usize };
        matches(first, home).or_else(|| probes.take(bound).find_map(|cell| matches(cell, cell.load())))
    }

    /// Enters `slot` for its id. At half load there always is a free cell; lock-free, since one is missed only if others enter there.
    #[inline]
    pub(crate) fn insert(self, id: u32, slot: u32) {
        let Some(home) = self.probes(id).next() else { return };
        let mut more = 1;
        loop {
            if home.take(id, slot) {
                break;
            }
            for (distance, cell) in self.probes(id).enumerate().skip(1) {
                if cell.load().occupant().is_some() {
                    continue;
                }
                // first the bound, then the key
                home.update(|seen| Some(seen.raised(distance, more)));
                more = 0;
                if cell.take(id, slot) {
                    return;
                }
            }
        }
        if more == 0 {
            // counted as displaced, and not displaced in the end
            home.update(|seen| Some(seen.lowered()));
        }
    }

    /// Removes `slot`, which stands there for `id`.
    #[inline]
    pub(crate) fn remove(self, id: u32, slot: u32) {
        let Some(home) = self.probes(id).next() else { return };
        for (distance, cell) in self.probes(id).enumerate() {
            if cell.update(|seen| if seen.occupant() == Some(slot) { Some(seen.vacated()) } else { None }) {
                if distance > 0 {
                    home.update(|seen| Some(seen.lowered()));
                }
                return;
            }
        }
    }

    /// The sum of all bounds: how long misses have become.
    #[cfg(test)]
    #[inline]
    pub(crate) fn bounds(self) -> u64 {
        self.cells.iter().map(|cell| u64::from(cell.load().bound())).sum()
    }
}

#[cfg(test)]
mod tests;
