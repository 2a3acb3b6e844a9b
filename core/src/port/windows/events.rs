//! Sleeping on a call's word, with events.
//!
//! A table of beds: who sleeps writes the word's address into a free one and waits for the event of that bed; who wakes looks for the
//! address. Events stay in their beds, so a wake that comes too late wakes the next sleeper without reason at worst, and never
//! somebody else's event. A bed is at its address' place or a few behind, never farther than `FARTHEST`.
//!
//! No wake is lost: the sleeper writes its bed, then compares the word *by a read-modify-write*. If the waker's change of the word comes
//! before that, the sleeper sees it and does not sleep. If it comes after, the waker has acquired what the sleeper wrote, and finds it.

use super::super::{Side, WaitPoint};
use super::system::{self, Handle, INFINITE, quietly};
use crate::sync::Ordering::{AcqRel, Acquire, Relaxed, Release};
use crate::sync::{AtomicPtr, AtomicU32};

/// How many can sleep at once; those beyond it come back every millisecond.
const BEDS: usize = 512;

struct Bed {
    /// The word with the side in its lowest bits; null: free.
    sleeper: AtomicPtr<()>,
    /// An event that is reset by the wait; null before the first use.
    event: AtomicPtr<()>,
}

static TABLE: [Bed; BEDS] = [const { Bed { sleeper: AtomicPtr::new(null()), event: AtomicPtr::new(null()) } }; BEDS];
/// How far behind its place a bed was ever found.
static FARTHEST: AtomicU32 = AtomicU32::new(0);

const fn null() -> *mut () {
    core::ptr::null_mut()
}

/// Client and canceller sleep on one word; each is woken alone.
fn key(point: &WaitPoint) -> *mut () {
    let side = match point.side {
        Side::Client => 0,
        Side::Canceller => 1,
    };
    // the word is aligned to four bytes
    point.word.cast::<()>().cast_mut().map_addr(|word| word | side)
}

fn beds(key: *mut ()) -> impl Iterator<Item = (u32, &'static Bed)> {
    // slots are 32 bytes apart or more; the multiplication (by the golden ratio of 2^32) spreads tables of any stride
    let place = (((key.addr() as u32) >> 5).wrapping_mul(0x9E37_79B9) >> 16) as usize % BEDS;
    let (before, from) = TABLE.split_at_checked(place).unwrap_or((&[], TABLE.as_slice()));
    (0..).zip(from.iter().chain(before))
}

pub(super) fn wait(point: WaitPoint, ms: Option<u32>) {
    let ms = ms.unwrap_or(INFINITE);
    quietly(|| {
        let Some((bed, event)) = lie_down(key(&point)) else {
            // SAFETY: takes any number
            unsafe { system::Sleep(ms.min(1)) };
            return;
        };
        // SAFETY: the word is an atomic of the runtime, which outlives its waiters
        let word = unsafe { AtomicU32::from_ptr(point.word.cast_mut()) };
        // AcqRel: release: the bed, for whoever changes the word next. Relaxed on failure: the waiter looks at the call again
        if word.compare_exchange(point.value, point.value, AcqRel, Relaxed).is_ok() {
            // SAFETY: the event is closed by `free` only
            unsafe { system::WaitForSingleObject(event, ms) };
        }
        // Release: pairs with `lie_down`: whoever gets the bed next waits after this wait
        bed.sleeper.store(null(), Release);
    });
}

/// A bed with an event. None: all are taken, or the system has no event to give.
fn lie_down(key: *mut ()) -> Option<(&'static Bed, Handle)> {
    for (distance, bed) in beds(key) {
        // Relaxed: raised before the bed is written, and so visible to whoever finds it
        if FARTHEST.load(Relaxed) < distance {
            // Relaxed: as above
            FARTHEST.fetch_max(distance, Relaxed);
        }
        // Relaxed: a hint. AcqRel: release: pairs with `wake`; acquire: pairs with the sleeper before. Relaxed on failure: taken
        if !bed.sleeper.load(Relaxed).is_null() || bed.sleeper.compare_exchange(null(), key, AcqRel, Relaxed).is_err() {
            continue;
        }
        let event = event_of(bed);
        if event.is_null() {
            // Release: as in `wait`
            bed.sleeper.store(null(), Release);
            return None;
        }
        return Some((bed, event));
    }
    None
}

/// The event of a bed that is this thread's.
fn event_of(bed: &Bed) -> Handle {
    // Relaxed: written by a sleeper before, whose release of the bed was acquired
    let event = bed.event.load(Relaxed);
    if !event.is_null() {
        return event.cast();
    }
    // SAFETY: no name, no attributes; reset by the wait, and not set
    let event = unsafe { system::CreateEventW(core::ptr::null(), 0, 0, core::ptr::null()) };
    // Release: pairs with `wake`, which may look here before the sleeper compares the word
    bed.event.store(event.cast(), Release);
    event
}

pub(super) fn wake(point: WaitPoint) {
    let key = key(&point);
    // Relaxed: raised before the bed was written, which the change of the word has acquired
    let farthest = FARTHEST.load(Relaxed);
    for (distance, bed) in beds(key) {
        if distance > farthest {
            return;
        }
        // Acquire: pairs with `lie_down`
        if bed.sleeper.load(Acquire) != key {
            continue;
        }
        // Acquire: pairs with `event_of`. Null: it has not compared the word yet, and will find it changed
        let event = bed.event.load(Acquire);
        if !event.is_null() {
            super::set_event(event);
        }
    }
}

/// Closes the events.
///
/// # Safety
///
/// As [`unload`](super::unload).
pub(super) unsafe fn free() {
    for bed in &TABLE {
        // AcqRel: nobody uses the event after this
        let event = bed.event.swap(null(), AcqRel);
        if !event.is_null() {
            // SAFETY: this module's, and nobody waits for it any more
            unsafe { system::CloseHandle(event.cast()) };
        }
    }
}
