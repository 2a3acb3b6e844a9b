//! What belongs to a thread: its slot, its enable counter, what it has registered, its end. And the runtime's life.

use crate::hresult::*;
use crate::model::{Kind, Model, Registered, Slot, Thread};
use crate::op::{CallId, CustomId, Malformed, ThreadId};
use crate::reply::{Effects, Owner, Phase, Reply};

impl Model {
    /// Whether the thread has a thread slot, now at the latest.
    pub(crate) fn attach(&mut self, me: ThreadId) -> bool {
        if self.threads.contains_key(&me) {
            return true;
        }
        // which one shows in what room is left: a call that outlives its thread keeps the home slot there
        let in_turn = (self.next_thread..self.config.threads).chain(0..self.next_thread);
        let is_free = |slot: &usize| self.threads.values().all(|thread| thread.slot != *slot);
        let free: Vec<usize> = in_turn.filter(is_free).collect();
        let slot = free.iter().find(|slot| self.home_is_free(**slot)).or(free.first());
        if let Some(&slot) = slot {
            self.next_thread = slot + 1;
            self.threads.insert(me, Thread { slot, ..Thread::default() });
        }
        slot.is_some()
    }

    /// Whether no call is in the home slot of this thread slot.
    pub(crate) fn home_is_free(&self, slot: usize) -> bool {
        self.calls.values().all(|call| call.slot != Slot::Home(slot))
    }

    pub(crate) fn stack(&mut self, me: ThreadId) -> &mut Vec<Registered> {
        &mut self.threads.get_mut(&me).expect("attached").stack
    }

    /// Takes an entry off a thread's stack, also from the middle. Whether it was there.
    pub(crate) fn unlink(&mut self, me: ThreadId, entry: Registered) -> bool {
        let Some(thread) = self.threads.get_mut(&me) else {
            return false;
        };
        let before = thread.stack.len();
        thread.stack.retain(|other| *other != entry);
        thread.stack.len() < before
    }

    pub(crate) fn enable(&mut self, me: ThreadId) -> Reply {
        if !self.attach(me) {
            return Reply::of(E_OUTOFMEMORY);
        }
        let thread = self.threads.get_mut(&me).expect("attached above");
        if thread.enabled == self.config.enable_max {
            return Reply::of(E_FAIL);
        }
        thread.enabled += 1;
        Reply::of(S_OK)
    }

    pub(crate) fn disable(&mut self, me: ThreadId) -> Reply {
        match self.threads.get_mut(&me) {
            Some(thread) if thread.enabled > 0 => {
                thread.enabled -= 1;
                Reply::of(S_OK)
            }
            _ => Reply::of(CO_E_CANCEL_DISABLED),
        }
    }

    pub(crate) fn set_cancel_object(&mut self, me: ThreadId, custom: CustomId) -> Reply {
        if !self.config.customs[custom].has_cancel {
            return Reply::of(E_NOINTERFACE);
        }
        if !self.attach(me) || !self.shared_slot_is_free() {
            return Reply::of(E_OUTOFMEMORY);
        }
        let enabled = self.threads[&me].enabled > 0;
        self.stack(me).push(Registered::Custom { custom, enabled });
        Reply::of(S_OK)
    }

    pub(crate) fn unset_cancel_object(&mut self, me: ThreadId, effects: &mut Effects) -> Reply {
        let top = self.threads.get(&me).and_then(|thread| thread.stack.last().copied());
        match top {
            None => return Reply::of(E_UNEXPECTED),
            Some(Registered::Marker(_)) => return Reply::of(E_ACCESSDENIED),
            Some(Registered::Call(id)) => {
                if self.calls[&id].phase == Phase::Pending {
                    return Reply::of(E_ACCESSDENIED);
                }
            }
            Some(Registered::Custom { custom, .. }) => effects.released.push(custom),
        }
        self.stack(me).pop();
        Reply::of(S_OK)
    }

    /// The thread ends. What it serves fails, its own calls are given up, what it has registered is dropped.
    pub(crate) fn thread_exit(&mut self, me: ThreadId, effects: &mut Effects) -> Reply {
        let Some(thread) = self.threads.get(&me).cloned() else {
            return Reply::of(S_OK);
        };
        for frame in thread.serving.iter().rev() {
            let id = self.frames[frame].call;
            if self.calls.contains_key(&id) {
                // A call that it has already completed answers E_UNEXPECTED here, with no owner.
                let reply = self.abandon(id, RPC_E_SERVER_DIED, effects);
                if reply.owner == Owner::Server {
                    effects.orphaned.push(id);
                }
            }
            self.end_frame(*frame);
        }
        let own = |kind| kind == Kind::Synchronous(me);
        let calls = self.calls.iter().filter(|(_, call)| own(call.kind) && !call.client_done);
        for id in calls.map(|(id, _)| *id).collect::<Vec<CallId>>() {
            if self.give_up(id, effects).owner == Owner::Client {
                effects.orphaned.push(id);
            }
        }
        for entry in &thread.stack {
            if let Registered::Custom { custom, .. } = entry {
                effects.released.push(*custom);
            }
        }
        self.threads.remove(&me);
        self.next_thread = thread.slot;
        Reply::of(S_OK)
    }

    pub(crate) fn init(&mut self) -> Reply {
        if self.initialised {
            return Reply::of(E_UNEXPECTED);
        }
        self.initialised = true;
        Reply::of(S_OK)
    }

    pub(crate) fn deinit(&mut self, me: ThreadId) -> Reply {
        let others = self.threads.keys().any(|thread| *thread != me);
        if others || !self.calls.is_empty() || self.shared_calls_in_use() > 0 {
            return Reply::of(E_ACCESSDENIED);
        }
        self.thread_exit(me, &mut Effects::default());
        self.markers.clear();
        self.frames.clear();
        self.initialised = false;
        Reply::of(S_OK)
    }

    pub(crate) fn malformed(&self, bad: Malformed) -> Reply {
        Reply::of(match bad {
            Malformed::EnableReserved | Malformed::DisableReserved => E_INVALIDARG,
            Malformed::SwitchCallContextOldNull => E_INVALIDARG,
            Malformed::GetCancelObject { .. } => E_INVALIDARG,
            Malformed::GetCallContext { riid_null: true, .. } => E_INVALIDARG,
            Malformed::GetCallContext { riid_null: false, .. } => E_POINTER,
        })
    }
}
