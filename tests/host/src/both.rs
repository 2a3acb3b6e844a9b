//! The library and the model side by side: every operation is performed on both, and they must agree.

use cocancel::{Hresult, Runtime, Side, Storage};
use cocancel_model::{Caller, Config, Model, Object, Op, Owner, Reply, ThreadId, Wake};

use crate::driver::{Answer, Context, Driver};
use crate::scripted::ScriptedPort;

/// The longest time that the library tells anybody to wait: so that its clock is not missed.
const LONGEST: u64 = 1 << 30;

/// The two. Thread 0 of a script is an interrupt handler.
#[derive(Debug)]
pub struct Both<S: 'static> {
    /// The library.
    pub driver: Driver<ScriptedPort, S>,
    /// The model.
    pub model: Model,
}

impl<S: Storage + 'static> Both<S> {
    /// Both, empty, on a clock that starts at `now`. The storage is as large as the configuration says.
    pub fn new(now: u32, storage: S, config: Config) -> Self {
        let driver = Driver::new(ScriptedPort::starting_at(now), storage, &config.customs);
        assert_eq!(driver.runtime.port().told(), crate::Told::default());
        Self { driver, model: Model::new(config) }
    }

    /// The library.
    pub fn runtime(&self) -> &'static Runtime<ScriptedPort, S> {
        self.driver.runtime
    }

    fn caller(thread: ThreadId) -> Caller {
        if thread == 0 { Caller::Interrupt } else { Caller::Thread(thread) }
    }

    /// What the model would answer.
    pub fn expected(&self, thread: ThreadId, op: Op) -> Reply {
        self.model.clone().run(Self::caller(thread), op)
    }

    /// Performs the operation on both. Answers the HRESULT and what the model says besides.
    ///
    /// # Panics
    ///
    /// When they do not agree.
    pub fn play(&mut self, thread: ThreadId, op: Op) -> Reply {
        self.runtime().port().act_as(thread);
        let expected = self.model.run(Self::caller(thread), op);
        let answer = match op {
            Op::Advance(ms) => {
                self.runtime().port().advance(ms as u32);
                Answer::of(Hresult::S_OK)
            }
            // a budget that does not suffice for one pass
            Op::Tick if thread == 3 => std::iter::repeat_with(|| self.runtime().tick(2))
                .find(|due_in| *due_in != Some(0))
                .map(|due_in| Answer { due_in: Some(due_in.map(u64::from)), ..Answer::of(Hresult::S_OK) })
                .expect("a pass has an end"),
            op => self.driver.perform(op),
        };
        self.compare(thread, op, &answer, &expected);
        self.compare_told(thread, op, &expected);
        expected
    }

    fn compare(&self, thread: ThreadId, op: Op, answer: &Answer, expected: &Reply) {
        let (real, hresult) = (answer.hresult, expected.hresult);
        assert_eq!(real, hresult, "{op:?} by {thread}: {real:08X}, not {hresult:08X}");
        // who owns the record is said once the call has a slot; a marker's is the client's all along
        if expected.owner != Owner::None {
            assert_eq!(answer.owner, expected.owner, "{op:?} by {thread}");
        }
        let longest = expected.due_in.map(|ms| ms.min(LONGEST));
        match (op, answer.due_in) {
            (Op::Poll { .. }, Some(due_in)) => assert_eq!(due_in, longest, "{op:?} by {thread}"),
            // what has ended since may cost a tick too early, never one too late
            (Op::Tick, Some(due_in)) => {
                assert_ne!(due_in, Some(0), "{op:?} by {thread}");
                assert!(
                    longest.is_none() || due_in.is_some() && due_in <= longest,
                    "{op:?} by {thread}: {due_in:?}, not {longest:?}"
                );
            }
            _ => {}
        }
        if let Op::SwitchContext { .. } = op {
            let old = match expected.old_context {
                None => Context::None,
                Some(Object::Custom(custom)) => Context::Custom(custom),
                Some(_) => Context::Standard,
            };
            assert_eq!(answer.context, old, "{op:?} by {thread}");
            expected.old_context.into_iter().for_each(|name| self.driver.name_context(name));
        }
    }

    /// What others were told meanwhile.
    fn compare_told(&self, thread: ThreadId, op: Op, expected: &Reply) {
        let told = self.runtime().port().told();
        let wake = |(side, context): &(Side, usize)| match side {
            Side::Client => Wake::Client(*context as u32 - 1),
            Side::Canceller => Wake::Canceller(*context as u32 - 1),
        };
        let mut wakes: Vec<_> = told.wakes.iter().map(wake).collect();
        wakes.sort_unstable();
        assert_eq!(wakes, expected.effects.wakes, "{op:?} by {thread}");
        assert_eq!(told.requested.len(), expected.effects.requested.len(), "{op:?} by {thread}");
        let mut orphaned = told.orphaned;
        orphaned.sort_unstable();
        let expected_orphans: Vec<usize> = expected.effects.orphaned.iter().map(|call| *call as usize + 1).collect();
        assert_eq!(orphaned, expected_orphans, "{op:?} by {thread}");
        for (number, custom) in self.driver.customs.iter().enumerate() {
            assert_eq!(
                custom.references(),
                self.model.references_to(number),
                "{op:?} by {thread}: references to {number}"
            );
            let asked = expected.effects.custom_cancel.filter(|(asked, _)| *asked == number);
            let seconds: Vec<u32> = asked.iter().map(|(_, ms)| ms.map_or(u32::MAX, |ms| (ms / 1000) as u32)).collect();
            assert_eq!(custom.cancels(), seconds, "{op:?} by {thread}: cancels of {number}");
        }
    }
}
