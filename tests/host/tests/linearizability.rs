//! Random concurrent histories of real threads: each must be one that the reference model could have had, one operation after the other.

use std::cell::Cell;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use cocancel::Fixed;
use cocancel_host_tests::history::{CALLS, Had, Recorded, STATES, THREADS, Verdict, table, verdict};
use cocancel_host_tests::stepped::SteppedPort;
use cocancel_host_tests::{Answer, Driver};
use cocancel_model::hresult::{E_OUTOFMEMORY, RPC_E_SERVER_DIED, S_OK};
use cocancel_model::{CallId, FrameId, Iid, Op, ReferenceId, ThreadId};
use parking_lot::Mutex;
use proptest::prelude::*;
use proptest::test_runner::TestRunner;

/// The thread that moves the clock, and ends what would wait for ever.
const CONTROL: ThreadId = 99;

/// One step of a script: what to do, and a number to choose with.
type Choice = (u8, u16);

/// A script in two halves, between which the clock moves.
type Script = [Vec<Choice>; 2];

struct Run<const CELLS: usize> {
    driver: Driver<SteppedPort, Fixed<CALLS, THREADS, CELLS>>,
    /// Orders invocations and responses.
    counter: AtomicUsize,
    /// Calls that others may use by now, and whether they have a slot.
    calls: Mutex<Vec<CallId>>,
    history: Mutex<Vec<Recorded>>,
    threads: usize,
}

/// One of its threads.
struct Actor<'r, const CELLS: usize> {
    run: &'r Run<CELLS>,
    thread: ThreadId,
    /// Calls that it has out, outermost first; whether they have a slot.
    out: Vec<(CallId, bool)>,
    asynchronous: Vec<CallId>,
    serving: Vec<(FrameId, CallId)>,
    held: Vec<ReferenceId>,
    names: u32,
}

impl<const CELLS: usize> Run<CELLS> {
    fn count(&self) -> usize {
        // SeqCst: one order of all invocations and responses
        self.counter.fetch_add(1, Ordering::SeqCst)
    }

    fn record(&self, thread: ThreadId, op: Op, perform: impl FnOnce() -> (Answer, Had)) -> u32 {
        let invoked = self.count();
        let (Answer { hresult, owner, .. }, had) = perform();
        let responded = self.count();
        let recorded = Recorded { thread, op, hresult, owner, invoked, responded, had };
        self.history.lock().push(recorded);
        hresult
    }

    fn advance(&self, ms: u32) {
        self.record(CONTROL, Op::Advance(u64::from(ms)), || {
            self.driver.runtime.port().advance(ms);
            (Answer::of(Ok(())), Had::default())
        });
    }

    /// Moves the clock when nobody runs, until all threads are done. Answers whether all wakes came.
    fn control(&self, step: u32) -> bool {
        SteppedPort::act_as(CONTROL, 1);
        let port = self.driver.runtime.port();
        let mut none_lost = true;
        for round in 0.. {
            port.await_quiet(self.threads);
            // SeqCst: as in `count`; nobody runs
            let quiet_since = self.counter.load(Ordering::SeqCst);
            port.nudge();
            let quiet = port.await_quiet(self.threads);
            // who sleeps although it might return was not woken
            none_lost &= self.counter.load(Ordering::SeqCst) == quiet_since;
            if quiet.resting > 0 {
                self.advance(step);
            } else if quiet.asleep == 0 {
                break;
            } else if round % 2 == 0 {
                self.advance(5000);
            } else {
                // whoever sleeps now would for ever
                for call in self.calls.lock().clone() {
                    let op = Op::CancelHandle { call, timeout: Some(0), wait: false };
                    self.record(CONTROL, op, || (self.driver.perform(op), Had::default()));
                }
            }
        }
        none_lost
    }
}

/// A thread that ends, also by a panic, is waited for no longer.
struct Done<'p>(&'p SteppedPort);

impl Drop for Done<'_> {
    fn drop(&mut self) {
        self.0.done();
    }
}

impl<const CELLS: usize> Actor<'_, CELLS> {
    fn name(&mut self) -> u32 {
        self.names += 1;
        self.thread * 1000 + self.names
    }

    fn perform(&mut self, op: Op) -> u32 {
        let run = self.run;
        run.record(self.thread, op, || (run.driver.perform(op), Had::default()))
    }

    fn begin(&mut self, op: Op, call: CallId) -> bool {
        let has_slot = self.perform(op) == S_OK;
        self.run.calls.lock().push(call);
        has_slot
    }

    fn exit(&mut self) {
        let run = self.run;
        // the exit takes these along with the calls below them, in steps that the checker does not know
        for (call, has_slot) in self.out.clone().into_iter().rev() {
            if !has_slot {
                self.perform(Op::Finish { call });
            }
        }
        let serving: Vec<_> = std::mem::take(&mut self.serving).into_iter().rev().collect();
        let out = std::mem::take(&mut self.out).into_iter().rev();
        let calls = out.filter_map(|(call, has_slot)| has_slot.then_some(call)).collect();
        run.record(self.thread, Op::ThreadExit, || {
            let answer = run.driver.perform(Op::ThreadExit);
            // a record's pointer is its call's number and one more
            let orphaned = SteppedPort::orphaned().into_iter().map(|host| host as CallId - 1).collect();
            (answer, Had { serving, calls, orphaned })
        });
    }

    fn step(&mut self, (what, number): Choice) {
        let which = usize::from(number);
        let calls = self.run.calls.lock().clone();
        let some_call = calls.get(which % calls.len().max(1)).copied();
        let some_reference = self.held.get(which % self.held.len().max(1)).copied();
        let timeout = [Some(0), Some(0), Some(1000), Some(3000), None][which / 8 % 5];
        let own_timeout = if which % 4 == 0 { Some(500) } else { None };
        let wait = which % 3 != 0;
        let thread = (which / 2 % self.run.threads) as ThreadId + 1;
        match what {
            0..=3 => {
                let call = self.name();
                let op = Op::Begin { call, context: false, own_timeout, always_slot: number % 11 == 0 };
                let has_slot = self.begin(op, call);
                self.out.push((call, has_slot));
            }
            4 => {
                self.perform(Op::Enable);
            }
            5 => {
                self.perform(Op::Disable);
            }
            6..=8 => {
                if let Some((call, _)) = self.out.pop() {
                    self.perform(Op::Finish { call });
                }
            }
            9 | 10 => {
                if let Some(&(call, _)) = self.out.last() {
                    self.perform(Op::Poll { call });
                }
            }
            11 | 12 => {
                if let Some(&(call, _)) = self.out.last() {
                    self.perform(Op::Wait { call });
                }
            }
            13..=15 => {
                if let Some(call) = some_call {
                    let frame = self.name();
                    if self.perform(Op::Enter { call, frame }) == S_OK {
                        self.serving.push((frame, call));
                    }
                }
            }
            16 => {
                if let Some((frame, _)) = self.serving.pop() {
                    self.perform(Op::Leave { frame });
                }
            }
            17..=20 => {
                if let Some(call) = some_call {
                    self.perform(Op::Complete { call });
                }
            }
            21 => {
                if let Some(call) = some_call {
                    self.perform(Op::Abandon { call, hresult: RPC_E_SERVER_DIED });
                }
            }
            22..=26 => {
                self.perform(Op::CancelThread { thread, timeout, wait });
            }
            27 | 28 => {
                if let Some(call) = some_call {
                    self.perform(Op::CancelHandle { call, timeout, wait });
                }
            }
            29 | 30 => {
                let reference = self.name();
                if self.perform(Op::GetCancelObject { thread, iid: Iid::Unknown, reference }) == S_OK {
                    self.held.push(reference);
                }
            }
            31 => {
                if let Some(call) = some_call {
                    let reference = self.name();
                    if self.perform(Op::ObjectOf { call, reference }) == S_OK {
                        self.held.push(reference);
                    }
                }
            }
            32 => {
                if let Some(reference) = some_reference {
                    self.perform(Op::CancelObject { reference, timeout, wait: true });
                }
            }
            33 | 34 => {
                if let Some(reference) = some_reference {
                    self.perform(Op::TestObject { reference });
                }
            }
            35 => {
                if let Some(reference) = self.held.pop() {
                    self.perform(Op::Release { reference });
                }
            }
            36 => {
                self.perform(Op::TestCurrent);
            }
            // of two ticks at once one leaves the work to the other
            37 | 38 if self.thread == 1 => {
                self.perform(Op::Tick);
            }
            37 | 38 => {
                let call = self.name();
                let op = Op::BeginAsync { call, previous: None, context: false, own_timeout };
                if self.begin(op, call) {
                    self.asynchronous.push(call);
                }
            }
            39 => {
                let call = self.name();
                self.begin(Op::Serve { call }, call);
            }
            40 => {
                if let Some(call) = self.asynchronous.pop() {
                    self.perform(Op::Finish { call });
                }
            }
            _ => self.exit(),
        }
    }

    fn play(&mut self, script: &Script) {
        SteppedPort::act_as(self.thread, self.thread.wrapping_mul(0x9E37_79B9));
        let port = self.run.driver.runtime.port();
        let _done = Done(port);
        // all begin at once
        port.rest();
        // most scripts would else come to nothing
        if self.thread != 2 {
            self.perform(Op::Enable);
            self.step((0, script.iter().flatten().count() as u16));
        }
        script[0].iter().for_each(|choice| self.step(*choice));
        port.rest();
        script[1].iter().for_each(|choice| self.step(*choice));
        for reference in std::mem::take(&mut self.held) {
            self.perform(Op::Release { reference });
        }
        for call in std::mem::take(&mut self.asynchronous) {
            self.perform(Op::Finish { call });
        }
        self.exit();
    }
}

/// What the threads of these scripts were answered.
fn recorded<const CELLS: usize>(scripts: &[Script], step: u32) -> Vec<Recorded> {
    let run = Run::<CELLS> {
        driver: Driver::new(SteppedPort::default(), Fixed::new(), &[]),
        counter: AtomicUsize::new(0),
        calls: Mutex::default(),
        history: Mutex::default(),
        threads: scripts.len(),
    };
    let mut none_lost = true;
    thread::scope(|scope| {
        for (thread, script) in (1..).zip(scripts) {
            let run = &run;
            scope.spawn(move || {
                let actor =
                    Actor { run, thread, out: vec![], asynchronous: vec![], serving: vec![], held: vec![], names: 0 };
                { actor }.play(script);
            });
        }
        none_lost = run.control(step);
    });
    for call in run.driver.calls() {
        let _ = run.driver.runtime.complete(run.driver.handle(call));
    }
    run.driver.end();
    let history = run.history.into_inner();
    assert!(none_lost, "a wake was lost:\n{}", table(&history));
    history
}

fn scripts() -> impl Strategy<Value = Vec<Script>> {
    let half = || prop::collection::vec((0u8..=41, any::<u16>()), 0..=4);
    prop::collection::vec((half(), half()).prop_map(|(first, second)| [first, second]), 2..=4)
}

/// How many histories are recorded.
const HISTORIES: u32 = 4000;
/// Of how many no more than one may be too hard to decide.
const UNDECIDED: u32 = 100;

/// Plays scripts, and checks what was answered.
fn check<const CELLS: usize>() {
    let undecided = Cell::new(0);
    // a script cannot be played the same way twice, so there is nothing to shrink
    let config = ProptestConfig {
        cases: HISTORIES,
        failure_persistence: None,
        max_shrink_iters: 0,
        ..ProptestConfig::default()
    };
    let input = (scripts(), prop::sample::select(vec![1, 501, 1001, 3500]));
    let result = TestRunner::new(config).run(&input, |(scripts, step)| {
        let history = recorded::<CELLS>(&scripts, step);
        assert!(
            !history.iter().any(|recorded| recorded.hresult == E_OUTOFMEMORY),
            "room for all:\n{}",
            table(&history)
        );
        match verdict(&history, STATES) {
            Verdict::Linearizable => {}
            Verdict::Impossible => panic!("no order of these operations gives these answers:\n{}", table(&history)),
            Verdict::Undecided => undecided.set(undecided.get() + 1),
        }
        Ok(())
    });
    if let Err(failed) = result {
        panic!("{failed}");
    }
    let undecided = undecided.get();
    println!("{undecided} of {HISTORIES} histories are undecided");
    assert!(undecided <= HISTORIES / UNDECIDED, "{undecided} of {HISTORIES} histories are undecided");
}

#[test]
fn threads_found_by_a_scan() {
    check::<0>();
}

#[test]
fn threads_found_by_the_index() {
    check::<{ 2 * THREADS }>();
}
