//! What the reference model allows a scenario to come to.

use std::collections::BTreeSet;

use anyhow::{Result, bail};
use cocancel_model::{CallId, Caller, Config, Effects, Iid, Model, Op as ModelOp, ReferenceId, Reply, Step, hresult};

use super::scenarios::{Call, Object, Op, Scenario};

/// The only thread.
const THREAD: u32 = 1;

/// When the handler comes.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Moment {
    Before,
    Between,
    After,
}

/// What there may be.
pub struct Outcomes {
    /// The handler's part before the operation, and after it. Both must be seen.
    pub must: BTreeSet<Vec<u32>>,
    /// What else there may be, because the operation is not one step.
    pub may: BTreeSet<Vec<u32>>,
}

/// What the model allows.
pub fn outcomes(scenario: &Scenario) -> Result<Outcomes> {
    let must = BTreeSet::from([play(scenario, Moment::Before)?, play(scenario, Moment::After)?]);
    let may = match scenario.interrupted {
        // it announces that the client waits, and then looks again, so that what came in between may wake it for nothing
        Op::Poll(_) => [play(scenario, Moment::Between)?].into(),
        // a handler that finds its request asked but not shown yet shows it, and both wake the client
        Op::CancelCall(..) => must.iter().cloned().map(with_one_wake_more).collect(),
        _ => BTreeSet::new(),
    };
    Ok(Outcomes { must, may })
}

/// How many numbers follow the answers: wakes, requests, orphans, contexts, what is in use.
const COUNTED: usize = 5;

fn with_one_wake_more(mut outcome: Vec<u32>) -> Vec<u32> {
    let wakes = outcome.len() - COUNTED;
    outcome[wakes] += 1;
    outcome
}

fn play(scenario: &Scenario, moment: Moment) -> Result<Vec<u32>> {
    let mut stage = Stage::new();
    let mut thread = Vec::new();
    let mut handler = Vec::new();
    for op in scenario.before {
        thread.push(stage.perform(THREAD.into(), *op)?);
    }
    match moment {
        Moment::Before => {}
        Moment::After => thread.push(stage.perform(THREAD.into(), scenario.interrupted)?),
        Moment::Between => {
            stage.perform(THREAD.into(), scenario.interrupted)?;
        }
    }
    for op in scenario.handler {
        handler.push(stage.perform(Caller::Interrupt, *op)?);
    }
    if moment != Moment::After {
        thread.push(stage.perform(THREAD.into(), scenario.interrupted)?);
    }
    for op in scenario.after {
        thread.push(stage.perform(THREAD.into(), *op)?);
    }
    stage.perform(THREAD.into(), Op::Exit)?;
    thread.extend(handler);
    // nothing may be in use at the end
    let counted: [u32; COUNTED] = [stage.wakes, stage.requests, stage.orphans, stage.contexts, 0];
    thread.extend(counted);
    Ok(thread)
}

struct Stage {
    model: Model,
    begun: BTreeSet<CallId>,
    entered: BTreeSet<CallId>,
    held: BTreeSet<ReferenceId>,
    wakes: u32,
    requests: u32,
    orphans: u32,
    /// Contexts that were brought, each of which is retired once.
    contexts: u32,
}

const fn name(call: Call) -> CallId {
    call as CallId
}

const fn reference(object: Object) -> ReferenceId {
    object as ReferenceId
}

impl Stage {
    fn new() -> Self {
        let config = Config { shared_calls: 2, home_slots: false, threads: 1, port_waits: false, ..Config::default() };
        Self {
            model: Model::new(config),
            begun: BTreeSet::new(),
            entered: BTreeSet::new(),
            held: BTreeSet::new(),
            wakes: 0,
            requests: 0,
            orphans: 0,
            contexts: 0,
        }
    }

    fn ask(&mut self, caller: Caller, op: ModelOp) -> Result<Reply> {
        let Step::Done(reply) = self.model.start(caller, op) else { bail!("{op:?} would wait") };
        let Effects { wakes, requested, orphaned, .. } = &reply.effects;
        self.wakes += wakes.len() as u32;
        self.requests += requested.len() as u32;
        self.orphans += orphaned.len() as u32;
        Ok(reply)
    }

    fn begin(&mut self, caller: Caller, call: Call, context: bool, own_timeout: Option<u64>) -> Result<u32> {
        let op = ModelOp::Begin { call: name(call), context, own_timeout, always_slot: false };
        let answer = self.ask(caller, op)?.hresult;
        self.begun.insert(name(call));
        self.contexts += u32::from(context && answer == hresult::S_OK);
        Ok(answer)
    }

    fn perform(&mut self, caller: Caller, op: Op) -> Result<u32> {
        let missing = match op {
            Op::Poll(call)
            | Op::Finish(call)
            | Op::Enter(call)
            | Op::Complete(call)
            | Op::Abandon(call)
            | Op::CancelCall(call, _) => !self.begun.contains(&name(call)),
            Op::Leave(call) => !self.entered.contains(&name(call)),
            Op::CancelObject(object, _) | Op::TestObject(object) | Op::Drop(object) => {
                !self.held.contains(&reference(object))
            }
            _ => false,
        };
        if missing {
            return Ok(hresult::E_INVALIDARG);
        }
        let model_op = match op {
            Op::Begin(call) => return self.begin(caller, call, false, None),
            Op::BeginPolled(call) => return self.begin(caller, call, true, None),
            Op::BeginTimed(call, ms) => return self.begin(caller, call, false, Some(ms.into())),
            Op::BeginAsync(call) | Op::BeginAsyncPolled(call) => {
                self.begun.insert(name(call));
                let context = matches!(op, Op::BeginAsyncPolled(_));
                ModelOp::BeginAsync { call: name(call), previous: None, context, own_timeout: None }
            }
            Op::Enable => ModelOp::Enable,
            Op::Disable => ModelOp::Disable,
            Op::Poll(call) => ModelOp::Poll { call: name(call) },
            Op::Finish(call) => ModelOp::Finish { call: name(call) },
            Op::Enter(call) => ModelOp::Enter { call: name(call), frame: name(call) },
            Op::Leave(call) => ModelOp::Leave { frame: name(call) },
            Op::Complete(call) => ModelOp::Complete { call: name(call) },
            Op::Abandon(call) => ModelOp::Abandon { call: name(call), hresult: hresult::RPC_E_SERVER_DIED },
            Op::Cancel(ms) => ModelOp::CancelThread { thread: THREAD, timeout: Some(ms.into()), wait: false },
            Op::CancelCall(call, ms) => {
                ModelOp::CancelHandle { call: name(call), timeout: Some(ms.into()), wait: false }
            }
            Op::Get(object) => {
                ModelOp::GetCancelObject { thread: THREAD, iid: Iid::CancelMethodCalls, reference: reference(object) }
            }
            Op::CancelObject(object, ms) => {
                ModelOp::CancelObject { reference: reference(object), timeout: Some(ms.into()), wait: false }
            }
            Op::TestObject(object) => ModelOp::TestObject { reference: reference(object) },
            Op::Drop(object) => ModelOp::Release { reference: reference(object) },
            Op::Test => ModelOp::TestCurrent,
            Op::Advance(ms) => ModelOp::Advance(ms.into()),
            Op::Tick => ModelOp::Tick,
            Op::Exit => ModelOp::ThreadExit,
        };
        let Reply { hresult: answer, due_in, .. } = self.ask(caller, model_op)?;
        match op {
            Op::Poll(_) => return Ok(due_in.map_or(answer, |ms| ms as u32)),
            Op::BeginAsyncPolled(_) if answer == hresult::S_OK => self.contexts += 1,
            Op::Enter(call) if answer == hresult::S_OK => {
                self.entered.insert(name(call));
            }
            Op::Get(object) if answer == hresult::S_OK => {
                self.held.insert(reference(object));
            }
            Op::Drop(object) => {
                self.held.remove(&reference(object));
            }
            _ => {}
        }
        Ok(answer)
    }
}
