//! The operations, over the tables of one storage and the services of one port.
//!
//! | module | operations |
//! |---|---|
//! | [`client`] | begin, poll, wait, finish |
//! | [`server`] | serve, enter, leave, complete, abandon, test |
//! | [`cancel`] | find what to cancel, request, wait for the server |
//! | [`threads`] | enable, disable, attach, thread exit |
//! | [`tick`] | expiring what is due |
//! | [`inspect`] | snapshot, deinit |

pub(crate) mod cancel;
pub(crate) mod client;
pub(crate) mod inspect;
pub(crate) mod server;
pub(crate) mod threads;
pub(crate) mod tick;

use crate::call::{CallSlot, Passed};
use crate::event::{Event, EventKind};
use crate::handle::{CallHandle, Named};
use crate::hresult::Hresult;
use crate::port::{Port, Side, WaitPoint};
use crate::state::{Did, Phase, Refused, State};
use crate::storage::Storage;
use crate::sync::AtomicU32;
use crate::sync::Ordering::{AcqRel, Acquire, Relaxed};
use crate::thread::ThreadSlot;
use crate::time::{Deadline, Instant, extend};

/// Call cancellation for the threads of one host: its tables, its clock and its port.
///
/// Several runtimes can live side by side; each knows only its own threads and calls. All operations take `&self` and may be
/// called from every thread; which of them an interrupt handler may call is said at each. So is its
/// progress: the claim, and the row of docs/progress.md that says what bounds it.
#[derive(Debug)]
#[repr(C)]
pub struct Runtime<P, S> {
    /// First, so that a cancel object's vtable pointer leads to its runtime.
    #[cfg(feature = "com")]
    pub(crate) vtable: crate::com::object::Vtable,
    pub(crate) port: P,
    pub(crate) storage: S,
    /// The half period of the tick that was seen last.
    half: AtomicU32,
    shared: Shared,
}

/// What several threads write, apart from what all of them read.
#[derive(Debug)]
#[cfg_attr(not(target_os = "none"), repr(align(64)))]
struct Shared {
    /// When the next deadline comes, as far as a tick has to know.
    next_due: AtomicU32,
    /// Where the last tick's budget ended.
    cursor: AtomicU32,
    /// How many rounds of ticks have begun.
    rounds: AtomicU32,
    /// Where a free call slot is likely.
    free_call: AtomicU32,
    /// Where a free thread slot is likely.
    free_thread: AtomicU32,
}

/// A slot with its index.
pub(crate) type Slot<'r> = (u32, &'r CallSlot);

impl<P: Port, S: Storage> Runtime<P, S> {
    /// A runtime in which nothing has begun. `const`, so that it can stand in a `static`.
    #[cfg(not(loom))]
    #[must_use]
    pub const fn new(port: P, storage: S) -> Self {
        Self {
            #[cfg(feature = "com")]
            vtable: crate::com::object::Vtable::of::<P, S>(),
            port,
            storage,
            half: AtomicU32::new(0),
            shared: Shared {
                next_due: AtomicU32::new(Deadline::NEVER.bits()),
                cursor: AtomicU32::new(0),
                rounds: AtomicU32::new(0),
                free_call: AtomicU32::new(0),
                free_thread: AtomicU32::new(0),
            },
        }
    }

    /// A runtime in which nothing has begun.
    #[cfg(loom)]
    pub fn new(port: P, storage: S) -> Self {
        Self {
            #[cfg(feature = "com")]
            vtable: crate::com::object::Vtable::of::<P, S>(),
            port,
            storage,
            half: AtomicU32::new(0),
            shared: Shared {
                next_due: AtomicU32::new(Deadline::NEVER.bits()),
                cursor: AtomicU32::new(0),
                rounds: AtomicU32::new(0),
                free_call: AtomicU32::new(0),
                free_thread: AtomicU32::new(0),
            },
        }
    }

    /// The port this runtime was made with.
    pub fn port(&self) -> &P {
        &self.port
    }

    /// The time on the extended clock.
    #[inline]
    pub(crate) fn now(&self) -> Instant {
        // Acquire: pairs with the release below; the tick is read after it, so it is not older than the half period
        let seen = self.half.load(Acquire);
        let (half, now) = extend(seen, self.port.tick());
        if half != seen {
            // AcqRel: as the load. Relaxed on failure: somebody else advanced it, to the same value
            let _ = self.half.compare_exchange(seen, half, AcqRel, Relaxed);
        }
        now
    }

    /// How many indices of slots there are: the shared ones, and past them the home slots where threads have them.
    #[inline]
    pub(crate) fn slots(&self) -> u32 {
        let homes = if ThreadSlot::HOME.is_some() { self.storage.threads().len() } else { 0 };
        (self.storage.calls().len() + homes) as u32
    }

    /// The slot of that index: a shared one, or past them the home slot of a thread.
    #[inline]
    pub(crate) fn slot(&self, index: u32) -> Option<&CallSlot> {
        self.slot_numbered(index as usize)
    }

    #[inline]
    fn slot_numbered(&self, index: usize) -> Option<&CallSlot> {
        let calls = self.storage.calls();
        match calls.get(index) {
            Some(slot) => Some(slot),
            None => self.storage.threads().get(index - calls.len())?.home(),
        }
    }

    /// The slot that a handle means, or the code for one that took none. The generation is checked by each transition.
    #[inline]
    pub(crate) fn named(&self, call: CallHandle) -> Result<(Slot<'_>, u32), Named> {
        match call.named() {
            Named::Slot { index, generation } => match self.slot_numbered(index) {
                Some(slot) => Ok(((index as u32, slot), generation)),
                None => Err(Named::Slot { index, generation }),
            },
            other => Err(other),
        }
    }

    /// Takes a vacant shared slot.
    pub(crate) fn claim(&self) -> Option<(Slot<'_>, State)> {
        // Relaxed: a hint
        round(self.storage.calls(), self.shared.free_call.load(Relaxed)).find_map(|(index, slot)| {
            let state = slot.claim()?;
            // Relaxed: a hint
            self.shared.free_call.store(index + 1, Relaxed);
            Some(((index, slot), state))
        })
    }

    /// Drops a pin.
    #[inline]
    pub(crate) fn unpin(&self, (index, slot): Slot<'_>) {
        if let Some(passed) = slot.unpin() {
            self.clear_up(index, &passed);
        }
    }

    /// Does what a transition that may drop a pin left to do.
    pub(crate) fn settle(&self, slot: Slot<'_>, generation: u32, passed: &Passed) {
        self.wake(slot, generation, passed.did);
        if passed.did.unpins_after() {
            self.unpin(slot);
        }
        if passed.did.vacated() {
            self.clear_up(slot.0, passed);
        }
    }

    /// A slot has become vacant: the next call may look there first.
    #[inline]
    pub(crate) fn offer(&self, index: u32) {
        if (index as usize) < self.storage.calls().len() {
            // Relaxed: a hint
            self.shared.free_call.store(index, Relaxed);
        }
    }

    /// What is left to do for a slot that has become vacant: foreign code, which may well call back in here.
    fn clear_up(&self, index: u32, passed: &Passed) {
        self.offer(index);
        for context in [passed.context, passed.canceller] {
            if !context.is_null() {
                self.port.retire(context);
            }
        }
        #[cfg(feature = "com")]
        if passed.did.phase() == Phase::Custom {
            crate::com::custom::release(passed.host);
        }
    }

    /// Wakes whom a transition concerns. The caller still holds a pin, which keeps their contexts alive.
    #[inline]
    pub(crate) fn wake(&self, slot: Slot<'_>, generation: u32, did: Did) {
        if did.wakes_anybody() {
            self.wake_some(slot, generation, did);
        }
    }

    #[cold]
    fn wake_some(&self, (index, slot): Slot<'_>, generation: u32, did: Did) {
        let point = |side, context| WaitPoint { word: slot.word(), value: 0, side, context };
        if did.wakes_client() {
            self.port.wake(point(Side::Client, slot.context()));
        }
        if did.wakes_canceller() {
            self.port.wake(point(Side::Canceller, slot.canceller()));
        }
        if did.tells_server() {
            let deadline = slot.request().deadline();
            let canceled = slot.state().is(Phase::Canceled);
            let remaining = if canceled { Some(0) } else { self.remaining(deadline) };
            self.port.cancel_requested(CallHandle::of_slot(index, generation), slot.context(), remaining);
        }
    }

    /// Milliseconds to a deadline, for a wait of the port's; never so long that the clock could be missed.
    pub(crate) fn remaining(&self, deadline: Deadline) -> Option<u32> {
        if deadline == Deadline::NEVER {
            return None;
        }
        const LONGEST: u32 = 1 << 30;
        deadline.remaining(self.now()).map(|ms| ms.min(u64::from(LONGEST)) as u32)
    }

    // on boards one copy of the test for a hook; a port that has none leaves nothing of the calls
    #[cfg_attr(target_os = "none", inline(never))]
    pub(crate) fn event(&self, kind: EventKind, call: CallHandle) {
        self.port.event(Event { kind, call });
    }
}

/// All of a table with their indices, from `start` round to the one before it.
#[inline]
pub(crate) fn round<T>(table: &[T], start: u32) -> impl Iterator<Item = (u32, &T)> {
    let length = table.len() as u32;
    let mut next = start;
    (0..length).filter_map(move |_| {
        let index = if next < length { next } else { 0 };
        next = index + 1;
        Some((index, table.get(index as usize)?))
    })
}

/// The code for a transition that was refused because of bad input.
pub(crate) fn bad_input(refused: Refused) -> Hresult {
    match refused {
        Refused::Stale => Hresult::E_INVALIDARG,
        Refused::Saturated => Hresult::E_OUTOFMEMORY,
        Refused::Phase(_) | Refused::OutOfOrder => Hresult::E_UNEXPECTED,
    }
}

#[cfg(all(test, not(loom)))]
mod tests;
