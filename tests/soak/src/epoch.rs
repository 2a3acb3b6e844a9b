//! One runtime from its beginning to its end, what its threads share, and what they were answered.

use std::collections::{BTreeSet, VecDeque};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use cocancel::Fixed;
use cocancel::port::posix;
use cocancel_host_tests::history::{Had, Recorded};
use cocancel_host_tests::{Answer, Driver};
use cocancel_model::hresult::{E_NOTIMPL, RPC_E_CALL_CANCELED, RPC_E_CALL_COMPLETE, RPC_S_CALLPENDING, S_OK};
use cocancel_model::{CallId, CustomObject, FrameId, Op, ReferenceId, ThreadId};
use parking_lot::{Condvar, Mutex};

use crate::port::SoakPort;

/// Room for calls and threads: more than there are at once, so that nobody is refused for want of it.
pub const CALLS: usize = 512;
const THREADS: usize = 128;

/// What the custom objects answer to `Cancel` and `TestCancel`; the last is not cancelable.
pub const CUSTOMS: [(bool, u32, u32); 3] =
    [(true, E_NOTIMPL, RPC_S_CALLPENDING), (true, RPC_E_CALL_COMPLETE, RPC_E_CALL_CANCELED), (false, 0, 0)];

/// One operation, and what else is known of it.
#[derive(Clone, Debug)]
pub struct Entry {
    /// What the checker of histories needs.
    pub recorded: Recorded,
    /// The call that it concerns, where that is known.
    pub of: Option<CallId>,
    /// The clock before and after it, without a wrap.
    pub time: (u64, u64),
}

/// An operation that has not answered yet.
#[derive(Clone, Copy, Debug)]
pub struct Inside {
    pub thread: ThreadId,
    pub op: Op,
    pub invoked: usize,
    pub since: Instant,
}

/// A thread's entries, and the operation that it is in.
#[derive(Debug, Default)]
pub struct Log {
    pub entries: Vec<Entry>,
    pub inside: Option<Inside>,
}

/// Calls that wait for a server.
#[derive(Debug, Default)]
pub struct Queue {
    calls: Mutex<(VecDeque<CallId>, bool)>,
    filled: Condvar,
}

impl Queue {
    pub fn push(&self, call: CallId) {
        self.calls.lock().0.push_back(call);
        self.filled.notify_one();
    }

    pub fn try_pop(&self) -> Option<CallId> {
        self.calls.lock().0.pop_front()
    }

    /// The next call; `None` once it is closed and empty.
    pub fn pop(&self) -> Option<CallId> {
        let mut calls = self.calls.lock();
        loop {
            if let Some(call) = calls.0.pop_front() {
                return Some(call);
            }
            if calls.1 {
                return None;
            }
            self.filled.wait(&mut calls);
        }
    }

    pub fn close(&self) {
        self.calls.lock().1 = true;
        self.filled.notify_all();
    }
}

/// What the threads share.
pub struct Epoch {
    pub driver: Driver<SoakPort, Fixed<CALLS, THREADS, { 2 * THREADS }>>,
    counter: AtomicUsize,
    names: AtomicU32,
    pub begun: AtomicU32,
    /// Cancellers are done.
    pub over: AtomicBool,
    /// The ids of threads that may have calls out, by their seats; 0: nobody.
    pub board: Vec<AtomicU32>,
    /// Calls of late.
    pub recent: Vec<AtomicU32>,
    /// Calls to servers that call on, and to those that do not.
    pub queues: [Queue; 2],
    /// Calls without a slot whose server is done.
    done: Mutex<BTreeSet<CallId>>,
    pub lives: AtomicU32,
    pub ticks: AtomicU32,
    logs: Arc<Logs>,
}

impl Epoch {
    /// Nothing has begun, and the clock stands at `first`.
    pub fn new(first: u32, seats: usize) -> Self {
        let customs = CUSTOMS.map(|(has_cancel, cancel, test)| CustomObject { has_cancel, cancel, test });
        let logs = Arc::<Logs>::default();
        *CURRENT.lock() = Some(Arc::clone(&logs));
        let zeros = |count| (0..count).map(|_| AtomicU32::new(0)).collect();
        Self {
            driver: Driver::new(SoakPort::starting_at(first), Fixed::new(), &customs),
            counter: AtomicUsize::new(0),
            names: AtomicU32::new(0),
            begun: AtomicU32::new(0),
            over: AtomicBool::new(false),
            board: zeros(seats),
            recent: zeros(32),
            queues: Default::default(),
            done: Mutex::default(),
            lives: AtomicU32::new(0),
            ticks: AtomicU32::new(0),
            logs,
        }
    }

    /// The port.
    pub fn port(&self) -> &SoakPort {
        self.driver.runtime.port()
    }

    pub fn done(&self, call: CallId) {
        self.done.lock().insert(call);
    }

    pub fn is_done(&self, call: CallId) -> bool {
        self.done.lock().contains(&call)
    }

    /// Whether a thread has been in one operation for longer than this.
    pub fn is_stuck(&self, longest: Duration) -> bool {
        let is_inside =
            |log: &Arc<Mutex<Log>>| log.lock().inside.is_some_and(|inside| inside.since.elapsed() > longest);
        self.logs.lock().iter().any(is_inside)
    }

    /// Everything that was recorded so far.
    pub fn recorded(&self) -> (Vec<Entry>, Vec<Inside>) {
        recorded(&self.logs)
    }
}

/// The logs of all threads of an epoch.
type Logs = Mutex<Vec<Arc<Mutex<Log>>>>;

/// Those of the last one, for whoever panics.
static CURRENT: Mutex<Option<Arc<Logs>>> = Mutex::new(None);

/// What was recorded in the last epoch so far.
pub fn recorded_last() -> (Vec<Entry>, Vec<Inside>) {
    let last = CURRENT.lock().clone();
    last.map(|logs| recorded(&logs)).unwrap_or_default()
}

/// The last epoch was as it should be.
pub fn forget_last() {
    *CURRENT.lock() = None;
}

/// What they have, in the order of its beginnings, and what still runs.
fn recorded(logs: &Logs) -> (Vec<Entry>, Vec<Inside>) {
    let (mut entries, mut inside) = (Vec::new(), Vec::new());
    for log in logs.lock().iter() {
        let log = log.lock();
        entries.extend(log.entries.iter().cloned());
        inside.extend(log.inside);
    }
    entries.sort_by_key(|entry| entry.recorded.invoked);
    (entries, inside)
}

/// One thread of an epoch.
pub struct Actor<'e> {
    pub epoch: &'e Epoch,
    pub id: ThreadId,
    pub random: fastrand::Rng,
    /// Calls that it has out, outermost first; whether they have a slot.
    pub out: Vec<(CallId, bool)>,
    pub asynchronous: Vec<CallId>,
    pub serving: Vec<(FrameId, CallId)>,
    pub held: Vec<(ReferenceId, Option<CallId>)>,
    log: Arc<Mutex<Log>>,
}

impl<'e> Actor<'e> {
    /// The calling thread, which acts by this seed.
    pub fn new(epoch: &'e Epoch, seed: u64) -> Self {
        let log = Arc::<Mutex<Log>>::default();
        epoch.logs.lock().push(Arc::clone(&log));
        // Relaxed: only a number
        epoch.lives.fetch_add(1, Ordering::Relaxed);
        let (out, asynchronous, serving, held) = Default::default();
        let random = fastrand::Rng::with_seed(seed);
        Self { epoch, id: posix::thread_id(), random, out, asynchronous, serving, held, log }
    }

    /// A name that nothing has yet.
    pub fn name(&self) -> u32 {
        // Relaxed: only a number
        self.epoch.names.fetch_add(1, Ordering::Relaxed) + 1
    }

    /// One of so many.
    pub fn is_one_of(&mut self, count: u32) -> bool {
        self.random.u32(..count) == 0
    }

    /// Performs an operation, which concerns this call, and records it.
    pub fn perform(&self, op: Op, of: Option<CallId>) -> Answer {
        self.record(op, of, || (self.epoch.driver.perform(op), Had::default()))
    }

    fn record(&self, op: Op, of: Option<CallId>, perform: impl FnOnce() -> (Answer, Had)) -> Answer {
        let port = self.epoch.port();
        // SeqCst, both: one order of all invocations and responses
        let invoked = self.epoch.counter.fetch_add(1, Ordering::SeqCst);
        self.log.lock().inside = Some(Inside { thread: self.id, op, invoked, since: Instant::now() });
        let before = port.time();
        let (answer, had) = perform();
        let after = port.time();
        let responded = self.epoch.counter.fetch_add(1, Ordering::SeqCst);
        let (hresult, owner) = (answer.hresult, answer.owner);
        let recorded = Recorded { thread: self.id, op, hresult, owner, invoked, responded, had };
        let mut log = self.log.lock();
        log.inside = None;
        log.entries.push(Entry { recorded, of, time: (before, after) });
        answer
    }

    /// Whatever it has comes to its end as a thread's does: calls are given up, what it serves fails.
    pub fn exit(&mut self) {
        for (reference, of) in std::mem::take(&mut self.held) {
            self.perform(Op::Release { reference }, of);
        }
        for call in std::mem::take(&mut self.asynchronous) {
            self.perform(Op::Finish { call }, Some(call));
        }
        // the exit takes these along with the calls below them, in steps that the checker does not know
        for (call, has_slot) in self.out.clone().into_iter().rev() {
            if !has_slot {
                self.perform(Op::Finish { call }, Some(call));
            }
        }
        let serving: Vec<_> = std::mem::take(&mut self.serving).into_iter().rev().collect();
        let out = std::mem::take(&mut self.out).into_iter().rev();
        let calls = out.filter_map(|(call, has_slot)| has_slot.then_some(call)).collect();
        let served = serving.clone();
        self.record(Op::ThreadExit, None, || {
            let answer = self.epoch.driver.perform(Op::ThreadExit);
            assert_eq!(answer.hresult, S_OK);
            // a record's pointer is its call's number and one more
            let orphaned = SoakPort::orphaned_here().into_iter().map(|host| host as CallId - 1).collect();
            (answer, Had { serving, calls, orphaned })
        });
        served.into_iter().for_each(|(_, call)| self.epoch.done(call));
    }
}
