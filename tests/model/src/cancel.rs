//! Deadlines, the end of the pending phase, and Cancel.

use crate::hresult::*;
use crate::model::{Blocked, Call, Kind, Marker, Model, Registered};
use crate::op::{CallId, Caller, Object, ReferenceId, ThreadId, Timeout};
use crate::reply::{Effects, Phase, Reply, Wake};

/// What a thread id leads to.
pub(crate) enum Found {
    Nothing,
    Disabled,
    Object(Object),
    /// A custom object, looked for by an interrupt handler.
    Refused,
}

impl Found {
    /// The HRESULT if there is no object.
    pub(crate) fn object(self) -> Result<Object, u32> {
        match self {
            Found::Nothing => Err(E_NOINTERFACE),
            Found::Disabled => Err(CO_E_CANCEL_DISABLED),
            Found::Refused => Err(E_UNEXPECTED),
            Found::Object(object) => Ok(object),
        }
    }
}

impl Model {
    pub(crate) fn call(&mut self, id: CallId) -> &mut Call {
        self.calls.get_mut(&id).expect("the call has a slot")
    }

    pub(crate) fn advance(&mut self, ms: u64) -> Reply {
        self.now += ms;
        Reply::of(S_OK)
    }

    /// A tick may have begun long ago, so that `ms` are over for certain only one tick later.
    pub(crate) fn deadline_after(&self, timeout: Timeout) -> Option<u64> {
        match timeout {
            None => None,
            Some(0) => Some(self.now),
            Some(ms) => Some(self.now + ms + 1),
        }
    }

    fn is_due(&self, id: CallId) -> bool {
        let call = &self.calls[&id];
        let over = call.deadline.is_some_and(|deadline| deadline <= self.now);
        call.phase == Phase::Pending && over
    }

    /// Milliseconds until this pending call is due.
    pub(crate) fn due_in(&self, id: CallId) -> Timeout {
        self.calls[&id].deadline.map(|deadline| deadline.saturating_sub(self.now))
    }

    pub(crate) fn expire_if_due(&mut self, id: CallId, effects: &mut Effects) {
        if self.is_due(id) {
            self.end(id, Phase::Canceled, effects);
        }
    }

    pub(crate) fn tick(&mut self, effects: &mut Effects) -> Reply {
        for id in self.calls.keys().copied().collect::<Vec<_>>() {
            self.look_at(id, effects);
        }
        let pending = self.calls.iter().filter(|(_, call)| call.phase == Phase::Pending);
        let due_in = pending.filter_map(|(id, _)| self.due_in(*id)).min();
        Reply { due_in, ..Reply::of(S_OK) }
    }

    /// What a tick does for one call.
    pub(crate) fn look_at(&mut self, id: CallId, effects: &mut Effects) -> Reply {
        if self.calls.contains_key(&id) {
            self.expire_if_due(id, effects);
        }
        Reply::of(S_OK)
    }

    /// From now on testing shows the cancel.
    fn show_request(&mut self, id: CallId, effects: &mut Effects) {
        let call = self.call(id);
        if !call.requested {
            call.requested = true;
            effects.requested.push(id);
        }
    }

    /// A client that has announced itself is woken. Until it has looked, whoever comes next wakes it, too.
    fn wake_client(&mut self, id: CallId, effects: &mut Effects) {
        let call = self.call(id);
        if call.announced {
            effects.wakes.push(Wake::Client(id));
        }
    }

    /// A pending call ends in this phase.
    pub(crate) fn end(&mut self, id: CallId, phase: Phase, effects: &mut Effects) {
        if phase == Phase::Canceled {
            self.show_request(id, effects);
        }
        let call = self.call(id);
        call.phase = phase;
        if call.canceller.is_some() {
            effects.wakes.push(Wake::Canceller(id));
        }
        self.wake_client(id, effects);
    }

    /// Whether this caller may wait for the server's side of this call.
    fn may_wait(&self, caller: Caller, id: CallId) -> bool {
        let Caller::Thread(me) = caller else {
            return false;
        };
        let own = self.calls[&id].kind == Kind::Synchronous(me);
        let serving = self.threads.get(&me).map_or(&[][..], |thread| &thread.serving);
        let serves = serving.iter().any(|frame| self.frames[frame].call == id);
        self.config.port_waits && !own && !serves
    }

    /// The table of Cancel. `None`: the caller waits.
    fn cancel(
        &mut self,
        caller: Caller,
        id: CallId,
        timeout: Timeout,
        wait: bool,
        effects: &mut Effects,
    ) -> Option<Reply> {
        self.expire_if_due(id, effects);
        match self.calls[&id].phase {
            Phase::Completed | Phase::Failed(_) => return Some(Reply::of(RPC_E_CALL_COMPLETE)),
            Phase::Canceled => return Some(Reply::of(RPC_E_CALL_CANCELED)),
            Phase::Pending => {}
        }
        let first = !self.calls[&id].requested;
        self.show_request(id, effects);
        let new = self.deadline_after(timeout);
        let old = self.calls[&id].deadline;
        let sooner = new.is_some_and(|new| old.is_none_or(|old| new < old));
        if sooner {
            self.call(id).deadline = new;
            self.expire_if_due(id, effects);
        }
        // also one who asks for no sooner one than there is: the one before him may have died over it
        if (sooner || !first && old.is_some()) && self.calls[&id].phase == Phase::Pending {
            self.wake_client(id, effects);
        }
        if !first {
            return Some(Reply::of(RPC_E_CALL_CANCELED));
        }
        match caller {
            Caller::Thread(me) if wait && timeout != Some(0) && self.may_wait(caller, id) => {
                self.call(id).canceller = Some(me);
                self.blocked.insert(me, Blocked::Canceller(id));
                None
            }
            _ => Some(Reply::of(S_OK)),
        }
    }

    /// A canceller that waits looks at the call.
    pub(crate) fn canceller_looks(&mut self, me: ThreadId, id: CallId, effects: &mut Effects) -> Option<Reply> {
        // It needs no wake for what it sees itself.
        self.call(id).canceller = None;
        self.expire_if_due(id, effects);
        let hresult = match self.calls[&id].phase {
            Phase::Pending => {
                self.call(id).canceller = Some(me);
                return None;
            }
            Phase::Completed | Phase::Failed(_) => RPC_E_CALL_COMPLETE,
            Phase::Canceled => S_OK,
        };
        self.blocked.remove(&me);
        Some(Reply::of(hresult))
    }

    /// What Cancel answers for a call that has no slot.
    pub(crate) fn cancel_marker(marker: Marker) -> u32 {
        match marker {
            Marker::Disabled => CO_E_CANCEL_DISABLED,
            Marker::Barrier | Marker::Untracked => E_NOINTERFACE,
        }
    }

    pub(crate) fn cancel_handle(
        &mut self,
        caller: Caller,
        id: CallId,
        timeout: Timeout,
        wait: bool,
        effects: &mut Effects,
    ) -> Option<Reply> {
        match self.markers.get(&id) {
            Some(marker) => Some(Reply::of(Self::cancel_marker(*marker))),
            None if self.calls.contains_key(&id) => self.cancel(caller, id, timeout, wait, effects),
            None => Some(Reply::of(E_INVALIDARG)),
        }
    }

    /// The innermost registered object of a thread.
    pub(crate) fn find(&self, caller: Caller, thread: ThreadId) -> Found {
        let thread = match (thread, caller) {
            (0, Caller::Interrupt) => return Found::Nothing,
            (0, Caller::Thread(me)) => me,
            (other, _) => other,
        };
        let top = self.threads.get(&thread).and_then(|thread| thread.stack.last());
        match top {
            None => Found::Nothing,
            Some(Registered::Call(id)) if self.calls[id].disabled => Found::Disabled,
            Some(Registered::Call(id)) => Found::Object(Object::Standard(*id)),
            Some(Registered::Marker(id)) => match self.markers[id] {
                Marker::Disabled => Found::Disabled,
                Marker::Barrier | Marker::Untracked => Found::Nothing,
            },
            Some(Registered::Custom { .. }) if caller == Caller::Interrupt => Found::Refused,
            Some(Registered::Custom { enabled: false, .. }) => Found::Disabled,
            Some(Registered::Custom { custom, .. }) => Found::Object(Object::Custom(*custom)),
        }
    }

    pub(crate) fn cancel_thread(
        &mut self,
        caller: Caller,
        thread: ThreadId,
        timeout: Timeout,
        wait: bool,
        effects: &mut Effects,
    ) -> Option<Reply> {
        match self.find(caller, thread).object() {
            Err(hresult) => Some(Reply::of(hresult)),
            Ok(object) => self.cancel_any(caller, object, timeout, wait, effects),
        }
    }

    pub(crate) fn cancel_object(
        &mut self,
        caller: Caller,
        reference: ReferenceId,
        timeout: Timeout,
        wait: bool,
        effects: &mut Effects,
    ) -> Option<Reply> {
        let object = self.object(reference);
        self.cancel_any(caller, object, timeout, wait, effects)
    }

    fn cancel_any(
        &mut self,
        caller: Caller,
        object: Object,
        timeout: Timeout,
        wait: bool,
        effects: &mut Effects,
    ) -> Option<Reply> {
        match object {
            Object::Standard(id) if self.calls[&id].disabled => Some(Reply::of(CO_E_CANCEL_DISABLED)),
            Object::Standard(id) => self.cancel(caller, id, timeout, wait, effects),
            Object::ServedMarker(frame) => {
                let marker = self.markers[&self.frames[&frame].call];
                Some(Reply::of(Self::cancel_marker(marker)))
            }
            Object::Custom(custom) => {
                effects.custom_cancel = Some((custom, timeout));
                Some(Reply::of(self.config.customs[custom].cancel))
            }
        }
    }
}
