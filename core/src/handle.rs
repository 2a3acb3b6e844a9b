//! Call handles: what the host keeps of a call, and passes between its threads.

use core::num::NonZeroUsize;

use crate::stack::{Head, Marker};
use crate::state::GENERATION_BITS;

/// Names one call. Never 0, as large as a pointer, free to copy and to pass to other threads.
///
/// A handle is an index with the generation of its slot, so that one kept for too long is refused instead of hitting
/// the next call there, as far as the generation's 14 bits go. Handles of calls that took no slot (see
/// [`Runtime::begin`](crate::Runtime::begin)) are accepted by every operation, too.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
#[repr(transparent)]
pub struct CallHandle(NonZeroUsize);

const TAG_SLOT: usize = 1;
const TAG_MARKER: usize = 2;
const TAG_UNTRACKED: usize = 3;
const TAG_BITS: u32 = 2;
const REST_SHIFT: u32 = TAG_BITS + GENERATION_BITS;

/// The largest slot index that a handle can name on this target.
pub(crate) const MAX_INDEX: usize = usize::MAX >> REST_SHIFT;

/// What a handle stands for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Named {
    Slot {
        index: usize,
        generation: u32,
    },
    /// `head`: the stack's head when the marker was put there; `below`: what the next one is.
    Marker {
        head: Head,
        below: Marker,
    },
    Untracked,
}

impl CallHandle {
    #[inline]
    pub(crate) const fn of_slot(index: u32, generation: u32) -> Self {
        Self::pack((index as usize) << GENERATION_BITS | generation as usize, TAG_SLOT)
    }

    /// The topmost marker of `head`, which stands on one of kind `below`, if on any.
    #[inline]
    pub(crate) const fn of_marker(head: Head, below: Marker) -> Self {
        Self::pack((head.bits() as usize) << 1 | matches!(below, Marker::Barrier) as usize, TAG_MARKER)
    }

    pub(crate) const UNTRACKED: Self = Self::pack(0, TAG_UNTRACKED);

    #[inline]
    const fn pack(rest: usize, tag: usize) -> Self {
        match NonZeroUsize::new(rest << TAG_BITS | tag) {
            Some(bits) => CallHandle(bits),
            None => CallHandle(NonZeroUsize::MAX),
        }
    }

    /// As one integer, for a wire or a foreign language.
    #[must_use]
    #[inline]
    pub const fn to_bits(self) -> usize {
        self.0.get()
    }

    /// From such an integer; `None` for what no handle looks like. A forged value that passes here is refused where it is used.
    #[must_use]
    #[inline]
    pub const fn from_bits(bits: usize) -> Option<Self> {
        match NonZeroUsize::new(bits) {
            Some(bits) if bits.get() & TAG_UNTRACKED != 0 => Some(CallHandle(bits)),
            _ => None,
        }
    }

    #[inline]
    pub(crate) const fn named(self) -> Named {
        let rest = self.0.get() >> TAG_BITS;
        match self.0.get() & TAG_UNTRACKED {
            TAG_SLOT => {
                Named::Slot { index: rest >> GENERATION_BITS, generation: (rest & ((1 << GENERATION_BITS) - 1)) as u32 }
            }
            TAG_MARKER => Named::Marker {
                // a forged value beyond 32 bits becomes a head that names nothing
                head: Head::from_bits(if rest >> 1 > u32::MAX as usize { u32::MAX } else { (rest >> 1) as u32 }),
                below: if rest & 1 == 0 { Marker::Disabled } else { Marker::Barrier },
            },
            _ => Named::Untracked,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn handles_name_what_they_were_made_of() {
        for (index, generation) in [(0, 0), (1, 0), (65_535, (1 << GENERATION_BITS) - 1)] {
            let handle = CallHandle::of_slot(index, generation);
            assert_eq!(handle.named(), Named::Slot { index: index as usize, generation });
            assert_eq!(CallHandle::from_bits(handle.to_bits()), Some(handle));
        }
        for (kind, below) in [(Marker::Disabled, Marker::Barrier), (Marker::Barrier, Marker::Disabled)] {
            for bottom in [Head::EMPTY, Head::of_slot(65_000)] {
                let head = bottom.push(below).unwrap().push(kind).unwrap();
                assert_eq!(CallHandle::of_marker(head, below).named(), Named::Marker { head, below });
            }
        }
        assert_eq!(CallHandle::UNTRACKED.named(), Named::Untracked);
        let forged = CallHandle::from_bits(1 << (usize::BITS - 1) | CallHandle::of_slot(3, 4).to_bits());
        assert!(!matches!(forged.map(CallHandle::named), Some(Named::Slot { index: 3, .. })));
        let beyond = (u32::MAX as usize + 1 + Head::of_slot(5).bits() as usize) << (TAG_BITS + 1) | TAG_MARKER;
        let head = Head::from_bits(u32::MAX);
        assert_eq!(
            CallHandle::from_bits(beyond).map(CallHandle::named),
            Some(Named::Marker { head, below: Marker::Disabled })
        );
        for bits in [1 << 30, 1 << 31, u32::MAX] {
            let head = Head::from_bits(bits);
            assert_eq!(
                CallHandle::of_marker(head, Marker::Barrier).named(),
                Named::Marker { head, below: Marker::Barrier }
            );
        }
        let largest = |index: usize| CallHandle::pack(index << GENERATION_BITS | 7, TAG_SLOT).named();
        assert_eq!(largest(MAX_INDEX), Named::Slot { index: MAX_INDEX, generation: 7 });
        assert_eq!(largest(MAX_INDEX + 1), Named::Slot { index: 0, generation: 7 }, "no larger one fits");
        assert_eq!(CallHandle::from_bits(0), None);
        assert_eq!(CallHandle::from_bits(4), None);
    }
}
