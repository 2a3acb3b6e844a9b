//! Bytes become calls of C functions, in one thread of the system that plays several; the reference model says what they answer.

mod cancelling;

use std::collections::BTreeSet;
use std::ffi::c_void;
use std::ptr::{null_mut, without_provenance_mut};

use cocancel::com::object::Vtable;
use cocancel_model::hresult::{RPC_E_CALL_CANCELED, RPC_S_CALLPENDING, S_OK};
use cocancel_model::{CallId, Caller, Config, FrameId, Model, Op, ReferenceId, Reply, ThreadId, Wake};

use crate::host::{self, Host};
use crate::{Step, c, hostile};

/// Threads that act.
pub const THREADS: u32 = 3;
const CALLS: usize = 3;
/// The longest time that the library tells anybody to wait.
const LONGEST: u64 = 1 << 30;

#[derive(Clone, Copy, Debug)]
struct Call {
    id: CallId,
    handle: usize,
    /// Whose stack it is on; `None`: asynchronous, or its client is elsewhere.
    thread: Option<ThreadId>,
    is_async: bool,
    /// What its beginning answered: `S_OK` where it has a slot, else why it has none.
    begun: u32,
    is_finished: bool,
    has_context: bool,
}

impl Call {
    fn has_slot(&self) -> bool {
        self.begun == S_OK
    }
}

/// A run.
#[derive(Debug)]
pub struct Play {
    host: Host,
    model: Model,
    calls: Vec<Call>,
    frames: Vec<(ThreadId, FrameId, usize)>,
    references: Vec<(ReferenceId, *mut c_void)>,
    /// Handles that the library gave out, calls' and frames'.
    issued: BTreeSet<usize>,
    retired: Vec<usize>,
    names: u32,
}

fn ms(timeout: u32) -> Option<u64> {
    if timeout == c::INFINITE { None } else { Some(u64::from(timeout)) }
}

/// The record and the wake context of a call.
fn record(call: CallId) -> *mut c_void {
    without_provenance_mut(call as usize)
}

fn methods(object: *mut c_void) -> &'static Vtable {
    // SAFETY: a COM object begins with its vtable pointer, which lives as long as its runtime
    unsafe { &**object.cast::<*const Vtable>() }
}

impl Play {
    /// A run that begins at the time `now`.
    pub fn new(now: u32) -> Self {
        // one thread more, so that the index of threads is not what is scarce
        let host = Host::new(CALLS, THREADS as usize + 1, now);
        let config =
            Config { shared_calls: CALLS, threads: THREADS as usize + 1, port_waits: false, ..Config::default() };
        Self {
            host,
            model: Model::new(config),
            calls: Vec::new(),
            frames: Vec::new(),
            references: Vec::new(),
            issued: BTreeSet::new(),
            retired: Vec::new(),
            names: 0,
        }
    }

    fn name(&mut self) -> u32 {
        self.names += 1;
        self.names
    }

    /// The runtime, or NULL, which means it.
    fn rt(&self, step: Step) -> c::Runtime {
        if step.which % 5 == 0 { null_mut() } else { self.host.runtime }
    }

    /// Compares what the function answered with what the model does.
    fn judge(&mut self, thread: ThreadId, op: Op, answer: i32) -> Reply {
        let caller = if thread == 0 { Caller::Interrupt } else { Caller::Thread(thread) };
        let reply = self.model.run(caller, op);
        assert_eq!(answer as u32, reply.hresult, "{op:?} by {thread}: {answer:08X}, not {:08X}", reply.hresult);
        let told = host::told();
        let sorted = |mut list: Vec<usize>| {
            list.sort_unstable();
            list
        };
        let woken = reply.effects.wakes.iter().map(|wake| match wake {
            Wake::Client(call) | Wake::Canceller(call) => *call as usize,
        });
        assert_eq!(sorted(told.wakes), sorted(woken.collect()), "{op:?} by {thread}: wakes");
        let orphaned = reply.effects.orphaned.iter().map(|call| *call as usize);
        assert_eq!(sorted(told.orphaned), sorted(orphaned.collect()), "{op:?} by {thread}: orphaned");
        self.retired.extend(told.retired);
        reply
    }

    fn some(&self, which: usize) -> Option<Call> {
        // rather one of the last
        let recent = self.calls.len().saturating_sub(if which % 2 == 0 { 6 } else { self.calls.len() });
        self.calls[recent..].get(which / 2 % (self.calls.len() - recent).max(1)).copied()
    }

    /// One step.
    pub fn step(&mut self, step: Step) {
        host::act_as(step.thread);
        match step.what % 32 {
            0..=7 => self.client(step),
            8..=14 => self.server(step),
            15..=23 => self.canceller(step),
            24 => {
                let by = u32::from(step.number);
                host::advance(by);
                self.judge(step.thread, Op::Advance(u64::from(by)), 0);
            }
            25 => {
                // SAFETY: any budget
                let due = unsafe { c::cocancel_tick(self.rt(step), 1000) };
                let reply = self.judge(step.thread, Op::Tick, 0);
                let longest = reply.due_in.map(|due| due.min(LONGEST));
                assert!(due != 0 && longest.is_none_or(|longest| due != c::INFINITE && u64::from(due) <= longest));
            }
            26 if step.thread != 0 => self.exit(step.thread),
            27 => hostile::no_runtime(&self.host, step.which, step.number % 2 == 0),
            28 => {
                if let Some(call) = self.some(step.which) {
                    hostile::malformed(&self.host, call.handle, usize::from(step.number));
                }
            }
            _ => self.forge(step),
        }
        let told = host::told();
        assert!(told.wakes.is_empty() && told.orphaned.is_empty(), "{step:?}: {told:?}");
        self.retired.extend(told.retired);
    }

    /// A handle that nobody was given: another one with a bit changed, or any number.
    fn forge(&self, step: Step) {
        let basis = self.some(step.which).map_or(1, |call| call.handle);
        let forged = match step.number % 4 {
            0 => usize::from(step.number) << 2,
            1 => usize::from(step.number).wrapping_mul(0x9E37_79B9_7F4A_7C15) & !0b10 | 1,
            _ => basis ^ (1 << (step.number / 4 % usize::BITS as u16)),
        };
        // a marker's or an untracked call's handle is accepted as one: these have no generation
        if forged & 0b10 == 0 && !self.issued.contains(&forged) {
            hostile::forged(&self.host, forged, step.which);
        }
    }

    fn client(&mut self, step: Step) {
        let Step { thread, which, number, .. } = step;
        let timeout = if number % 3 == 0 { u32::from(number) + 1 } else { 0 };
        let own_timeout = (timeout != 0).then_some(u64::from(timeout));
        let context = which % 2 == 0;
        let rt = self.rt(step);
        match step.what % 32 {
            0 => {
                let id = self.name();
                let before =
                    self.calls.iter().filter(|call| call.is_async).nth(which % 4).copied().filter(|_| number % 4 == 0);
                let options = c::Options {
                    host: record(id),
                    context: if context { record(id) } else { null_mut() },
                    timeout_ms: timeout,
                    flags: 0,
                };
                let mut handle = before.map_or(0, |call| call.handle);
                // SAFETY: as the header says
                let code = unsafe { c::cocancel_begin_async(rt, &raw const options, &raw mut handle) };
                let op = Op::BeginAsync { call: id, previous: before.map(|call| call.id), context, own_timeout };
                let hresult = self.judge(thread, op, code).hresult;
                if hresult != RPC_S_CALLPENDING {
                    self.begun(Call {
                        id,
                        handle,
                        thread: None,
                        is_async: true,
                        begun: hresult,
                        is_finished: false,
                        has_context: context && hresult == S_OK,
                    });
                }
            }
            _ if thread == 0 => {}
            1 | 2 => {
                // SAFETY: NULL is what there must be
                let code = unsafe {
                    if number % 2 == 0 { c::CoEnableCallCancellation(null_mut()) } else { c::cocancel_enable(rt) }
                };
                self.judge(thread, Op::Enable, code);
            }
            3 => {
                // SAFETY: as above
                let code = unsafe {
                    if number % 2 == 0 { c::CoDisableCallCancellation(null_mut()) } else { c::cocancel_disable(rt) }
                };
                self.judge(thread, Op::Disable, code);
            }
            4 | 5 => {
                let id = self.name();
                let always_slot = which % 7 == 0;
                let flags = if always_slot { c::ALWAYS_SLOT } else { 0 };
                let options = c::Options {
                    host: record(id),
                    context: if context { record(id) } else { null_mut() },
                    timeout_ms: timeout,
                    flags,
                };
                let mut handle = 0;
                // SAFETY: as the header says
                let code = unsafe { c::cocancel_begin(rt, &raw const options, &raw mut handle) };
                let op = Op::Begin { call: id, context, own_timeout, always_slot };
                let hresult = self.judge(thread, op, code).hresult;
                self.begun(Call {
                    id,
                    handle,
                    thread: Some(thread),
                    is_async: false,
                    begun: hresult,
                    is_finished: false,
                    has_context: context && hresult == S_OK,
                });
            }
            6 => {
                let mine =
                    self.calls.iter().rfind(|call| !call.is_finished && (call.thread == Some(thread) || call.is_async));
                if let Some(call) = mine.copied() {
                    let mut remaining = 0;
                    // SAFETY: as the header says
                    let code = unsafe { c::cocancel_poll(rt, call.handle, &raw mut remaining) };
                    let reply = self.judge(thread, Op::Poll { call: call.id }, code);
                    if reply.hresult == RPC_S_CALLPENDING {
                        assert_eq!(ms(remaining), reply.due_in.map(|due| due.min(LONGEST)));
                    }
                }
            }
            _ => self.finish(step),
        }
    }

    fn begun(&mut self, call: Call) {
        assert!(call.handle != 0);
        self.issued.insert(call.handle);
        self.calls.push(call);
    }

    fn finish(&mut self, step: Step) {
        let thread = step.thread;
        let is_out = |call: &&Call| !call.is_finished && call.thread == Some(thread);
        let mine: Vec<_> = self.calls.iter().filter(is_out).copied().collect();
        let chosen = if step.number % 3 == 0 {
            // any call that has a slot: somebody else's, over, or one of ours with markers above and below it, which must
            // be of one kind: markers of both may be taken for one another once the slot between them is gone
            let mut markers = mine.iter().filter(|call| !call.has_slot()).map(|call| call.begun);
            let is_mixed = markers.next().is_some_and(|first| markers.any(|other| other != first));
            self.some(step.which).filter(|call| call.has_slot() && !(is_mixed && is_out(&call)))
        } else if step.number % 3 == 1 && mine.iter().all(Call::has_slot) {
            mine.get(step.which % mine.len().max(1)).copied()
        } else {
            // markers in order
            mine.last().copied()
        };
        let Some(call) = chosen else { return };
        // SAFETY: any handle
        let code = unsafe { c::cocancel_finish(self.rt(step), call.handle) };
        self.judge(thread, Op::Finish { call: call.id }, code);
        if call.is_async || call.thread == Some(thread) {
            self.finished(call.id);
        }
    }

    fn finished(&mut self, id: CallId) {
        let mut named = self.calls.iter_mut().filter(|call| call.id == id);
        named.by_ref().for_each(|call| call.is_finished = true);
        // a marker is finished once, and is nobody's any more
        self.calls.retain(|call| call.has_slot() || !call.is_finished);
    }

    fn server(&mut self, step: Step) {
        let Step { thread, which, number, .. } = step;
        let rt = self.rt(step);
        let mut orphan = null_mut();
        let is_orphan = |code: i32| code as u32 == RPC_E_CALL_CANCELED;
        match (step.what % 32, self.some(which)) {
            (8, _) => {
                let id = self.name();
                let options = c::Options { host: record(id), context: null_mut(), timeout_ms: 0, flags: 0 };
                let mut handle = 0;
                // SAFETY: as the header says
                let code = unsafe { c::cocancel_serve(rt, &raw const options, &raw mut handle) };
                if self.judge(thread, Op::Serve { call: id }, code).hresult == S_OK {
                    self.begun(Call {
                        id,
                        handle,
                        thread: None,
                        is_async: false,
                        begun: S_OK,
                        is_finished: true,
                        has_context: false,
                    });
                }
            }
            (9 | 10, Some(call)) if thread != 0 => {
                let frame = self.name();
                let mut handle = 0;
                // SAFETY: as the header says
                let code = unsafe { c::cocancel_enter(rt, call.handle, &raw mut handle, &raw mut orphan) };
                if self.judge(thread, Op::Enter { call: call.id, frame }, code).hresult == S_OK {
                    self.issued.insert(handle);
                    self.frames.push((thread, frame, handle));
                }
                assert_eq!(orphan, if is_orphan(code) { record(call.id) } else { null_mut() });
            }
            (11, _) if thread != 0 => {
                if let Some(at) = self.frames.iter().rposition(|(owner, ..)| *owner == thread) {
                    let (_, frame, handle) = self.frames.remove(at);
                    // SAFETY: any handle
                    let code = unsafe { c::cocancel_leave(rt, handle) };
                    self.judge(thread, Op::Leave { frame }, code);
                }
            }
            (12, Some(call)) => {
                // SAFETY: as the header says
                let code = unsafe { c::cocancel_complete(rt, call.handle, &raw mut orphan) };
                self.judge(thread, Op::Complete { call: call.id }, code);
                assert_eq!(orphan, if is_orphan(code) { record(call.id) } else { null_mut() });
            }
            (13, Some(call)) => {
                let hresult = [0x8001_0007, 0x8000_4005, 0x8001_0002, 0x8001_0115, 0][usize::from(number) % 5];
                // SAFETY: as the header says
                let code = unsafe { c::cocancel_abandon(rt, call.handle, hresult as i32, &raw mut orphan) };
                self.judge(thread, Op::Abandon { call: call.id, hresult }, code);
                assert_eq!(orphan, if is_orphan(code) { record(call.id) } else { null_mut() });
            }
            (14, _) if thread != 0 => {
                // SAFETY: no arguments
                let (code, native) = unsafe { (c::CoTestCancel(), c::cocancel_test(rt)) };
                self.judge(thread, Op::TestCurrent, code);
                // nobody switches contexts here
                assert_eq!(native, code);
            }
            _ => {}
        }
    }

    fn exit(&mut self, thread: ThreadId) {
        host::act_as(thread);
        // SAFETY: a good runtime
        let code = unsafe { c::cocancel_thread_exit(self.host.runtime) };
        self.judge(thread, Op::ThreadExit, code);
        self.frames.retain(|(owner, ..)| *owner != thread);
        let mine: Vec<_> = self.calls.iter().filter(|call| call.thread == Some(thread)).map(|call| call.id).collect();
        mine.into_iter().for_each(|id| self.finished(id));
    }

    /// Everything ends, and nothing is left.
    pub fn end(mut self) {
        host::act_as(1);
        for (reference, object) in std::mem::take(&mut self.references) {
            // SAFETY: a reference is held
            unsafe { (methods(object).release)(object.cast()) };
            self.judge(1, Op::Release { reference }, 0);
        }
        (1..=THREADS).for_each(|thread| self.exit(thread));
        host::act_as(1);
        for call in self.calls.clone() {
            // SAFETY: any handle
            let code = unsafe { c::cocancel_complete(self.host.runtime, call.handle, null_mut()) };
            self.judge(1, Op::Complete { call: call.id }, code);
            if call.is_async && !call.is_finished {
                // SAFETY: any handle
                let code = unsafe { c::cocancel_finish(self.host.runtime, call.handle) };
                self.judge(1, Op::Finish { call: call.id }, code);
            }
        }
        let mut contexts: Vec<_> =
            self.calls.iter().filter(|call| call.has_context).map(|call| call.id as usize).collect();
        contexts.sort_unstable();
        self.retired.sort_unstable();
        assert_eq!(self.retired, contexts, "each wake context is retired once");
        // the last exit may have come before: whoever acted since is attached
        self.exit(1);
        self.host.end();
    }
}
