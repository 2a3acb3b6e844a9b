//! What the reference model answers in every order of whole operations.

use std::collections::BTreeSet;

use cocancel_model::{CallId, Caller, Config, Iid, Model, Op as ModelOp, Step, hresult};

use super::judge::operations;
use super::scenarios::{Call, Op, Scenario};

/// The HRESULT of each operation of each hart; `None` if the hart had nothing to do it with.
pub type Outcome = [Vec<Option<u32>>; 2];

fn name(call: Call) -> CallId {
    call as CallId + 1
}

/// The operation in the model's terms.
pub fn model_op(hart: usize, op: Op) -> ModelOp {
    let reference = hart as u32 + 1;
    let frame = |call: Call| hart as u32 * 10 + name(call);
    let begin = |call, own_timeout: Option<u32>| ModelOp::Begin {
        call: name(call),
        context: false,
        own_timeout: own_timeout.map(u64::from),
        always_slot: false,
    };
    let ms = |ms: u32| Some(u64::from(ms));
    match op {
        Op::Enable => ModelOp::Enable,
        Op::Begin(call) => begin(call, None),
        Op::BeginTimed(call, ms) => begin(call, Some(ms)),
        Op::BeginAsync(call) => {
            ModelOp::BeginAsync { call: name(call), previous: None, context: false, own_timeout: None }
        }
        Op::Wait(call) => ModelOp::Wait { call: name(call) },
        Op::Poll(call) => ModelOp::Poll { call: name(call) },
        Op::Finish(call) => ModelOp::Finish { call: name(call) },
        Op::Enter(call) => ModelOp::Enter { call: name(call), frame: frame(call) },
        Op::Leave(call) => ModelOp::Leave { frame: frame(call) },
        Op::Test => ModelOp::TestCurrent,
        Op::Complete(call) => ModelOp::Complete { call: name(call) },
        Op::Abandon(call) => ModelOp::Abandon { call: name(call), hresult: hresult::RPC_E_SERVER_DIED },
        Op::Cancel(thread, grace) => ModelOp::CancelThread { thread, timeout: ms(grace), wait: false },
        Op::CancelWaiting(thread, grace) => ModelOp::CancelThread { thread, timeout: ms(grace), wait: true },
        Op::CancelCall(call, grace) => ModelOp::CancelHandle { call: name(call), timeout: ms(grace), wait: false },
        Op::Get(thread) => ModelOp::GetCancelObject { thread, iid: Iid::CancelMethodCalls, reference },
        Op::CancelObject(grace) => ModelOp::CancelObject { reference, timeout: ms(grace), wait: false },
        Op::TestObject => ModelOp::TestObject { reference },
        Op::Drop => ModelOp::Release { reference },
        Op::Advance(time) => ModelOp::Advance(time.into()),
        Op::Tick => ModelOp::Tick,
        Op::Exit => ModelOp::ThreadExit,
    }
}

/// Where both harts are.
#[derive(Clone)]
struct Stage {
    model: Model,
    left: [Vec<Op>; 2],
    is_waiting: [bool; 2],
    outcome: Outcome,
    begun: BTreeSet<CallId>,
    entered: BTreeSet<(usize, CallId)>,
    holds: [bool; 2],
}

/// All that may be answered when no operation comes between the steps of another.
pub fn complete_orders(scenario: &Scenario) -> BTreeSet<Outcome> {
    let config = Config { shared_calls: 4, home_slots: false, threads: 2, ..Config::default() };
    let reversed = |hart| operations(scenario, hart).into_iter().rev().collect();
    let mut stage = Stage {
        model: Model::new(config),
        left: [reversed(0), reversed(1)],
        is_waiting: [false; 2],
        outcome: Outcome::default(),
        begun: BTreeSet::new(),
        entered: BTreeSet::new(),
        holds: [false; 2],
    };
    for _ in scenario.before {
        assert!(stage.advance(0), "hart 0 would wait for ever");
    }
    let mut all = BTreeSet::new();
    stage.explore(&mut all);
    all
}

impl Stage {
    fn explore(self, all: &mut BTreeSet<Outcome>) {
        if self.left.iter().all(Vec::is_empty) {
            all.insert(self.outcome);
            return;
        }
        for hart in 0..2 {
            let mut next = self.clone();
            if next.advance(hart) {
                next.explore(all);
            }
        }
    }

    /// The hart's next operation, as far as it goes; `false` if it goes nowhere.
    fn advance(&mut self, hart: usize) -> bool {
        let Some(&op) = self.left[hart].last() else { return false };
        let thread = hart as u32 + 1;
        let answer = if self.is_waiting[hart] {
            let Some(reply) = self.model.resume(thread) else { return false };
            Some(reply.hresult)
        } else if self.has_what_it_takes(hart, op) {
            match self.model.start(Caller::Thread(thread), model_op(hart, op)) {
                Step::Done(reply) => Some(reply.hresult),
                Step::Waiting(_) => {
                    self.is_waiting[hart] = true;
                    return true;
                }
            }
        } else {
            None
        };
        self.is_waiting[hart] = false;
        self.left[hart].pop();
        self.note(hart, op, answer);
        self.outcome[hart].push(answer);
        true
    }

    fn has_what_it_takes(&self, hart: usize, op: Op) -> bool {
        match op {
            Op::Wait(call) | Op::Poll(call) | Op::Finish(call) | Op::Enter(call) => self.begun.contains(&name(call)),
            Op::Complete(call) | Op::Abandon(call) | Op::CancelCall(call, _) => self.begun.contains(&name(call)),
            Op::Leave(call) => self.entered.contains(&(hart, name(call))),
            Op::CancelObject(_) | Op::TestObject | Op::Drop => self.holds[hart],
            _ => true,
        }
    }

    fn note(&mut self, hart: usize, op: Op, answer: Option<u32>) {
        match (op, answer) {
            (Op::Begin(call) | Op::BeginTimed(call, _) | Op::BeginAsync(call), _) => {
                self.begun.insert(name(call));
            }
            (Op::Enter(call), Some(hresult::S_OK)) => {
                self.entered.insert((hart, name(call)));
            }
            (Op::Leave(call), _) => {
                self.entered.remove(&(hart, name(call)));
            }
            (Op::Get(_), Some(hresult::S_OK)) => self.holds[hart] = true,
            (Op::Drop, _) => self.holds[hart] = false,
            _ => {}
        }
    }
}
