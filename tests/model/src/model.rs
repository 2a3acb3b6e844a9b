//! The state, and the way from an operation to the function that performs it.

use std::collections::BTreeMap;

use crate::hresult::*;
use crate::op::*;
use crate::reply::*;

/// One of the driver's own objects: what it answers.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct CustomObject {
    /// Whether its `QueryInterface` gives `ICancelMethodCalls`.
    pub has_cancel: bool,
    /// What its `Cancel` answers.
    pub cancel: u32,
    /// What its `TestCancel` answers.
    pub test: u32,
}

/// Capacities and abilities that do not change.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Config {
    /// Call slots that all threads share.
    pub shared_calls: usize,
    /// Whether each attached thread has a home slot beside these.
    pub home_slots: bool,
    /// Thread slots.
    pub threads: usize,
    /// Whether the port can wait.
    pub port_waits: bool,
    /// The highest value of the enable counter.
    pub enable_max: u32,
    /// How many markers a thread can begin in a row.
    pub markers_in_a_row: usize,
    /// The driver's own objects.
    pub customs: Vec<CustomObject>,
}

impl Default for Config {
    fn default() -> Self {
        Config {
            shared_calls: 4,
            home_slots: true,
            threads: 4,
            port_waits: true,
            enable_max: 0xFFFF,
            markers_in_a_row: 511,
            customs: Vec::new(),
        }
    }
}

/// What a thread has registered, innermost last.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Registered {
    /// A call that has a slot.
    Call(CallId),
    /// A call that has none.
    Marker(CallId),
    /// A custom object; whether the thread was enabled when it came.
    Custom { custom: CustomId, enabled: bool },
}

/// A thread that has a thread slot.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub(crate) struct Thread {
    /// Which of the thread slots it has.
    pub slot: usize,
    pub enabled: u32,
    pub stack: Vec<Registered>,
    /// The frames it serves, innermost last.
    pub serving: Vec<FrameId>,
    /// The context that was switched in while it served nothing.
    pub outer_context: Option<Object>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Kind {
    /// Of this thread.
    Synchronous(ThreadId),
    Asynchronous,
    /// The client is elsewhere.
    Served,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Slot {
    Shared,
    /// Of this thread slot.
    Home(usize),
}

/// A call that has a slot.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Call {
    pub kind: Kind,
    pub slot: Slot,
    /// It began on a disabled thread.
    pub disabled: bool,
    /// The host brought a wake context.
    pub context: bool,
    pub phase: Phase,
    /// Testing shows the cancel: somebody asked, the client gave up, or the call's own timeout was seen to be over.
    pub requested: bool,
    /// The time at which it is due, `None` for never.
    pub deadline: Option<u64>,
    /// The client has announced that it waits.
    pub announced: bool,
    /// The canceller that waits.
    pub canceller: Option<ThreadId>,
    pub client_done: bool,
    pub server_done: bool,
    pub frame: Option<FrameId>,
}

/// Why a call has no slot.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Marker {
    /// Its thread was disabled.
    Disabled,
    /// There was no slot.
    Barrier,
    /// There was no room even to note it.
    Untracked,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum FrameSlot {
    /// The served call's own.
    OfCall,
    /// A shared slot, for a marker.
    Shared,
    /// None was free for the marker.
    DepthOnly,
    /// The serving thread has no thread slot: nothing is noted.
    NoThread,
}

/// A call while it is being served.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Frame {
    pub thread: ThreadId,
    pub call: CallId,
    pub slot: FrameSlot,
    pub context: Option<Object>,
    pub left: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Blocked {
    Client(CallId),
    Canceller(CallId),
}

/// The whole state.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Model {
    pub(crate) config: Config,
    pub(crate) now: u64,
    pub(crate) initialised: bool,
    pub(crate) threads: BTreeMap<ThreadId, Thread>,
    /// The thread slot that the next thread is offered first.
    pub(crate) next_thread: usize,
    pub(crate) calls: BTreeMap<CallId, Call>,
    pub(crate) markers: BTreeMap<CallId, Marker>,
    pub(crate) frames: BTreeMap<FrameId, Frame>,
    pub(crate) references: BTreeMap<ReferenceId, Object>,
    pub(crate) blocked: BTreeMap<ThreadId, Blocked>,
}

impl Model {
    /// A runtime that is initialised and empty, at time 0.
    pub fn new(config: Config) -> Model {
        Model {
            config,
            now: 0,
            initialised: true,
            threads: BTreeMap::new(),
            next_thread: 0,
            calls: BTreeMap::new(),
            markers: BTreeMap::new(),
            frames: BTreeMap::new(),
            references: BTreeMap::new(),
            blocked: BTreeMap::new(),
        }
    }

    /// Milliseconds since the model began.
    pub fn now(&self) -> u64 {
        self.now
    }

    /// Whether this thread waits.
    pub fn is_waiting(&self, thread: ThreadId) -> bool {
        self.blocked.contains_key(&thread)
    }

    /// Performs an operation, or its first part if it has to wait.
    ///
    /// # Panics
    ///
    /// When the driver makes a mistake: the thread waits, its id is 0, or a name is already taken.
    pub fn start(&mut self, caller: impl Into<Caller>, op: Op) -> Step {
        let caller = caller.into();
        if let Caller::Thread(thread) = caller {
            assert!(thread != 0, "0 names no thread, it means the calling one");
            assert!(!self.is_waiting(thread), "thread {thread} waits, it cannot start {op:?}");
        }
        let mut effects = Effects::default();
        let reply = self.perform(caller, op, &mut effects);
        match self.tidy(reply, effects) {
            (Some(reply), _) => Step::Done(reply),
            (None, effects) => Step::Waiting(effects),
        }
    }

    /// As [`start`](Model::start), for an operation that does not wait.
    ///
    /// # Panics
    ///
    /// When it does wait.
    pub fn run(&mut self, caller: impl Into<Caller>, op: Op) -> Reply {
        match self.start(caller, op) {
            Step::Done(reply) => reply,
            Step::Waiting(_) => panic!("{op:?} waits"),
        }
    }

    /// A thread that waits looks again. Answers its reply if it may return now; if not, it waits on.
    /// A client that waits on has announced itself anew.
    ///
    /// # Panics
    ///
    /// When the thread does not wait.
    pub fn resume(&mut self, thread: ThreadId) -> Option<Reply> {
        let mut effects = Effects::default();
        let reply = match self.blocked[&thread] {
            Blocked::Client(call) => self.client_looks(thread, call, &mut effects),
            Blocked::Canceller(call) => self.canceller_looks(thread, call, &mut effects),
        };
        self.tidy(reply, effects).0
    }

    /// Recycles what nobody can reach any more, and puts the effects in order.
    fn tidy(&mut self, reply: Option<Reply>, mut effects: Effects) -> (Option<Reply>, Effects) {
        let references = &self.references;
        self.calls.retain(|id, call| {
            !call.client_done
                || !call.server_done
                || call.frame.is_some()
                || call.canceller.is_some()
                || references.values().any(|object| *object == Object::Standard(*id))
        });
        self.frames
            .retain(|id, frame| !frame.left || references.values().any(|object| *object == Object::ServedMarker(*id)));
        effects.wakes.sort();
        effects.requested.sort();
        effects.orphaned.sort();
        effects.released.sort();
        match reply {
            Some(reply) => (Some(Reply { effects, ..reply }), Effects::default()),
            None => (None, effects),
        }
    }

    fn perform(&mut self, caller: Caller, op: Op, effects: &mut Effects) -> Option<Reply> {
        match op {
            // These do not ask whether the runtime is initialised.
            Op::Advance(ms) => return Some(self.advance(ms)),
            Op::Init => return Some(self.init()),
            Op::Malformed(bad) => return Some(self.malformed(bad)),
            Op::CancelObject { reference, timeout, wait } => {
                return self.cancel_object(caller, reference, timeout, wait, effects);
            }
            Op::TestObject { reference } => return Some(self.test_object(reference)),
            Op::Query { reference, iid, new } => return Some(self.query(reference, iid, new)),
            Op::Release { reference } => return Some(self.release(reference)),
            _ if !self.initialised => return Some(Reply::of(E_UNEXPECTED)),

            // These an interrupt handler may use too.
            Op::Tick => return Some(self.tick(effects)),
            Op::Part(Part::Look { call }) => return Some(self.look_at(call, effects)),
            Op::Poll { call } => return Some(self.poll(call, effects)),
            Op::Complete { call } => return Some(self.complete(call, effects)),
            Op::Abandon { call, hresult } => return Some(self.abandon(call, hresult, effects)),
            Op::CancelHandle { call, timeout, wait } => {
                return self.cancel_handle(caller, call, timeout, wait, effects);
            }
            Op::CancelThread { thread, timeout, wait } => {
                return self.cancel_thread(caller, thread, timeout, wait, effects);
            }
            Op::GetCancelObject { thread, iid, reference } => {
                return Some(self.get_cancel_object(caller, thread, iid, reference));
            }
            Op::ObjectOf { call, reference } => return Some(self.object_of(call, reference)),
            Op::BeginAsync { call, previous, context, own_timeout } => {
                return Some(self.begin_async(call, previous, context, own_timeout));
            }
            Op::Serve { call } => return Some(self.serve(call)),
            _ => {}
        }
        let Caller::Thread(me) = caller else {
            return Some(match op {
                Op::TestCurrent | Op::GetContext { .. } => Reply::of(RPC_E_CALL_COMPLETE),
                _ => Reply::of(E_UNEXPECTED),
            });
        };
        Some(match op {
            Op::Deinit => self.deinit(me),
            Op::ThreadExit => self.thread_exit(me, effects),
            Op::Enable => self.enable(me),
            Op::Disable => self.disable(me),
            Op::SetCancelObject(custom) => self.set_cancel_object(me, custom),
            Op::UnsetCancelObject => self.unset_cancel_object(me, effects),
            Op::Begin { call, context, own_timeout, always_slot } => {
                self.begin(me, call, context, own_timeout, always_slot)
            }
            Op::Wait { call } => return self.wait(me, call, effects),
            Op::Finish { call } => self.finish(me, call, effects),
            Op::Part(Part::Unlink { call }) => self.take_off(me, call),
            Op::Part(Part::End { call }) => self.end_client(call, effects),
            Op::Enter { call, frame } => self.enter(me, call, frame, effects),
            Op::Leave { frame } => self.leave(me, frame),
            Op::TestCurrent => self.test_current(me),
            Op::SwitchContext { new } => self.switch_context(me, new),
            Op::GetContext { iid, reference } => self.get_context(me, iid, reference),
            _ => unreachable!("{op:?} was handled above"),
        })
    }
}
