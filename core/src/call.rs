//! A call slot: the words of one call.
//!
//! # Who may touch what
//!
//! 1. `state` is changed by compare-exchange only, except where nobody else can: filling a claimed slot, and the owner's
//!    publishing of its vacant home slot, are plain stores.
//! 2. `host`, `context`, `outer` and the first value of `request` are written between claim and publish, by the one who
//!    claimed. From then on they are constant, but for rules 4 and 5, until the slot is vacant.
//! 3. Whoever holds a pin may read them; pinning (acquire) makes them visible.
//! 4. `outer` belongs to the client's thread while the call is on its stack. `serving` and `saved` belong to the serving
//!    thread from `enter` to `leave`.
//! 5. `context` may be written by the client's thread before it announces that it waits; `canceller` by the elected
//!    canceller before it announces. The announcement (release) makes it visible to whoever takes the waiting bit (acquire).
//! 6. `result` is written by the server's side before it takes the call to *failed*.
//! 7. The last unpin reads the payload before its compare-exchange, not after: the slot is vacant in one step, and nobody
//!    can claim it in between. Only then does foreign code run (retire, Release).
//!
//! All words are atomics, so a rule broken by a host shows as a wrong answer, never as a data race.

use crate::hresult::Hresult;
use crate::request::Request;
use crate::stack::Head;
use crate::state::{Did, Refused, State, Step, Stepped};
#[cfg(feature = "com")]
use crate::sync::ForeignPtr;
use crate::sync::Ordering::{AcqRel, Acquire, Relaxed, Release};
use crate::sync::{AtomicPtr, AtomicU32, const_fn};

/// The storage of one call. Its layout is private; its size is fixed: 64 bytes on hosts, of which those that a canceller looks at
/// are the first 32; 32 bytes on 32-bit targets without an operating system (44 with the feature `com`).
#[derive(Debug)]
#[repr(C)]
#[cfg_attr(not(target_os = "none"), repr(align(32)))]
pub struct CallSlot {
    /// Set when the slot's standard cancel object is first handed out; a COM object *is* a pointer to this pointer.
    #[cfg(feature = "com")]
    vtable: ForeignPtr<()>,
    state: AtomicU32,
    request: AtomicU32,
    outer: AtomicU32,
    serving: AtomicU32,
    result: AtomicU32,
    /// COM references, all of which share one pin.
    #[cfg(feature = "com")]
    refs: AtomicU32,
    host: AtomicPtr<()>,
    context: AtomicPtr<()>,
    canceller: AtomicPtr<()>,
    /// The serving thread's call context before it entered this call.
    #[cfg(feature = "com")]
    saved: AtomicPtr<()>,
}

/// What a transition that may drop the last pin did, with what could be read only while the pin was still held.
#[derive(Clone, Copy, Debug)]
#[must_use = "contexts have to be retired and custom objects released"]
pub(crate) struct Passed {
    pub(crate) did: Did,
    pub(crate) host: *mut (),
    /// The failure that the server's side left, where the phase is *failed*.
    pub(crate) result: Hresult,
    pub(crate) context: *mut (),
    pub(crate) canceller: *mut (),
}

/// What a call is filled with before it is published.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Payload {
    pub(crate) host: *mut (),
    pub(crate) context: *mut (),
    pub(crate) request: Request,
    pub(crate) outer: Head,
}

impl CallSlot {
    const_fn! {
        /// A vacant slot.
        #[must_use]
        pub const fn new() -> Self {
            Self {
                #[cfg(feature = "com")]
                vtable: ForeignPtr::new(core::ptr::null_mut()),
                state: AtomicU32::new(State::VACANT.bits()),
                request: AtomicU32::new(0),
                outer: AtomicU32::new(0),
                serving: AtomicU32::new(0),
                result: AtomicU32::new(0),
                #[cfg(feature = "com")]
                refs: AtomicU32::new(0),
                host: AtomicPtr::new(core::ptr::null_mut()),
                context: AtomicPtr::new(core::ptr::null_mut()),
                canceller: AtomicPtr::new(core::ptr::null_mut()),
                #[cfg(feature = "com")]
                saved: AtomicPtr::new(core::ptr::null_mut()),
            }
        }
    }

    /// The state as of now, and all that was written before it.
    #[inline]
    pub(crate) fn state(&self) -> State {
        // Acquire: pairs with every transition's release; what a phase promises can be read after it
        State::from_bits(self.state.load(Acquire))
    }

    /// Makes a vacant slot that nobody has seen follow another one's generations.
    #[cfg(all(feature = "posix", unix))]
    pub(crate) fn copy_generation(&self, original: &Self) {
        let vacant = original.state().of_copy();
        // left alone where there is nothing to copy: untouched memory costs nothing
        if vacant != State::VACANT {
            // Relaxed: published with the runtime
            self.state.store(vacant.bits(), Relaxed);
        }
    }

    /// The address that waiters of this call sleep on.
    #[inline]
    pub(crate) fn word(&self) -> *const u32 {
        (&raw const self.state).cast()
    }

    /// Moves the state of the call that `generation` means, or of whatever is in the slot, by `step` until its compare-exchange succeeds or it
    /// refuses.
    ///
    /// On boards one copy in the image, to which the steps are passed as functions.
    #[cfg_attr(target_os = "none", inline(never))]
    #[cfg_attr(not(target_os = "none"), inline)]
    pub(crate) fn transition(&self, generation: Option<u32>, step: fn(State) -> Stepped) -> Stepped {
        self.pass(generation, step, |_, step| step)
    }

    /// The same for a step that may drop the last pin.
    #[cfg_attr(target_os = "none", inline(never))]
    #[cfg_attr(not(target_os = "none"), inline)]
    pub(crate) fn drop_by(&self, generation: Option<u32>, step: fn(State) -> Stepped) -> Result<Passed, Refused> {
        self.pass(generation, step, Self::payload)
    }

    /// Drops a pin that is not needed for anything more; what was in the slot, if it is vacant now.
    #[inline]
    pub(crate) fn unpin(&self) -> Option<Passed> {
        // with others' pins left the payload's cache line need not be touched
        let payload = |slot: &Self, step: Step| if step.did.vacated() { Some(slot.payload(step)) } else { None };
        self.pass(None, State::unpin, payload).ok().flatten()
    }

    /// To be read before the compare-exchange, while our pin keeps it constant (rule 7).
    #[inline]
    fn payload(&self, step: Step) -> Passed {
        Passed {
            did: step.did,
            host: self.host(),
            result: self.result(),
            context: self.context(),
            canceller: self.canceller(),
        }
    }

    #[inline]
    fn pass<T>(
        &self,
        generation: Option<u32>,
        step: fn(State) -> Stepped,
        read: impl Fn(&Self, Step) -> T,
    ) -> Result<T, Refused> {
        let mut current = self.state();
        loop {
            if let Some(generation) = generation {
                current.of(generation)?;
            }
            let step = step(current)?;
            let out = read(self, step);
            // AcqRel: release publishes what this side wrote (reply, wake context) to whoever sees the new word, and keeps
            // a dropping step's payload reads above it; acquire shows what the others wrote before theirs.
            // Acquire on failure: the next round decides, and reads the payload, on the word it saw.
            match self.state.compare_exchange(current.bits(), step.next.bits(), AcqRel, Acquire) {
                Ok(_) => return Ok(out),
                Err(seen) => current = State::from_bits(seen),
            }
        }
    }

    /// One attempt to move the state from `seen`, for a step that wakes nobody and leaves nothing to clear up.
    #[inline]
    pub(crate) fn replace(&self, seen: State, next: State) -> bool {
        // AcqRel: as in `transition`. Relaxed on failure: the caller goes on with `transition`, which looks anew
        self.state.compare_exchange(seen.bits(), next.bits(), AcqRel, Relaxed).is_ok()
    }

    /// Whether nobody's wake context stands here; as in `transition`, to be asked while a pin is held.
    #[inline]
    pub(crate) fn is_without_contexts(&self) -> bool {
        self.context().is_null() && self.canceller().is_null()
    }

    /// Takes a vacant slot of the shared table, for [`publish`](Self::publish).
    #[inline]
    pub(crate) fn claim(&self) -> Option<State> {
        // Relaxed: only a hint, the compare-exchange decides
        let seen = State::from_bits(self.state.load(Relaxed));
        let claimed = seen.claim()?;
        // Acquire: pairs with the last unpin's release, so that our writes come after its reads of the old payload.
        // Relaxed on failure: somebody else took it and nothing of it is read
        self.state.compare_exchange(seen.bits(), claimed.bits(), Acquire, Relaxed).ok()?;
        Some(claimed)
    }

    /// Fills a claimed slot, or the calling thread's vacant home slot, and makes it visible.
    #[inline]
    pub(crate) fn publish(&self, state: State, payload: Payload) {
        // Relaxed, all: the slot is ours alone until the store below, whose release makes them visible
        self.host.store(payload.host, Relaxed);
        self.context.store(payload.context, Relaxed);
        self.canceller.store(core::ptr::null_mut(), Relaxed);
        self.request.store(payload.request.bits(), Relaxed);
        self.outer.store(payload.outer.bits(), Relaxed);
        self.result.store(0, Relaxed);
        // Release: pairs with the acquire of whoever pins it. A plain store is enough: nobody else changes a claimed
        // word, nor a vacant home slot's
        self.state.store(state.bits(), Release);
    }

    #[inline]
    pub(crate) fn request(&self) -> Request {
        // Acquire: pairs with `ask`; who sees a request also sees what its canceller did before
        Request::from_bits(self.request.load(Acquire))
    }

    /// One attempt to change the request word; `false` if it changed meanwhile.
    #[inline]
    pub(crate) fn ask(&self, seen: Request, next: Request) -> bool {
        // AcqRel: elects the canceller. Release pairs with `request`; acquire orders this before the canceller's
        // read-modify-write of `state`, which is what finds a client that announced itself meanwhile.
        // Relaxed on failure: the caller reads the word anew
        self.request.compare_exchange(seen.bits(), next.bits(), AcqRel, Relaxed).is_ok()
    }

    #[inline]
    pub(crate) fn host(&self) -> *mut () {
        // Relaxed: visible by the acquire of the pin (rule 3)
        self.host.load(Relaxed)
    }

    #[inline]
    pub(crate) fn context(&self) -> *mut () {
        // Relaxed: rules 3 and 5
        self.context.load(Relaxed)
    }

    #[inline]
    pub(crate) fn canceller(&self) -> *mut () {
        // Relaxed: rule 5
        self.canceller.load(Relaxed)
    }

    /// The client's own context for a blocking wait, where `begin` brought none.
    #[inline]
    pub(crate) fn set_context(&self, context: *mut ()) {
        // Relaxed: the announcement that follows releases it (rule 5)
        self.context.store(context, Relaxed);
    }

    /// The elected canceller's context.
    #[inline]
    pub(crate) fn set_canceller(&self, context: *mut ()) {
        // Relaxed: the announcement that follows releases it (rule 5)
        self.canceller.store(context, Relaxed);
    }

    #[inline]
    pub(crate) fn outer(&self) -> Head {
        // Relaxed: read by the thread that writes it, or to tell whether the call was ever on a stack (rules 2 and 4)
        Head::from_bits(self.outer.load(Relaxed))
    }

    #[inline]
    pub(crate) fn set_outer(&self, head: Head) {
        // Relaxed: rule 4
        self.outer.store(head.bits(), Relaxed);
    }

    #[inline]
    pub(crate) fn serving(&self) -> Head {
        // Relaxed: rule 4
        Head::from_bits(self.serving.load(Relaxed))
    }

    #[inline]
    pub(crate) fn set_serving(&self, head: Head) {
        // Relaxed: rule 4
        self.serving.store(head.bits(), Relaxed);
    }

    /// The failure that the server's side left, once the phase is *failed*; `E_FAIL` if it could leave none.
    #[inline]
    pub(crate) fn result(&self) -> Hresult {
        // Relaxed: visible by the acquire of the phase (rule 6)
        match self.result.load(Relaxed) {
            0 => Hresult::E_FAIL,
            code => Hresult(code as i32),
        }
    }

    /// Leaves a failure; the first one stays.
    #[inline]
    pub(crate) fn set_result(&self, code: u32) {
        // Relaxed: published by the transition to *failed*; a compare-exchange only so that a second caller changes nothing
        let _ = self.result.compare_exchange(0, code, Relaxed, Relaxed);
    }
}

/// What the slot needs to be a COM object.
#[cfg(feature = "com")]
impl CallSlot {
    /// The slot as a COM object: a pointer to its vtable pointer.
    #[inline]
    pub(crate) fn object(&self) -> *mut () {
        (&raw const *self).cast_mut().cast()
    }

    /// Makes the object one of the runtime whose vtable stands there, before the object is handed out.
    #[inline]
    pub(crate) fn set_vtable(&self, vtable: *mut ()) {
        // Acquire: whoever finds it set hands the object out, too, and foreign code then reads it by a plain load, which must come after the write
        let seen = self.vtable.load(Acquire);
        if seen != vtable {
            // Release, and Acquire on failure: as above. A compare-exchange, so that nobody writes it while foreign code may be reading it
            let _ = self.vtable.compare_exchange(seen, vtable, Release, Acquire);
        }
    }

    /// One COM reference more; returns the count before. It sticks at its maximum and never wraps.
    #[inline]
    pub(crate) fn add_reference(&self) -> u32 {
        self.count(|count| if count == u32::MAX { count } else { count + 1 })
    }

    /// One COM reference more if there are any; returns the count before.
    #[inline]
    pub(crate) fn add_to_references(&self) -> u32 {
        self.count(|count| if count == 0 || count == u32::MAX { count } else { count + 1 })
    }

    /// One COM reference less; returns the count before. One too many changes nothing.
    #[inline]
    pub(crate) fn drop_reference(&self) -> u32 {
        self.count(|count| if count == u32::MAX { count } else { count.saturating_sub(1) })
    }

    #[inline]
    fn count(&self, step: impl Fn(u32) -> u32) -> u32 {
        // Relaxed: only the count itself; the compare-exchange decides
        let mut seen = self.refs.load(Relaxed);
        loop {
            // AcqRel: what was done under the references comes before the unpin of whoever drops the last.
            // Relaxed on failure: tried again with what was found
            match self.refs.compare_exchange(seen, step(seen), AcqRel, Relaxed) {
                Ok(_) => return seen,
                Err(found) => seen = found,
            }
        }
    }

    /// The serving thread's context before it entered this call (rule 4).
    #[inline]
    pub(crate) fn saved(&self) -> *mut () {
        // Relaxed: rule 4
        self.saved.load(Relaxed)
    }

    #[inline]
    pub(crate) fn set_saved(&self, context: *mut ()) {
        // Relaxed: rule 4
        self.saved.store(context, Relaxed);
    }
}

#[cfg(not(any(loom, target_os = "none")))]
const _: () = assert!(size_of::<CallSlot>() == 64);
#[cfg(all(not(loom), target_os = "none", target_pointer_width = "32", not(feature = "com")))]
const _: () = assert!(size_of::<CallSlot>() <= 32);
#[cfg(all(not(loom), target_os = "none", target_pointer_width = "32", feature = "com"))]
const _: () = assert!(size_of::<CallSlot>() <= 44);

#[cfg(all(test, feature = "com"))]
mod tests;
