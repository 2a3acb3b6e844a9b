//! A row is a script: what is given, then lines that act and lines that say what the line before has shown.

use cocancel_model::hresult::*;
use cocancel_model::*;

pub const CLIENT: ThreadId = 1;
pub const SERVER: ThreadId = 2;
pub const WATCHDOG: ThreadId = 3;
pub const SECOND: ThreadId = 4;
pub const OWN: ThreadId = 0;

/// A custom object that answers S_OK and RPC_S_CALLPENDING.
pub const PLAIN: CustomId = 0;
/// A custom object that answers E_FAIL and RPC_E_CALL_CANCELED.
pub const ODD: CustomId = 1;
/// A custom object without ICancelMethodCalls.
pub const MUTE: CustomId = 2;

pub enum Line {
    /// Acts and returns this.
    Does(Caller, Op, u32),
    /// Acts and has to wait.
    Waits(ThreadId, Op),
    /// A thread that waits looks again and returns this.
    Returns(ThreadId, u32),
    /// A thread that waits looks again and waits on.
    WaitsOn(ThreadId),
    // What the last of the lines above has shown:
    Wakes(&'static [Wake]),
    Requested(&'static [CallId]),
    Orphaned(&'static [CallId]),
    Released(&'static [CustomId]),
    CustomCancel(Option<(CustomId, Timeout)>),
    OwnedBy(Owner),
    InPhase(Phase),
    DueIn(Timeout),
    OldContext(Option<Object>),
    // What holds now:
    References(CustomId, usize),
    SharedInUse(usize),
}
pub use Line::*;

pub struct Row {
    pub source: &'static str,
    pub says: &'static str,
    pub config: Config,
    pub lines: Vec<Line>,
}

pub fn row<const N: usize>(source: &'static str, says: &'static str, given: Vec<Line>, then: [Line; N]) -> Row {
    let lines = given.into_iter().chain(then).collect();
    Row { source, says, config: config(), lines }
}

impl Row {
    pub fn with(mut self, change: impl FnOnce(&mut Config)) -> Row {
        change(&mut self.config);
        self
    }
}

pub fn config() -> Config {
    let custom = |has_cancel, cancel, test| CustomObject { has_cancel, cancel, test };
    Config {
        customs: vec![
            custom(true, S_OK, RPC_S_CALLPENDING),
            custom(true, E_FAIL, RPC_E_CALL_CANCELED),
            custom(false, E_UNEXPECTED, E_UNEXPECTED),
        ],
        ..Config::default()
    }
}

/// Runs each row on a new model.
pub fn check<const N: usize>(rows: [Row; N]) {
    for row in rows {
        let mut model = Model::new(row.config);
        let mut last = None;
        let mut effects = Effects::default();
        for (number, line) in row.lines.into_iter().enumerate() {
            let at = format!("{} {}: line {number}", row.source, row.says);
            let reply = || -> &Reply { last.as_ref().expect("a reply before this line") };
            match line {
                Does(who, op, hresult) => {
                    let Step::Done(reply) = model.start(who, op) else {
                        panic!("{at}: {op:?} waits");
                    };
                    assert_eq!(hex(reply.hresult), hex(hresult), "{at}: {op:?}");
                    effects = reply.effects.clone();
                    last = Some(reply);
                }
                Waits(who, op) => match model.start(who, op) {
                    Step::Done(reply) => panic!("{at}: {op:?} returns {reply:?}"),
                    Step::Waiting(visible) => effects = visible,
                },
                Returns(who, hresult) => {
                    let reply = model.resume(who);
                    let reply = reply.unwrap_or_else(|| panic!("{at}: {who} waits on"));
                    assert_eq!(hex(reply.hresult), hex(hresult), "{at}");
                    effects = reply.effects.clone();
                    last = Some(reply);
                }
                WaitsOn(who) => assert_eq!(model.resume(who), None, "{at}"),
                Wakes(wakes) => assert_eq!(effects.wakes, wakes, "{at}"),
                Requested(calls) => assert_eq!(effects.requested, calls, "{at}"),
                Orphaned(calls) => assert_eq!(effects.orphaned, calls, "{at}"),
                Released(customs) => assert_eq!(effects.released, customs, "{at}"),
                CustomCancel(cancel) => assert_eq!(effects.custom_cancel, cancel, "{at}"),
                OwnedBy(owner) => assert_eq!(reply().owner, owner, "{at}"),
                InPhase(phase) => assert_eq!(reply().phase, Some(phase), "{at}"),
                DueIn(due_in) => assert_eq!(reply().due_in, due_in, "{at}"),
                OldContext(old) => assert_eq!(reply().old_context, old, "{at}"),
                References(custom, n) => assert_eq!(model.references_to(custom), n, "{at}"),
                SharedInUse(n) => assert_eq!(model.shared_calls_in_use(), n, "{at}"),
            }
        }
    }
}

fn hex(hresult: u32) -> String {
    format!("{hresult:#010x}")
}

pub fn does(who: ThreadId, op: Op, hresult: u32) -> Line {
    Does(Caller::Thread(who), op, hresult)
}

pub fn interrupt(op: Op, hresult: u32) -> Line {
    Does(Caller::Interrupt, op, hresult)
}

/// Nobody looks at the clock meanwhile.
pub fn pass(ms: u64) -> Line {
    interrupt(Op::Advance(ms), S_OK)
}

pub fn nothing() -> Vec<Line> {
    vec![]
}

/// The client is enabled, and its call 1 is pending.
pub fn pending() -> Vec<Line> {
    vec![does(CLIENT, Op::Enable, S_OK), does(CLIENT, begin(1), S_OK)]
}

/// As `pending`, and the server serves the call in frame 1.
pub fn served() -> Vec<Line> {
    let mut lines = pending();
    lines.push(does(SERVER, enter(1, 1), S_OK));
    lines
}

/// As `pending`, and the client waits.
pub fn waited_for() -> Vec<Line> {
    let mut lines = pending();
    lines.push(Waits(CLIENT, Op::Wait { call: 1 }));
    lines
}

pub fn begin(call: CallId) -> Op {
    begin_with_timeout(call, None)
}

pub fn begin_with_timeout(call: CallId, own_timeout: Timeout) -> Op {
    Op::Begin { call, context: true, own_timeout, always_slot: false }
}

pub fn begin_with_slot(call: CallId) -> Op {
    Op::Begin { call, context: true, own_timeout: None, always_slot: true }
}

pub fn begin_async(call: CallId, previous: Option<CallId>) -> Op {
    Op::BeginAsync { call, previous, context: true, own_timeout: None }
}

pub fn enter(call: CallId, frame: FrameId) -> Op {
    Op::Enter { call, frame }
}

pub fn leave(frame: FrameId) -> Op {
    Op::Leave { frame }
}

pub fn poll(call: CallId) -> Op {
    Op::Poll { call }
}

pub fn complete(call: CallId) -> Op {
    Op::Complete { call }
}

pub fn abandon(call: CallId, hresult: u32) -> Op {
    Op::Abandon { call, hresult }
}

pub fn finish(call: CallId) -> Op {
    Op::Finish { call }
}

/// `CoCancelCall(thread, ul_seconds)`
pub fn cancel(thread: ThreadId, ul_seconds: u32) -> Op {
    Op::CancelThread { thread, timeout: seconds(ul_seconds), wait: true }
}

/// The never-waiting form.
pub fn cancel_now(thread: ThreadId, ul_seconds: u32) -> Op {
    Op::CancelThread { thread, timeout: seconds(ul_seconds), wait: false }
}

/// The host's own cancel.
pub fn cancel_handle(call: CallId, ul_seconds: u32) -> Op {
    Op::CancelHandle { call, timeout: seconds(ul_seconds), wait: true }
}

/// `ICancelMethodCalls::Cancel(ul_seconds)`
pub fn cancel_object(reference: ReferenceId, ul_seconds: u32) -> Op {
    Op::CancelObject { reference, timeout: seconds(ul_seconds), wait: true }
}

pub fn test_object(reference: ReferenceId) -> Op {
    Op::TestObject { reference }
}

pub fn release(reference: ReferenceId) -> Op {
    Op::Release { reference }
}

/// `CoGetCancelObject`
pub fn get(thread: ThreadId, reference: ReferenceId) -> Op {
    Op::GetCancelObject { thread, iid: Iid::CancelMethodCalls, reference }
}

pub fn object_of(call: CallId, reference: ReferenceId) -> Op {
    Op::ObjectOf { call, reference }
}

pub fn switch_to(new: Option<Object>) -> Op {
    Op::SwitchContext { new }
}

pub fn get_context(reference: ReferenceId) -> Op {
    Op::GetContext { iid: Iid::CancelMethodCalls, reference }
}
