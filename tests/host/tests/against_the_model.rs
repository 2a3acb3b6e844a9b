//! Random sequences of operations, on the library and on the reference model at once.

use std::collections::HashMap;

use cocancel::com::Guid;
use cocancel::com::guid::{IID_ICANCEL_METHOD_CALLS, IID_IUNKNOWN};
use cocancel::com::object::Vtable;
use cocancel::{CallHandle, Fixed, Hresult, Outcome, Poll, Port, Refusal, Reply, Runtime, Side, Timeout, Waiting};
use cocancel_host_tests::{ScriptedPort, Told, options};
use cocancel_model::{CallId, Caller, Config, FrameId, Iid, Model, Op, Owner, ReferenceId, Wake};
use proptest::prelude::*;

/// More than act, so that one whose home slot an orphan still keeps is never the only one free.
const THREADS: usize = 40;

type Rt<const CELLS: usize> = Runtime<ScriptedPort, Fixed<3, THREADS, CELLS>>;

/// What the library answered, in the model's terms.
#[derive(Debug, PartialEq, Eq)]
struct Answer {
    hresult: u32,
    owner: Owner,
    due_in: Option<Option<u64>>,
}

impl Answer {
    fn of(code: impl Into<Hresult>) -> Self {
        Self { hresult: code.into().0 as u32, owner: Owner::None, due_in: None }
    }
    fn owned_by(self, owner: Owner) -> Self {
        Self { owner, ..self }
    }
}

struct Both<const CELLS: usize> {
    runtime: &'static Rt<CELLS>,
    model: Model,
    calls: HashMap<CallId, CallHandle>,
    frames: HashMap<FrameId, CallHandle>,
    references: HashMap<ReferenceId, *mut ()>,
    /// Calls that a thread began and has not finished: who may poll and finish them.
    out: Vec<(u32, CallId)>,
    asynchronous: Vec<CallId>,
    served: Vec<CallId>,
    markers: Vec<CallId>,
    stack: Vec<(u32, FrameId)>,
    next: u32,
    /// A thread exited, and may have left a call behind.
    homes_left: bool,
    stopped: bool,
}

fn timeout(ms: Option<u64>) -> Timeout {
    ms.map_or(Timeout::INFINITE, |ms| Timeout::millis(ms as u32))
}

fn methods(object: *mut ()) -> &'static Vtable {
    // SAFETY: a COM object of the library's begins with its vtable pointer, which lives as long as its runtime
    unsafe { &**object.cast::<*const Vtable>() }
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

impl<const CELLS: usize> Both<CELLS> {
    fn new(start: u32) -> Self {
        let port = ScriptedPort::starting_at(start);
        let config =
            Config { shared_calls: 3, home_slots: true, threads: THREADS, port_waits: false, ..Config::default() };
        Self {
            runtime: Box::leak(Box::new(Runtime::new(port, Fixed::new()))),
            model: Model::new(config),
            calls: HashMap::new(),
            frames: HashMap::new(),
            references: HashMap::new(),
            out: Vec::new(),
            asynchronous: Vec::new(),
            served: Vec::new(),
            markers: Vec::new(),
            stack: Vec::new(),
            next: 1,
            homes_left: false,
            stopped: false,
        }
    }

    fn fresh(&mut self) -> u32 {
        self.next += 1;
        self.next
    }

    fn handle(&self, call: CallId) -> CallHandle {
        self.calls[&call]
    }

    fn recipient(&self, call: CallId) -> Owner {
        if self.served.contains(&call) { Owner::Server } else { Owner::Client }
    }

    /// The operation on the library.
    fn real(&mut self, op: Op) -> Answer {
        let rt = self.runtime;
        match op {
            Op::Advance(ms) => {
                rt.port().advance(ms as u32);
                Answer::of(Hresult::S_OK)
            }
            Op::Tick => {
                let due_in = rt.tick(1000).map(u64::from);
                Answer { due_in: Some(due_in), ..Answer::of(Hresult::S_OK) }
            }
            Op::ThreadExit => {
                rt.thread_exit();
                Answer::of(Hresult::S_OK)
            }
            Op::Enable => Answer::of(rt.enable()),
            Op::Disable => Answer::of(rt.disable()),
            Op::UnsetCancelObject => Answer::of(rt.co_unset_cancel_object()),
            Op::Begin { call, context, own_timeout, always_slot } => {
                let options = options(call, context).timeout(timeout(own_timeout));
                let begun = rt.begin(if always_slot { options.always_slot() } else { options });
                self.calls.insert(call, begun.call);
                Answer::of(begun.cancellable)
            }
            Op::BeginAsync { call, context, own_timeout, .. } => {
                let begun = rt.begin_async(options(call, context).timeout(timeout(own_timeout)));
                self.calls.insert(call, begun.call);
                Answer::of(begun.cancellable)
            }
            Op::Serve { call } => {
                let begun = rt.serve(options(call, false));
                self.calls.insert(call, begun.call);
                Answer::of(begun.cancellable)
            }
            Op::Poll { call } => match rt.poll(self.handle(call)) {
                Ok(Poll::Ended(end)) => outcome(end),
                Ok(Poll::Pending(due)) => {
                    Answer { due_in: Some(due.map(u64::from)), ..Answer::of(Hresult::RPC_S_CALLPENDING) }
                }
                Err(code) => Answer::of(code),
            },
            Op::Finish { call } => match rt.finish(self.handle(call)) {
                Ok(end) => outcome(end).owned_by(if end == Outcome::Canceled { Owner::Server } else { Owner::Client }),
                Err(code) => Answer::of(code),
            },
            Op::Enter { call, frame } => match rt.enter(self.handle(call)) {
                Ok(entered) => {
                    self.frames.insert(frame, entered);
                    Answer::of(Hresult::S_OK)
                }
                Err(Refusal::Canceled(_)) => Answer::of(Hresult::RPC_E_CALL_CANCELED).owned_by(Owner::Server),
                Err(Refusal::BadInput(code)) => Answer::of(code),
            },
            Op::Leave { frame } => Answer::of(rt.leave(self.frames[&frame])),
            Op::Complete { call } => reply(rt.complete(self.handle(call)), self.recipient(call)),
            Op::Abandon { call, hresult } => {
                reply(rt.abandon(self.handle(call), Hresult(hresult as i32)), self.recipient(call))
            }
            Op::CancelHandle { call, timeout: ms, .. } => {
                Answer::of(rt.cancel_call(self.handle(call), timeout(ms), Waiting::Allowed))
            }
            Op::CancelThread { thread, timeout: ms, .. } => {
                Answer::of(rt.co_cancel_call(thread, ms.map_or(u32::MAX, |ms| (ms / 1000) as u32)))
            }
            Op::CancelObject { reference, timeout: ms, .. } => {
                let object = self.references[&reference];
                let seconds = ms.map_or(u32::MAX, |ms| (ms / 1000) as u32);
                // SAFETY: a reference is held
                Answer::of(unsafe { (methods(object).cancel)(object, seconds) })
            }
            Op::TestObject { reference } => {
                let object = self.references[&reference];
                // SAFETY: a reference is held
                Answer::of(unsafe { (methods(object).test_cancel)(object) })
            }
            Op::Release { reference } => {
                let object = self.references.remove(&reference).unwrap();
                // SAFETY: a reference is held
                unsafe { (methods(object).release)(object) };
                Answer::of(Hresult::S_OK)
            }
            Op::GetCancelObject { thread, iid, reference } => {
                let got = rt.co_get_cancel_object(thread, &guid(iid));
                self.referred(reference, got)
            }
            Op::ObjectOf { call, reference } => {
                let got = rt.com_object_of(self.handle(call), &IID_IUNKNOWN);
                self.referred(reference, got)
            }
            Op::GetContext { iid, reference } => {
                let got = rt.co_get_call_context(&guid(iid));
                self.referred(reference, got)
            }
            Op::TestCurrent => Answer::of(rt.co_test_cancel()),
            other => panic!("{other:?} is not played here"),
        }
    }

    fn referred(&mut self, reference: ReferenceId, got: Result<*mut (), Hresult>) -> Answer {
        match got {
            Ok(object) => {
                self.references.insert(reference, object);
                Answer::of(Hresult::S_OK)
            }
            Err(code) => Answer::of(code),
        }
    }

    /// The operation on both, which must agree.
    fn play(&mut self, thread: u32, op: Op) -> u32 {
        let caller = if thread == 0 { Caller::Interrupt } else { Caller::Thread(thread) };
        self.runtime.port().act_as(thread);
        if self.stopped {
            return self.real(op).hresult;
        }
        let expected = self.model.run(caller, op);
        let answer = self.real(op);
        let full = Hresult::E_OUTOFMEMORY.0 as u32;
        if self.homes_left && answer.hresult != expected.hresult && [answer.hresult, expected.hresult].contains(&full) {
            // The library's home slots belong to thread slots, the model's to thread ids: where a thread left a call behind in its
            // home slot and came back, the two have different room. The script ends here.
            self.stopped = true;
            return answer.hresult;
        }
        assert_eq!(format!("{:08X}", answer.hresult), format!("{:08X}", expected.hresult), "{op:?} by {thread}");
        // who owns the record is said once the call has a slot; a marker's is the client's all along
        if expected.owner != Owner::None {
            assert_eq!(answer.owner, expected.owner, "{op:?}");
        }
        if let (Some(due), true) = (answer.due_in, matches!(op, Op::Poll { .. })) {
            assert_eq!(due, expected.due_in, "{op:?}");
        }
        let told = self.runtime.port().told();
        let mut wakes: Vec<_> = told
            .wakes
            .iter()
            .map(|(side, context)| match side {
                Side::Client => Wake::Client(*context as u32 - 1),
                Side::Canceller => Wake::Canceller(*context as u32 - 1),
            })
            .collect();
        wakes.sort_unstable();
        assert_eq!(wakes, expected.effects.wakes, "{op:?}");
        assert_eq!(told.requested.len(), expected.effects.requested.len(), "{op:?}");
        let Told { mut orphaned, .. } = told;
        orphaned.sort_unstable();
        let expected_orphans: Vec<usize> = expected.effects.orphaned.iter().map(|call| *call as usize + 1).collect();
        assert_eq!(orphaned, expected_orphans, "{op:?}");
        expected.hresult
    }

    /// One step of the script.
    fn step(&mut self, (thread, what, which, ms): (u32, u8, usize, u16)) {
        let grace = match ms % 5 {
            0 => Some(0),
            1 => None,
            _ => Some(u64::from(ms % 4) * 1000),
        };
        let own_timeout = if ms % 3 == 0 { Some(u64::from(ms) + 1) } else { None };
        let mut names: Vec<CallId> = self.calls.keys().copied().collect();
        names.sort_unstable();
        let some_call = if names.is_empty() { None } else { Some(names[which % names.len()]) };
        let mut held: Vec<ReferenceId> = self.references.keys().copied().collect();
        held.sort_unstable();
        let some_reference = if held.is_empty() { None } else { Some(held[which % held.len()]) };
        let other = (which % 4) as u32;
        match what {
            0 => {
                self.play(thread, Op::Advance(u64::from(ms)));
            }
            1 => {
                self.play(thread, Op::Tick);
            }
            2 | 3 => {
                self.play(thread, Op::Enable);
            }
            4 => {
                self.play(thread, Op::Disable);
            }
            5..=8 => {
                let call = self.fresh();
                let always_slot = which % 7 == 0;
                let context = which % 2 == 0;
                if self.play(thread, Op::Begin { call, context, own_timeout, always_slot }) != 0 {
                    self.markers.push(call);
                }
                self.out.push((thread, call));
            }
            9 => {
                let call = self.fresh();
                self.play(thread, Op::BeginAsync { call, previous: None, context: false, own_timeout });
                self.asynchronous.push(call);
            }
            10 => {
                let call = self.fresh();
                if self.play(thread, Op::Serve { call }) == 0 {
                    self.served.push(call);
                }
            }
            11 | 12 => {
                if let Some((_, call)) = self.mine(thread, which) {
                    self.play(thread, Op::Poll { call });
                }
            }
            13 | 14 => {
                if let Some((position, call)) = self.mine(thread, which) {
                    self.out.remove(position);
                    self.play(thread, Op::Finish { call });
                }
            }
            15 => {
                if !self.asynchronous.is_empty() {
                    let call = self.asynchronous.remove(which % self.asynchronous.len());
                    self.play(thread, Op::Finish { call });
                }
            }
            16 | 17 => {
                if let Some(call) = some_call {
                    let frame = self.fresh();
                    if self.play(thread, Op::Enter { call, frame }) == 0 {
                        self.stack.push((thread, frame));
                        if self.runtime.port().local() == Some(0) {
                            // a thread that got no slot has to leave what it entered: its exit would not find it
                            self.stack.pop();
                            self.play(thread, Op::Leave { frame });
                        }
                    }
                }
            }
            18 | 19 => {
                if let Some(position) = self.stack.iter().rposition(|(owner, _)| *owner == thread) {
                    let (_, frame) = self.stack.remove(position);
                    self.play(thread, Op::Leave { frame });
                }
            }
            20..=22 => {
                if let Some(call) = some_call {
                    self.play(thread, Op::Complete { call });
                }
            }
            23 => {
                if let Some(call) = some_call {
                    self.play(thread, Op::Abandon { call, hresult: 0x8001_0007 });
                }
            }
            24 | 25 => {
                if let Some(call) = some_call {
                    self.play(thread, Op::CancelHandle { call, timeout: grace, wait: true });
                }
            }
            26..=29 => {
                self.play(thread, Op::CancelThread { thread: other, timeout: grace, wait: true });
            }
            30 => {
                let reference = self.fresh();
                let iid = [Iid::Unknown, Iid::CancelMethodCalls, Iid::Other][which % 3];
                self.play(thread, Op::GetCancelObject { thread: other, iid, reference });
            }
            31 => {
                if let Some(call) = some_call {
                    let reference = self.fresh();
                    self.play(thread, Op::ObjectOf { call, reference });
                }
            }
            32 => {
                if let Some(reference) = some_reference {
                    self.play(thread, Op::CancelObject { reference, timeout: grace, wait: true });
                }
            }
            33 => {
                if let Some(reference) = some_reference {
                    self.play(thread, Op::TestObject { reference });
                }
            }
            34 => {
                if let Some(reference) = some_reference {
                    self.play(thread, Op::Release { reference });
                }
            }
            35 => {
                self.play(thread, Op::TestCurrent);
            }
            36 => {
                let reference = self.fresh();
                self.play(thread, Op::GetContext { iid: Iid::CancelMethodCalls, reference });
            }
            37 => {
                // not on a call that is over: the library takes it off the stack, and a thread exit then finds it no more
                if !self.out.iter().any(|(owner, _)| *owner == thread) {
                    self.play(thread, Op::UnsetCancelObject);
                }
            }
            _ => {
                self.homes_left = true;
                self.play(thread, Op::ThreadExit);
                self.out.retain(|(owner, _)| *owner != thread);
                self.stack.retain(|(owner, _)| *owner != thread);
            }
        }
    }

    fn mine(&self, thread: u32, which: usize) -> Option<(usize, CallId)> {
        let mine: Vec<_> = self.out.iter().enumerate().filter(|(_, (owner, _))| *owner == thread).collect();
        // mostly the innermost, sometimes one below; markers of both kinds in disorder may be taken for one another
        let in_order = mine.iter().any(|(_, (_, call))| self.markers.contains(call));
        let nth =
            if which % 4 == 0 && !in_order { which / 4 % mine.len().max(1) } else { mine.len().saturating_sub(1) };
        mine.get(nth).map(|(position, (_, call))| (*position, *call))
    }

    /// Everything ends, and nothing is left.
    fn end(mut self) {
        for reference in self.references.keys().copied().collect::<Vec<_>>() {
            self.play(1, Op::Release { reference });
        }
        for thread in 1..=4 {
            self.play(thread, Op::ThreadExit);
        }
        for call in self.calls.keys().copied().collect::<Vec<_>>() {
            self.runtime.port().act_as(1);
            let _ = self.runtime.complete(self.handle(call));
        }
        for call in std::mem::take(&mut self.asynchronous) {
            let _ = self.runtime.finish(self.handle(call));
        }
        assert_eq!(self.runtime.calls().collect::<Vec<_>>(), [], "slots are left in use");
        assert_eq!(self.runtime.deinit(), Ok(()));
        let runtime: *const Rt<CELLS> = self.runtime;
        // SAFETY: leaked in `new`; no object of it is referred to any more
        drop(unsafe { Box::from_raw(runtime.cast_mut()) });
    }
}

fn guid(iid: Iid) -> Guid {
    match iid {
        Iid::Unknown => IID_IUNKNOWN,
        Iid::CancelMethodCalls => IID_ICANCEL_METHOD_CALLS,
        Iid::Other => Guid { data1: 1, data2: 2, data3: 3, data4: [4; 8] },
    }
}

fn script() -> impl Strategy<Value = Vec<(u32, u8, usize, u16)>> {
    prop::collection::vec((1u32..=4, 0u8..=38, any::<usize>(), any::<u16>()), 1..120)
}

fn cases() -> ProptestConfig {
    ProptestConfig { cases: 20_000, failure_persistence: None, max_shrink_iters: 20_000, ..ProptestConfig::default() }
}

proptest! {
    #![proptest_config(cases())]

    #[test]
    fn a_scan_of_few_threads(script in script(), start in prop::sample::select(vec![0, u32::MAX - 2000, u32::MAX / 2 - 900])) {
        let mut both = Both::<0>::new(start);
        for step in script {
            if !both.stopped {
                both.step(step);
            }
        }
        both.end();
    }

    #[test]
    fn an_index_of_threads(script in script()) {
        let mut both = Both::<{ 2 * THREADS }>::new(0);
        for step in script {
            if !both.stopped {
                both.step(step);
            }
        }
        both.end();
    }
}
