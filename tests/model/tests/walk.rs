//! Every state that a few threads can reach with one call: the record has exactly one owner, whatever happens.

use std::collections::HashSet;

use cocancel_model::hresult::*;
use cocancel_model::*;

const CLIENT: ThreadId = 1;
const SERVER: ThreadId = 2;
const WATCHDOG: ThreadId = 3;
const CALL: CallId = 1;
const FRAME: FrameId = 1;
const REFERENCE: ReferenceId = 1;

/// The latest time that a walk comes to: beyond the longest deadline.
const END: u64 = 5;

/// The model, and what was seen on the way to it.
#[derive(Clone, PartialEq, Eq, Hash)]
struct Walk {
    model: Model,
    entered: bool,
    referenced: bool,
    /// Sides that were told to dispose of the record.
    owners: u32,
    /// Calls of the `requested` hook.
    hooks: u32,
    delivered: bool,
    canceller_had_ok: bool,
}

impl Walk {
    fn note(&mut self, op: Option<Op>, step: &Step) {
        let effects = match step {
            Step::Done(reply) => &reply.effects,
            Step::Waiting(effects) => effects,
        };
        self.owners += effects.orphaned.len() as u32;
        self.hooks += effects.requested.len() as u32;
        let Step::Done(reply) = step else { return };
        match (op, reply.owner) {
            (_, Owner::None) => {}
            (_, Owner::Server) => {
                assert!(!self.delivered, "delivered, and the server's side owns the record");
                self.owners += 1;
            }
            (Some(Op::Finish { .. }), Owner::Client) => self.owners += 1,
            (_, Owner::Client) => self.delivered = true,
        }
        match op {
            Some(Op::Enter { .. }) => self.entered |= reply.hresult == S_OK,
            Some(Op::GetCancelObject { .. }) => self.referenced |= reply.hresult == S_OK,
            Some(Op::CancelObject { .. } | Op::CancelHandle { .. }) if reply.hresult == S_OK => {
                assert!(!self.canceller_had_ok, "two cancellers got S_OK");
                self.canceller_had_ok = true;
            }
            _ => {}
        }
    }

    /// The states one step further.
    fn next(&self) -> Vec<Walk> {
        let mut ops = vec![
            (CLIENT, Op::Poll { call: CALL }),
            (CLIENT, Op::Wait { call: CALL }),
            (CLIENT, Op::Finish { call: CALL }),
            (CLIENT, Op::ThreadExit),
            (SERVER, Op::Leave { frame: FRAME }),
            (SERVER, Op::Complete { call: CALL }),
            (SERVER, Op::Abandon { call: CALL, hresult: RPC_E_SERVER_DIED }),
            (SERVER, Op::CancelHandle { call: CALL, timeout: Some(0), wait: true }),
            (SERVER, Op::CancelHandle { call: CALL, timeout: Some(1), wait: false }),
            (SERVER, Op::ThreadExit),
            (WATCHDOG, Op::CancelHandle { call: CALL, timeout: Some(2), wait: true }),
            (WATCHDOG, Op::Tick),
        ];
        if !self.entered {
            ops.push((SERVER, Op::Enter { call: CALL, frame: FRAME }));
        }
        if !self.referenced {
            let iid = Iid::CancelMethodCalls;
            ops.push((SERVER, Op::GetCancelObject { thread: CLIENT, iid, reference: REFERENCE }));
        } else if self.holds_reference() {
            ops.push((SERVER, Op::Release { reference: REFERENCE }));
            ops.push((SERVER, Op::CancelObject { reference: REFERENCE, timeout: Some(0), wait: true }));
        }
        if self.model.now() < END {
            ops.push((WATCHDOG, Op::Advance(1)));
        }
        let mut next = vec![];
        for (thread, op) in ops {
            let mut walk = self.clone();
            let step = if !self.model.is_waiting(thread) {
                walk.model.start(thread, op)
            } else if let Op::Tick | Op::Advance(_) = op {
                walk.model.start(Caller::Interrupt, op)
            } else {
                continue;
            };
            walk.note(Some(op), &step);
            next.push(walk);
        }
        for thread in [CLIENT, SERVER, WATCHDOG] {
            if self.model.is_waiting(thread) {
                let mut walk = self.clone();
                if let Some(reply) = walk.model.resume(thread) {
                    let op =
                        (thread == WATCHDOG).then_some(Op::CancelHandle { call: CALL, timeout: Some(2), wait: true });
                    walk.note(op, &Step::Done(reply));
                }
                next.push(walk);
            }
        }
        next
    }

    /// Releasing what is not held would be the driver's mistake.
    fn holds_reference(&self) -> bool {
        self.model.holds(REFERENCE)
    }

    fn is_recycled(&self) -> bool {
        let op = Op::ObjectOf { call: CALL, reference: REFERENCE + 1 };
        self.model.clone().run(Caller::Interrupt, op).hresult == E_INVALIDARG
    }
}

/// Walks everywhere from the state after `begin`, and answers how many states there are.
fn walk_from(begin: Op) -> usize {
    let mut model = Model::new(Config { home_slots: false, ..Config::default() });
    model.run(CLIENT, Op::Enable);
    assert_eq!(model.run(CLIENT, begin).hresult, S_OK);
    let start = Walk {
        model,
        entered: false,
        referenced: false,
        owners: 0,
        hooks: 0,
        delivered: false,
        canceller_had_ok: false,
    };
    let mut seen = HashSet::from([start.clone()]);
    let mut open = vec![start];
    let mut recycled = 0;
    while let Some(walk) = open.pop() {
        assert!(walk.owners <= 1, "two sides dispose of the record");
        assert!(walk.hooks <= 1, "the requested hook runs twice");
        if walk.is_recycled() {
            recycled += 1;
            assert_eq!(walk.owners, 1, "nobody disposes of the record");
            assert_eq!(walk.model.shared_calls_in_use(), 0);
            assert!([CLIENT, SERVER].iter().all(|thread| !walk.model.is_waiting(*thread)));
        } else {
            assert_eq!(walk.model.shared_calls_in_use(), 1);
        }
        for next in walk.next() {
            if seen.insert(next.clone()) {
                open.push(next);
            }
        }
    }
    assert!(recycled > 0, "no walk came to the end of the call");
    seen.len()
}

#[test]
fn a_call_of_a_thread() {
    for own_timeout in [None, Some(1)] {
        let begin = Op::Begin { call: CALL, context: true, own_timeout, always_slot: false };
        println!("{} states", walk_from(begin));
    }
}

#[test]
fn an_asynchronous_call() {
    let begin = Op::BeginAsync { call: CALL, previous: None, context: true, own_timeout: Some(1) };
    println!("{} states", walk_from(begin));
}

#[test]
fn a_call_whose_client_is_elsewhere() {
    println!("{} states", walk_from(Op::Serve { call: CALL }));
}
