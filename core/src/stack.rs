//! The head of a thread's call stack, as one word: the innermost slot, and the calls on top of it that took none.
//!
//! | bits 10 to 31 | bit 9 | bits 0 to 8 |
//! |---|---|---|
//! | slot index + 1, 0 for none | why the topmost marker has no slot | how many markers stand on top of that slot |
//!
//! The same word serves both stacks of a thread: the calls it has out (where others look for what to cancel) and the calls
//! it is serving. What lies below is in the slot itself. Markers cost no slot and no read-modify-write: only the owner
//! writes the head, with plain stores. A marker hides the calls below it.

/// Why a call took no slot.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Marker {
    /// Its thread was disabled when it began.
    Disabled,
    /// No slot was free: it hides the outer calls from cancellers that mean the innermost.
    Barrier,
}

const DEPTH_BITS: u32 = 9;
const DEPTH_MASK: u32 = (1 << DEPTH_BITS) - 1;
const BARRIER: u32 = 1 << DEPTH_BITS;
const SLOT_SHIFT: u32 = DEPTH_BITS + 1;

/// The largest slot index that a head can name.
pub(crate) const MAX_INDEX: u32 = (u32::MAX >> SLOT_SHIFT) - 2;

/// A snapshot of a stack head.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Head(u32);

impl Head {
    pub(crate) const EMPTY: Head = Head(0);
    /// Stands in a slot that is on no thread's stack.
    pub(crate) const UNLINKED: Head = Head(u32::MAX);
    /// Stands in the slot of an asynchronous call.
    pub(crate) const ASYNCHRONOUS: Head = Head(u32::MAX - 1);

    #[inline]
    pub(crate) const fn from_bits(bits: u32) -> Self {
        Head(bits)
    }

    #[inline]
    pub(crate) const fn bits(self) -> u32 {
        self.0
    }

    #[inline]
    pub(crate) const fn of_slot(index: u32) -> Self {
        Head((index + 1) << SLOT_SHIFT)
    }

    /// The innermost slot, below any markers.
    #[inline]
    pub(crate) const fn slot(self) -> Option<u32> {
        if self.0 >= Self::ASYNCHRONOUS.0 { None } else { (self.0 >> SLOT_SHIFT).checked_sub(1) }
    }

    /// How many markers stand on top of the slot.
    #[inline]
    pub(crate) const fn depth(self) -> u32 {
        self.0 & DEPTH_MASK
    }

    /// The topmost marker, if one hides the slot.
    #[inline]
    pub(crate) const fn marker(self) -> Option<Marker> {
        if self.depth() == 0 { None } else { Some(self.kind()) }
    }

    /// What the topmost marker is, if there is one.
    #[inline]
    pub(crate) const fn kind(self) -> Marker {
        if self.0 & BARRIER == 0 { Marker::Disabled } else { Marker::Barrier }
    }

    /// With one more marker; `None` where no more can be counted.
    #[inline]
    pub(crate) const fn push(self, marker: Marker) -> Option<Self> {
        if self.depth() == DEPTH_MASK {
            return None;
        }
        Some(Head(((self.0 + 1) & !BARRIER) | if matches!(marker, Marker::Barrier) { BARRIER } else { 0 }))
    }

    /// With one marker less; `below` tells what the next one is.
    #[inline]
    pub(crate) const fn pop(self, below: Marker) -> Option<Self> {
        if self.depth() == 0 {
            return None;
        }
        let bits = (self.0 - 1) & !BARRIER;
        Some(Head(if bits & DEPTH_MASK != 0 && matches!(below, Marker::Barrier) { bits | BARRIER } else { bits }))
    }

    /// With one marker less that is not the topmost.
    #[inline]
    pub(crate) const fn thin(self) -> Self {
        if self.depth() > 1 { Head(self.0 - 1) } else { self }
    }

    /// The head that remains when this head's slot is unlinked from `self` and lay on `below`: its markers move down.
    #[inline]
    pub(crate) const fn unlink(self, below: Head) -> Self {
        let depth = self.depth() + below.depth();
        let depth = if depth > DEPTH_MASK { DEPTH_MASK } else { depth };
        let kind = if self.depth() != 0 { self.0 & BARRIER } else { below.0 & BARRIER };
        Head((below.0 & !(DEPTH_MASK | BARRIER)) | kind | depth)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::vec::Vec;

    #[test]
    fn markers_nest_and_restore_what_was_below() {
        for slot in [Head::EMPTY, Head::of_slot(0), Head::of_slot(MAX_INDEX)] {
            let mut heads = Vec::from([slot]);
            for n in 0..DEPTH_MASK {
                let marker = if n % 3 == 0 { Marker::Barrier } else { Marker::Disabled };
                let head = heads.last().unwrap().push(marker).unwrap();
                assert_eq!((head.slot(), head.marker(), head.depth()), (slot.slot(), Some(marker), n + 1));
                heads.push(head);
            }
            let mut head = heads.pop().unwrap();
            assert_eq!(head.push(Marker::Disabled), None);
            while let Some(below) = heads.pop() {
                head = head.pop(below.marker().unwrap_or(Marker::Disabled)).unwrap();
                assert_eq!(head, below);
            }
            assert_eq!(head.pop(Marker::Barrier), None);
        }
    }

    #[test]
    fn unlinking_moves_markers_down() {
        let outer = Head::of_slot(4).push(Marker::Barrier).unwrap();
        let bare = Head::of_slot(9);
        assert_eq!(bare.unlink(outer), outer);
        let marked = bare.push(Marker::Disabled).unwrap();
        let left = marked.unlink(outer);
        assert_eq!((left.slot(), left.depth(), left.marker()), (Some(4), 2, Some(Marker::Disabled)));
        assert_eq!(bare.unlink(Head::EMPTY), Head::EMPTY);
        assert_eq!(Head::UNLINKED.slot(), None);
        // more markers than can be counted
        let full = |head: Head| (0..DEPTH_MASK).fold(head, |head, _| head.push(Marker::Barrier).unwrap());
        assert_eq!(full(bare).unlink(outer).depth(), DEPTH_MASK);
    }

    #[test]
    fn a_marker_below_others_goes() {
        let one = Head::of_slot(3).push(Marker::Barrier).unwrap();
        let two = one.push(Marker::Barrier).unwrap();
        assert_eq!(two.thin(), one);
        assert_eq!(one.thin(), one, "the topmost is not below any");
        assert_eq!(Head::of_slot(3).thin(), Head::of_slot(3));
        assert_eq!(one.pop(Marker::Barrier), Some(Head::of_slot(3)), "without markers none is the topmost");
    }

    #[test]
    fn the_largest_slot_is_told_from_the_marks() {
        let bits = Head::of_slot(MAX_INDEX).bits() | BARRIER | DEPTH_MASK;
        assert_eq!(Head::from_bits(bits).slot(), Some(MAX_INDEX));
        assert_eq!(
            Head::of_slot(MAX_INDEX + 1).bits() | BARRIER | DEPTH_MASK,
            Head::UNLINKED.bits(),
            "no larger one fits"
        );
        assert_ne!(Head::ASYNCHRONOUS, Head::UNLINKED);
        assert_eq!((Head::ASYNCHRONOUS.slot(), Head::UNLINKED.slot()), (None, None));
    }
}
