//! What a library without locks needs to be set up: a place for one shared reference, and a mark that storage is in use.

use core::marker::PhantomData;
use core::ptr::{NonNull, null_mut};

use crate::sync::Ordering::{AcqRel, Acquire, Relaxed, Release};
use crate::sync::{AtomicPtr, AtomicU32, const_fn};

/// A place for one `&'static T`, empty at first. Never waits.
#[derive(Debug)]
pub struct Global<T: 'static> {
    place: AtomicPtr<T>,
    shares: PhantomData<&'static T>,
}

impl<T> Global<T> {
    const_fn! {
        /// An empty place.
        #[must_use]
        pub const fn new() -> Self {
            Self { place: AtomicPtr::new(null_mut()), shares: PhantomData }
        }
    }

    /// What stands there.
    #[inline]
    pub fn get(&self) -> Option<&'static T> {
        // Acquire: pairs with `set` and `replace`; what is referred to is complete
        let place = NonNull::new(self.place.load(Acquire))?;
        // SAFETY: not NULL, so it came from a `&'static T`
        Some(unsafe { place.as_ref() })
    }

    /// Puts something else there.
    #[inline]
    pub fn set(&self, value: Option<&'static T>) {
        // Release: pairs with `get`
        self.place.store(pointer(value), Release);
    }

    /// Puts `value` there if `seen` is what stands there; else returns what does.
    ///
    /// # Errors
    ///
    /// What stands there.
    #[inline]
    pub fn replace(&self, seen: Option<&'static T>, value: Option<&'static T>) -> Result<(), Option<&'static T>> {
        // AcqRel: as `set`; acquire, also on failure: as `get`
        match self.place.compare_exchange(pointer(seen), pointer(value), AcqRel, Acquire) {
            Ok(_) => Ok(()),
            // SAFETY: as in `get`
            Err(found) => Err(NonNull::new(found).map(|found| unsafe { found.as_ref() })),
        }
    }
}

fn pointer<T>(value: Option<&'static T>) -> *mut T {
    value.map_or(null_mut(), |value| (&raw const *value).cast_mut())
}

/// The mark of storage that a foreign language supplies: free, being set up, or in use. All zero is free.
///
/// Of two who set up at once one wins, and nobody waits.
#[derive(Debug)]
#[repr(transparent)]
pub struct Life(AtomicU32);

const FREE: u32 = 0;
const BUSY: u32 = 1;
/// No number that memory is likely to hold by chance.
const IN_USE: u32 = 0xC0CA_11ED;

impl Life {
    const_fn! {
        /// Free.
        #[must_use]
        pub const fn new() -> Self {
            Self(AtomicU32::new(FREE))
        }
    }

    /// Takes storage that is free; `false` if somebody has it.
    #[inline]
    pub fn begin(&self) -> bool {
        // Acquire: pairs with `end`. Relaxed on failure: nothing is read
        self.0.compare_exchange(FREE, BUSY, Acquire, Relaxed).is_ok()
    }

    /// All is set up.
    #[inline]
    pub fn ready(&self) {
        // Release: pairs with `is_ready`
        self.0.store(IN_USE, Release);
    }

    /// Whether it is in use.
    #[inline]
    pub fn is_ready(&self) -> bool {
        // Acquire: pairs with `ready`
        self.0.load(Acquire) == IN_USE
    }

    /// Takes storage in use out of use, for [`end`](Self::end) or [`ready`](Self::ready) again.
    #[inline]
    pub fn retire(&self) -> bool {
        // Acquire: what was done under it comes before. Relaxed on failure: nothing is read
        self.0.compare_exchange(IN_USE, BUSY, Acquire, Relaxed).is_ok()
    }

    /// It is free again.
    #[inline]
    pub fn end(&self) {
        // Release: pairs with `begin`
        self.0.store(FREE, Release);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_takes_one_and_says_who_was_first() {
        static NUMBERS: [u32; 2] = [1, 2];
        let [one, two] = &NUMBERS;
        let place = Global::new();
        assert_eq!(place.get(), None);
        assert_eq!(place.replace(None, Some(one)), Ok(()));
        assert_eq!(place.replace(None, Some(two)), Err(Some(one)));
        assert_eq!(place.replace(Some(two), None), Err(Some(one)));
        assert_eq!(place.get(), Some(one));
        assert_eq!(place.replace(Some(one), None), Ok(()));
        assert_eq!(place.replace(Some(one), None), Err(None));
        place.set(Some(two));
        assert_eq!(place.get(), Some(two));
        place.set(None);
        assert_eq!(place.get(), None);
    }

    #[test]
    fn storage_is_taken_once_and_out_of_use_once() {
        let life = Life::new();
        assert!(!life.is_ready() && !life.retire());
        assert!(life.begin() && !life.begin() && !life.is_ready() && !life.retire());
        life.ready();
        assert!(life.is_ready() && !life.begin());
        assert!(life.retire() && !life.retire() && !life.is_ready() && !life.begin());
        life.end();
        assert!(life.begin());
    }
}
