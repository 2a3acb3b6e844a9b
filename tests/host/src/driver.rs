//! Performs the model's operations on the library.

use std::collections::{BTreeMap, BTreeSet};

use cocancel::com::Guid;
use cocancel::com::guid::{IID_ICANCEL_METHOD_CALLS, IID_IUNKNOWN};
use cocancel::com::object::Vtable;
use cocancel::{CallHandle, Hresult, Outcome, Poll, Port, Refusal, Reply, Runtime, Storage, Timeout, Waiting};
use cocancel_model::{CallId, CustomId, CustomObject, FrameId, Iid, Object, Op, Owner, ReferenceId};
use parking_lot::{Mutex, MutexGuard};

use crate::custom::Custom;
use crate::options;

/// What the library answered, in the model's terms.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    /// The HRESULT.
    pub hresult: u32,
    /// Who owns the record from now on.
    pub owner: Owner,
    /// When to look again, where the operation says so.
    pub due_in: Option<Option<u64>>,
    /// The context that was switched out.
    pub context: Context,
}

/// A call context, as far as it can be told from outside.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Context {
    /// None.
    #[default]
    None,
    /// One of the library's own.
    Standard,
    /// One of the tests' own.
    Custom(CustomId),
}

impl Answer {
    /// An answer that is only an HRESULT.
    pub fn of(code: impl Into<Hresult>) -> Self {
        Self { hresult: code.into().0 as u32, owner: Owner::None, due_in: None, context: Context::None }
    }

    /// The same, and whose the record is.
    #[must_use]
    pub fn owned_by(self, owner: Owner) -> Self {
        Self { owner, ..self }
    }

    fn due_in(self, ms: Option<u32>) -> Self {
        Self { due_in: Some(ms.map(u64::from)), ..self }
    }
}

/// A COM object that the library handed out.
#[derive(Clone, Copy, Debug)]
struct Handed(*mut ());

// SAFETY: COM objects, the library's and the tests', may be used by any thread
unsafe impl Send for Handed {}

/// What stands behind the model's names.
#[derive(Debug, Default)]
struct Names {
    calls: BTreeMap<CallId, CallHandle>,
    frames: BTreeMap<FrameId, CallHandle>,
    references: BTreeMap<ReferenceId, Handed>,
    /// The context that was switched out last, and contexts by name.
    switched_out: Option<Handed>,
    contexts: BTreeMap<Object, Handed>,
    /// Calls whose client is elsewhere.
    served: BTreeSet<CallId>,
}

/// The library, driven by the model's operations. Several threads may drive it at once.
#[derive(Debug)]
pub struct Driver<P: 'static, S: 'static> {
    /// What is driven.
    pub runtime: &'static Runtime<P, S>,
    /// The tests' own objects, by the model's numbers.
    pub customs: Vec<&'static Custom>,
    names: Mutex<Names>,
}

fn timeout(ms: Option<u64>) -> Timeout {
    match ms {
        None => Timeout::INFINITE,
        Some(ms) if ms < u64::from(u32::MAX) => Timeout::millis(ms as u32),
        Some(ms) => Timeout::seconds((ms / 1000) as u32),
    }
}

/// The timeout for a COM function, which is given in whole seconds.
fn seconds(ms: Option<u64>) -> u32 {
    ms.map_or(u32::MAX, |ms| (ms / 1000) as u32)
}

fn methods(object: Handed) -> &'static Vtable {
    // SAFETY: a COM object begins with its vtable pointer, which lives as long as its runtime, or is static
    unsafe { &**object.0.cast::<*const Vtable>() }
}

fn outcome(outcome: Outcome) -> Answer {
    match outcome {
        Outcome::Completed => Answer::of(Hresult::S_OK),
        Outcome::Failed(code) => Answer::of(code),
        Outcome::Canceled => Answer::of(Hresult::RPC_E_CALL_CANCELED),
    }
}

/// `to`: who owns a record that is delivered; the server's side, where the client is elsewhere.
fn reply(reply: Result<Reply, Hresult>, to: Owner) -> Answer {
    match reply {
        Ok(Reply::Delivered) => Answer::of(Hresult::S_OK).owned_by(to),
        Ok(Reply::Orphaned(_)) => Answer::of(Hresult::RPC_E_CALL_CANCELED).owned_by(Owner::Server),
        Err(code) => Answer::of(code),
    }
}

fn waiting(wait: bool) -> Waiting {
    if wait { Waiting::Allowed } else { Waiting::Never }
}

/// The interface id itself.
pub fn guid(iid: Iid) -> Guid {
    match iid {
        Iid::Unknown => IID_IUNKNOWN,
        Iid::CancelMethodCalls => IID_ICANCEL_METHOD_CALLS,
        Iid::Other => Guid { data1: 1, data2: 2, data3: 3, data4: [4; 8] },
    }
}

impl<P: Port + 'static, S: Storage + 'static> Driver<P, S> {
    /// Drives a runtime of its own, with objects that behave so.
    pub fn new(port: P, storage: S, customs: &[CustomObject]) -> Self {
        let runtime = crate::forever(Runtime::new(port, storage));
        let customs = customs.iter().cloned().map(Custom::new).collect();
        Self { runtime, customs, names: Mutex::default() }
    }

    fn names(&self) -> MutexGuard<'_, Names> {
        self.names.lock()
    }

    /// The handle of a call, also of one that took no slot.
    pub fn handle(&self, call: CallId) -> CallHandle {
        self.names().calls[&call]
    }

    /// All calls that were begun.
    pub fn calls(&self) -> Vec<CallId> {
        self.names().calls.keys().copied().collect()
    }

    /// All references that are held.
    pub fn references(&self) -> Vec<ReferenceId> {
        self.names().references.keys().copied().collect()
    }

    /// A call that is no more, and whose handle therefore is nobody's business.
    pub fn forget(&self, call: CallId) {
        self.names().calls.remove(&call);
    }

    /// Another name for a handle that nobody was given: of the slot of this call, but not of this call.
    ///
    /// # Panics
    ///
    /// When the handle does not look like one.
    pub fn forge(&self, forged: CallId, call: CallId, bit: u32) {
        let bits = self.handle(call).to_bits() ^ (1 << bit);
        self.names().calls.insert(forged, CallHandle::from_bits(bits).expect("the tag is as it was"));
    }

    /// Remembers a context that was just switched out by the model's name for it.
    pub fn name_context(&self, name: Object) {
        let mut names = self.names();
        if let Some(out) = names.switched_out {
            names.contexts.insert(name, out);
        }
    }

    /// Performs an operation on the calling thread. The clock is the port's own matter.
    ///
    /// # Panics
    ///
    /// When the operation names what was never made, or is not one of the library's.
    pub fn perform(&self, op: Op) -> Answer {
        let rt = self.runtime;
        let recipient = |call: CallId| if self.names().served.contains(&call) { Owner::Server } else { Owner::Client };
        match op {
            Op::Tick => Answer::of(Hresult::S_OK).due_in(rt.tick(1000)),
            Op::ThreadExit => {
                rt.thread_exit();
                Answer::of(Hresult::S_OK)
            }
            Op::Enable => Answer::of(rt.enable()),
            Op::Disable => Answer::of(rt.disable()),
            Op::SetCancelObject(custom) => {
                // SAFETY: it lives longer than the runtime
                Answer::of(unsafe { rt.co_set_cancel_object(self.customs[custom].object()) })
            }
            Op::UnsetCancelObject => Answer::of(rt.co_unset_cancel_object()),
            Op::Begin { call, context, own_timeout, always_slot } => {
                let options = options(call, context).timeout(timeout(own_timeout));
                let begun = rt.begin(if always_slot { options.always_slot() } else { options });
                self.names().calls.insert(call, begun.call);
                Answer::of(begun.cancellable)
            }
            Op::BeginAsync { previous: Some(before), .. } if rt.is_unfinished(self.handle(before)) => {
                Answer::of(Hresult::RPC_S_CALLPENDING)
            }
            Op::BeginAsync { call, context, own_timeout, .. } => {
                let begun = rt.begin_async(options(call, context).timeout(timeout(own_timeout)));
                self.names().calls.insert(call, begun.call);
                Answer::of(begun.cancellable)
            }
            Op::Serve { call } => {
                let begun = rt.serve(options(call, false));
                let mut names = self.names();
                names.calls.insert(call, begun.call);
                if begun.cancellable.is_ok() {
                    names.served.insert(call);
                }
                Answer::of(begun.cancellable)
            }
            Op::Poll { call } => match rt.poll(self.handle(call)) {
                Ok(Poll::Ended(end)) => outcome(end),
                Ok(Poll::Pending(due)) => Answer::of(Hresult::RPC_S_CALLPENDING).due_in(due),
                Err(code) => Answer::of(code),
            },
            Op::Wait { call } => rt.wait(self.handle(call)).map_or_else(Answer::of, outcome),
            Op::Finish { call } => match rt.finish(self.handle(call)) {
                Ok(end) => outcome(end).owned_by(if end == Outcome::Canceled { Owner::None } else { Owner::Client }),
                Err(code) => Answer::of(code),
            },
            Op::Enter { call, frame } => match rt.enter(self.handle(call)) {
                Ok(entered) => {
                    self.names().frames.insert(frame, entered);
                    Answer::of(Hresult::S_OK)
                }
                Err(Refusal::Canceled(_)) => Answer::of(Hresult::RPC_E_CALL_CANCELED).owned_by(Owner::Server),
                Err(Refusal::BadInput(code)) => Answer::of(code),
            },
            Op::Leave { frame } => {
                let frame = self.names().frames[&frame];
                Answer::of(rt.leave(frame))
            }
            Op::Complete { call } => {
                let to = recipient(call);
                reply(rt.complete(self.handle(call)), to)
            }
            Op::Abandon { call, hresult } => {
                let to = recipient(call);
                reply(rt.abandon(self.handle(call), Hresult(hresult as i32)), to)
            }
            Op::CancelHandle { call, timeout: ms, wait } => {
                Answer::of(rt.cancel_call(self.handle(call), timeout(ms), waiting(wait)))
            }
            Op::CancelThread { thread, timeout: ms, wait: true } => Answer::of(rt.co_cancel_call(thread, seconds(ms))),
            Op::CancelThread { thread, timeout: ms, wait: false } => {
                Answer::of(rt.cancel_thread(thread, timeout(ms), Waiting::Never))
            }
            Op::CancelObject { reference, timeout: ms, .. } => {
                let object = self.reference(reference);
                // SAFETY: a reference is held
                Answer::of(unsafe { (methods(object).cancel)(object.0, seconds(ms)) })
            }
            Op::TestObject { reference } => {
                let object = self.reference(reference);
                // SAFETY: a reference is held
                Answer::of(unsafe { (methods(object).test_cancel)(object.0) })
            }
            Op::Query { reference, iid, new } => {
                let object = self.reference(reference);
                let mut out = std::ptr::null_mut();
                // SAFETY: a reference is held
                let code = unsafe { (methods(object).query_interface)(object.0, &guid(iid), &raw mut out) };
                assert_eq!(code == Hresult::S_OK, !out.is_null());
                // an object has one identity, and these have no other pointer than that
                assert!(out.is_null() || out == object.0);
                self.referred(new, if out.is_null() { Err(code) } else { Ok(out) })
            }
            Op::Release { reference } => {
                let object = self.names().references.remove(&reference).expect("held");
                // SAFETY: a reference is held
                unsafe { (methods(object).release)(object.0) };
                Answer::of(Hresult::S_OK)
            }
            Op::GetCancelObject { thread, iid, reference } => {
                self.referred(reference, rt.co_get_cancel_object(thread, &guid(iid)))
            }
            Op::ObjectOf { call, reference } => {
                self.referred(reference, rt.com_object_of(self.handle(call), &IID_IUNKNOWN))
            }
            Op::GetContext { iid, reference } => self.referred(reference, rt.co_get_call_context(&guid(iid))),
            Op::TestCurrent => Answer::of(rt.co_test_cancel()),
            Op::SwitchContext { new } => self.switch(new),
            Op::Deinit => Answer::of(rt.deinit()),
            other => panic!("{other:?} is not performed here"),
        }
    }

    fn switch(&self, new: Option<Object>) -> Answer {
        let object = match new {
            None => std::ptr::null_mut(),
            Some(Object::Custom(custom)) => self.customs[custom].object(),
            Some(standard) => self.names().contexts[&standard].0,
        };
        // SAFETY: the tests' own live longer than the runtime; a standard one is switched in only while its call is served
        match unsafe { self.runtime.co_switch_call_context(object) } {
            Err(code) => Answer::of(code),
            Ok(old) => {
                let custom = self.customs.iter().position(|custom| custom.object() == old);
                let context = match custom {
                    Some(custom) => Context::Custom(custom),
                    None if old.is_null() => Context::None,
                    None => Context::Standard,
                };
                self.names().switched_out = (context == Context::Standard).then_some(Handed(old));
                Answer { context, ..Answer::of(Hresult::S_OK) }
            }
        }
    }

    fn reference(&self, reference: ReferenceId) -> Handed {
        self.names().references[&reference]
    }

    fn referred(&self, reference: ReferenceId, got: Result<*mut (), Hresult>) -> Answer {
        match got {
            Ok(object) => {
                self.names().references.insert(reference, Handed(object));
                Answer::of(Hresult::S_OK)
            }
            Err(code) => Answer::of(code),
        }
    }

    /// Everything has ended: nothing is left in the runtime, which goes, too.
    ///
    /// # Panics
    ///
    /// When something is left.
    pub fn end(self) {
        assert_eq!(self.runtime.calls().collect::<Vec<_>>(), [], "slots are left in use");
        assert_eq!(self.runtime.deinit(), Ok(()));
        let runtime: *const Runtime<P, S> = self.runtime;
        // SAFETY: leaked in `new`; no object of it is referred to any more
        drop(unsafe { Box::from_raw(runtime.cast_mut()) });
        for custom in self.customs {
            // SAFETY: the runtime was their only user
            unsafe { custom.end() };
        }
    }
}
