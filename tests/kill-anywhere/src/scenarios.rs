//! The table: each operation in a small scenario, with the threads that go on when its thread has stopped.
//!
//! Thread 1 is the client, 2 and 5 the server, 3 a canceller, 4 somebody else; 6 lets time pass.

use cocancel_model::hresult::{RPC_E_CALL_CANCELED, S_OK};
use cocancel_model::{CustomObject, Iid, Object, Op, ThreadId};

/// One operation with its scenario.
#[derive(Clone, Debug)]
pub struct Scenario {
    /// What it is about.
    pub name: &'static str,
    /// What happens before.
    pub before: Vec<(ThreadId, Op)>,
    /// The operation whose thread stops.
    pub victim: (ThreadId, Op),
    /// What the others do then.
    pub after: Vec<(ThreadId, Op)>,
    /// The calls and frames that the victim's operation is about, innermost first.
    pub calls: Vec<u32>,
    /// See `calls`: a frame with its call.
    pub frames: Vec<(u32, u32)>,
}

/// Operations that stopped leave one pin in the slot that is lost, but for these, which may leave two in it: one that abandons pins the slot
/// beside the pin that the server's side has; a call that began and was never handed on has those of both its sides.
pub const TWO_PINS: [&str; 4] = ["abandon", "exit while serving", "begin, in a shared slot", "begin, asynchronous"];

/// How the client's call began.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Deadline {
    /// With a timeout of its own.
    Own,
    /// With none: it depends on being woken.
    None,
}

/// The tests' own objects.
pub fn customs() -> Vec<CustomObject> {
    vec![
        CustomObject { has_cancel: true, cancel: 1, test: RPC_E_CALL_CANCELED },
        CustomObject { has_cancel: true, cancel: S_OK, test: S_OK },
    ]
}

const CALL: u32 = 1;
const INNER: u32 = 2;
const FRAME: u32 = 1;
const SECOND: u32 = 1000;

fn begin(call: u32, own_timeout: Option<u64>) -> Op {
    Op::Begin { call, context: false, own_timeout, always_slot: false }
}
fn by_thread(timeout: u64, wait: bool) -> Op {
    Op::CancelThread { thread: 1, timeout: Some(timeout), wait }
}
fn by_handle(timeout: u64, wait: bool) -> Op {
    Op::CancelHandle { call: CALL, timeout: Some(timeout), wait }
}
fn get(reference: u32) -> Op {
    Op::GetCancelObject { thread: 1, iid: Iid::CancelMethodCalls, reference }
}

/// All of them.
pub fn all(deadline: Deadline) -> Vec<Scenario> {
    let own = match deadline {
        Deadline::Own => Some(50 * u64::from(SECOND)),
        Deadline::None => None,
    };
    let enabled = vec![(1, Op::Enable), (1, begin(CALL, own))];
    let with = |more: &[(ThreadId, Op)]| [enabled.clone(), more.to_vec()].concat();
    let waiting = with(&[(1, Op::Wait { call: CALL })]);
    let waiting_with = |more: &[(ThreadId, Op)]| [waiting.clone(), more.to_vec()].concat();
    // everybody else looks at what is left, and ends it
    let others = vec![
        (2, Op::Enter { call: CALL, frame: FRAME }),
        (2, Op::TestCurrent),
        (4, by_thread(2 * u64::from(SECOND), false)),
        (2, Op::TestCurrent),
        (6, Op::Advance(3 * u64::from(SECOND))),
        (6, Op::Tick),
        (4, by_handle(0, false)),
        (2, Op::Leave { frame: FRAME }),
        (2, Op::Complete { call: CALL }),
    ];
    let run_down = vec![
        (6, Op::Advance(60 * u64::from(SECOND))),
        (6, Op::Tick),
        (4, by_thread(0, true)),
        (2, Op::Complete { call: CALL }),
        (1, Op::Finish { call: CALL }),
        (1, Op::Disable),
        (1, Op::ThreadExit),
        (2, Op::ThreadExit),
        (4, Op::ThreadExit),
    ];
    let canceller_gone = [others.clone(), run_down.clone()].concat();
    // without anybody who cancels: only deadlines and the reply
    let quiet = [
        vec![(6, Op::Advance(3 * u64::from(SECOND))), (6, Op::Tick), (2, Op::Complete { call: CALL })],
        run_down.clone(),
    ]
    .concat();
    let server_gone = [
        vec![(4, by_thread(2 * u64::from(SECOND), false)), (6, Op::Advance(3 * u64::from(SECOND))), (6, Op::Tick)],
        run_down.clone(),
    ]
    .concat();
    let client_gone = [vec![(2, Op::Complete { call: INNER })], server_gone.clone()].concat();
    let mut all = Vec::new();
    let mut add = |name, before: Vec<(ThreadId, Op)>, victim, after: &[(ThreadId, Op)]| {
        all.push(Scenario { name, before, victim, after: after.to_vec(), calls: vec![CALL], frames: Vec::new() });
    };

    let cancels = [
        ("cancel by thread, at once", by_thread(0, true)),
        ("cancel by thread, never waiting", by_thread(1000, false)),
        ("cancel by thread, waiting", by_thread(1000, true)),
        ("cancel by handle, at once", by_handle(0, false)),
        ("cancel by handle, never waiting", by_handle(1000, false)),
        ("cancel by handle, waiting", by_handle(1000, true)),
    ];
    for (name, cancel) in cancels {
        add(name, waiting.clone(), (3, cancel), &canceller_gone);
        add(name, waiting.clone(), (3, cancel), &quiet);
        add(name, with(&[(2, Op::Enter { call: CALL, frame: FRAME })]), (3, cancel), &canceller_gone[1..]);
        add(name, waiting_with(&[(2, Op::Complete { call: CALL })]), (3, cancel), &canceller_gone);
        // sooner than another, who waits or does not
        let before = waiting_with(&[(4, by_thread(30_000, true))]);
        add(name, before.clone(), (3, cancel), &quiet);
        add(name, waiting_with(&[(4, by_thread(30_000, false))]), (3, cancel), &canceller_gone);
    }
    let object = waiting_with(&[(3, get(1))]);
    let reference = Op::CancelObject { reference: 1, timeout: Some(1000), wait: true };
    let at_once = Op::CancelObject { reference: 1, timeout: Some(0), wait: true };
    add("get a cancel object", waiting.clone(), (3, get(1)), &canceller_gone);
    add("cancel through an object, waiting", object.clone(), (3, reference), &canceller_gone);
    add("cancel through an object, at once", object.clone(), (3, at_once), &canceller_gone);
    add("test an object", object.clone(), (3, Op::TestObject { reference: 1 }), &canceller_gone);
    let query = Op::Query { reference: 1, iid: Iid::Unknown, new: 2 };
    add("refer to an object once more", object.clone(), (3, query), &canceller_gone);
    add("release an object", object.clone(), (3, Op::Release { reference: 1 }), &canceller_gone);
    let of_call = Op::ObjectOf { call: CALL, reference: 1 };
    add("object of a call", waiting.clone(), (3, of_call), &canceller_gone);

    // the server's side: its pin is its own until it completes
    let complete = Op::Complete { call: CALL };
    let abandon = Op::Abandon { call: CALL, hresult: 0x8001_0007 };
    let asked = (4, by_thread(1000, true));
    for (name, end) in [("complete", complete), ("abandon", abandon)] {
        add(name, waiting.clone(), (5, end), &server_gone);
        add(name, enabled.clone(), (5, end), &server_gone);
        add(name, waiting_with(&[asked]), (5, end), &server_gone);
        add(name, waiting_with(&[(4, by_thread(0, true))]), (5, end), &server_gone);
    }
    let enter = Op::Enter { call: CALL, frame: FRAME };
    let entered = waiting_with(&[(3, enter)]);
    add("enter", waiting.clone(), (3, enter), &server_gone);
    add("enter, refused", waiting_with(&[(4, by_thread(1000, true))]), (3, enter), &server_gone);
    add("leave", entered.clone(), (3, Op::Leave { frame: FRAME }), &server_gone);
    let done = [entered.clone(), vec![(3, complete)]].concat();
    add("leave what is complete", done, (3, Op::Leave { frame: FRAME }), &run_down);
    add("complete while serving", entered.clone(), (3, complete), &server_gone);
    let marker = vec![(1, begin(CALL, None)), (3, enter)];
    add("enter what has no slot", vec![(1, begin(CALL, None))], (3, enter), &run_down);
    add("leave what has no slot", marker, (3, Op::Leave { frame: FRAME }), &run_down);
    add("test the current call", entered.clone(), (3, Op::TestCurrent), &server_gone);
    let context = Op::GetContext { iid: Iid::CancelMethodCalls, reference: 1 };
    add("get the call context", entered.clone(), (3, context), &server_gone);
    let switch = Op::SwitchContext { new: Some(Object::Custom(1)) };
    add("switch the call context", entered.clone(), (3, switch), &server_gone);
    let switched = [entered.clone(), vec![(3, switch)]].concat();
    add("test a custom call context", switched, (3, Op::TestCurrent), &server_gone);
    let own_exit = Scenario {
        frames: vec![(FRAME, CALL)],
        calls: Vec::new(),
        ..scenario("exit while serving", entered.clone(), (3, Op::ThreadExit), &server_gone)
    };

    // the client's side
    let first = vec![(1, Op::Enable)];
    add("begin, in the home slot", first.clone(), (1, begin(CALL, own)), &run_down);
    add("begin, in a shared slot", enabled.clone(), (1, begin(INNER, own)), &client_gone);
    add("begin, as the first thing", Vec::new(), (1, begin(CALL, own)), &run_down);
    let always = Op::Begin { call: CALL, context: true, own_timeout: own, always_slot: true };
    add("begin, disabled but with a slot", Vec::new(), (1, always), &client_gone);
    let polled =
        vec![(1, Op::Enable), (1, Op::Begin { call: CALL, context: true, own_timeout: own, always_slot: false })];
    add("poll", polled.clone(), (1, Op::Poll { call: CALL }), &client_gone);
    let due = [polled, vec![(4, by_thread(10, false)), (6, Op::Advance(11))]].concat();
    add("poll what is due", due.clone(), (1, Op::Poll { call: CALL }), &client_gone);
    add("wait", enabled.clone(), (1, Op::Wait { call: CALL }), &client_gone);
    add("wait, answered", enabled.clone(), (1, Op::Wait { call: CALL }), &quiet);
    let finish = Op::Finish { call: CALL };
    add("finish what is pending", enabled.clone(), (1, finish), &client_gone);
    add("finish what is complete", with(&[(2, complete)]), (1, finish), &client_gone);
    add("finish what is canceled", with(&[(4, by_thread(0, false))]), (1, finish), &client_gone);
    add("finish below another", with(&[(1, begin(INNER, None))]), (1, finish), &client_gone);
    add("finish a marker", vec![(1, begin(CALL, None))], (1, finish), &[]);
    add("enable, as the first thing", Vec::new(), (1, Op::Enable), &run_down);
    add("disable", enabled.clone(), (1, Op::Disable), &client_gone);
    add("exit with a call out", enabled.clone(), (1, Op::ThreadExit), &client_gone);
    let nested = with(&[(1, begin(INNER, None)), (4, by_thread(1000, false))]);
    let ends_both = Scenario {
        calls: vec![INNER, CALL],
        ..scenario("exit with two calls out", nested, (1, Op::ThreadExit), &client_gone)
    };

    // calls of no thread
    let begin_async = Op::BeginAsync { call: CALL, previous: None, context: true, own_timeout: own };
    let ended = |call| vec![(4, Op::Complete { call }), (4, Op::Finish { call })];
    add("begin, asynchronous", Vec::new(), (3, begin_async), &[]);
    add("serve", Vec::new(), (3, Op::Serve { call: CALL }), &[]);
    let asynchronous = vec![(4, begin_async)];
    add("poll an asynchronous call", asynchronous.clone(), (3, Op::Poll { call: CALL }), &ended(CALL));
    add("finish an asynchronous call", asynchronous.clone(), (3, finish), &ended(CALL)[..1]);
    add("cancel an asynchronous call", asynchronous.clone(), (3, by_handle(0, false)), &ended(CALL));

    // deadlines
    add("tick, nothing due", waiting.clone(), (3, Op::Tick), &canceller_gone);
    let almost = waiting_with(&[(4, by_thread(10, false))]);
    add("tick, a request near", almost, (3, Op::Tick), &canceller_gone);
    add("tick, a poll's deadline due", due, (3, Op::Tick), &canceller_gone);

    // custom objects
    let set = Op::SetCancelObject(0);
    let registered = vec![(1, Op::Enable), (1, set)];
    let through = vec![(4, by_thread(1000, true)), (4, Op::ThreadExit)];
    add("register a custom object", first, (1, set), &through);
    add("unregister a custom object", registered.clone(), (1, Op::UnsetCancelObject), &through);
    let gone = vec![(4, by_thread(1000, true)), (1, Op::UnsetCancelObject), (1, Op::ThreadExit), (4, Op::ThreadExit)];
    add("cancel through a custom object", registered.clone(), (3, by_thread(1000, true)), &gone);
    add("get a custom object", registered.clone(), (3, get(1)), &gone);
    let held = [registered.clone(), vec![(3, get(1))]].concat();
    add("release a custom object", held, (3, Op::Release { reference: 1 }), &gone);
    add("exit with a custom object", registered, (1, Op::ThreadExit), &through);
    all.extend([own_exit, ends_both]);
    all
}

fn scenario(
    name: &'static str,
    before: Vec<(ThreadId, Op)>,
    victim: (ThreadId, Op),
    after: &[(ThreadId, Op)],
) -> Scenario {
    Scenario { name, before, victim, after: after.to_vec(), calls: vec![CALL], frames: Vec::new() }
}
