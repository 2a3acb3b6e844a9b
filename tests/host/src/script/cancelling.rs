//! Steps of cancellers, and of those who ask for the call context.

use cocancel::Storage;
use cocancel_model::hresult::{E_NOINTERFACE, E_UNEXPECTED};
use cocancel_model::{FrameId, Iid, Object, Op, ReferenceId, ThreadId, seconds};

use super::{ACTORS, Script};

impl<S: Storage + 'static> Script<S> {
    pub(super) fn step_of_canceller(&mut self, thread: ThreadId, what: u8, which: usize, number: u16) {
        let timeout = match number % 6 {
            0 => Some(0),
            1 => None,
            2 => seconds(u32::MAX - 1),
            _ => Some(u64::from(number % 4) * 1000),
        };
        let wait = which % 3 != 0;
        let other = (which % (ACTORS as usize + 1)) as ThreadId;
        let held = self.both.driver.references();
        let some_reference = held.get(which % held.len().max(1)).copied();
        match (what, self.some_call(which), some_reference) {
            (32..=34, Some(call), _) => {
                self.play(thread, Op::CancelHandle { call, timeout, wait });
            }
            (35..=38, ..) => {
                // the form that never waits is not COM's, and knows no custom objects; an interrupt handler is told of one
                let target = if other == 0 { thread } else { other };
                let from_interrupt = self.both.expected(0, Op::CancelThread { thread: target, timeout, wait });
                let wait = wait || from_interrupt.hresult == E_UNEXPECTED;
                self.play(thread, Op::CancelThread { thread: other, timeout, wait });
            }
            (39 | 40, ..) => {
                let reference = self.name();
                let iid = [Iid::Unknown, Iid::CancelMethodCalls, Iid::Other][which % 3];
                self.play(thread, Op::GetCancelObject { thread: other, iid, reference });
            }
            (41, Some(call), _) => {
                let reference = self.name();
                self.play(thread, Op::ObjectOf { call, reference });
            }
            (42, _, Some(reference)) => self.use_object(thread, Op::CancelObject { reference, timeout, wait }),
            (43, _, Some(reference)) => self.use_object(thread, Op::TestObject { reference }),
            (44, _, Some(reference)) if thread != 0 && number % 2 == 0 => {
                self.play(thread, Op::Release { reference });
            }
            (44, _, Some(reference)) if thread != 0 => {
                let iid = [Iid::Unknown, Iid::CancelMethodCalls, Iid::Other][which % 3];
                let new = self.name();
                self.play(thread, Op::Query { reference, iid, new });
            }
            _ => {}
        }
    }

    /// An object may turn out to have no more than `IUnknown`: then its other methods are none.
    fn use_object(&mut self, thread: ThreadId, op: Op) {
        let (Op::CancelObject { reference, .. } | Op::TestObject { reference }) = op else { return };
        let query = Op::Query { reference, iid: Iid::CancelMethodCalls, new: ReferenceId::MAX };
        if thread != 0 && self.both.expected(thread, query).hresult != E_NOINTERFACE {
            self.play(thread, op);
        }
    }

    pub(super) fn step_of_context(&mut self, thread: ThreadId, what: u8, which: usize) {
        let frame = self.innermost(thread);
        match what {
            // an interrupt handler has no context of its own to ask
            _ if thread == 0 => {}
            45 => {
                self.play(thread, Op::TestCurrent);
            }
            46 => {
                let reference = self.name();
                let iid = [Iid::Unknown, Iid::CancelMethodCalls, Iid::Other][which % 3];
                self.play(thread, Op::GetContext { iid, reference });
            }
            47 | 48 => {
                let new = [Some(Object::Custom(0)), Some(Object::Custom(1)), Some(Object::Custom(2)), None][which % 4];
                self.switch(thread, frame, new);
            }
            49 => {
                // back to the context of the call that is being served
                let before = self.contexts.iter().rfind(|(of, _)| Some(*of) == frame).copied();
                if let Some((_, standard)) = before {
                    self.switch(thread, frame, Some(standard));
                }
            }
            _ => {
                self.play(thread, Op::TestCurrent);
                if !self.switched.contains(&thread) {
                    // without custom contexts the native form answers the same
                    let expected = self.both.expected(thread, Op::TestCurrent).hresult;
                    assert_eq!(self.both.runtime().test().0 as u32, expected);
                }
            }
        }
    }

    fn switch(&mut self, thread: ThreadId, frame: Option<FrameId>, new: Option<Object>) {
        let reply = self.both.play(thread, Op::SwitchContext { new });
        self.switched.push(thread);
        if let (Some(frame), Some(old @ (Object::Standard(_) | Object::ServedMarker(_)))) = (frame, reply.old_context) {
            self.contexts.push((frame, old));
        }
    }
}
