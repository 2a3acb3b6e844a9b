//! The client's side of a call: begin, poll, wait, finish.

use crate::hresult::*;
use crate::model::{Blocked, Call, FrameSlot, Kind, Marker, Model, Registered, Slot};
use crate::op::{CallId, ThreadId, Timeout};
use crate::reply::{Effects, Owner, Phase, Reply};

impl Model {
    /// How many of the shared slots are in use.
    pub fn shared_calls_in_use(&self) -> usize {
        let calls = self.calls.values().filter(|call| call.slot == Slot::Shared);
        let frames = self.frames.values().filter(|frame| frame.slot == FrameSlot::Shared);
        let registered = self.threads.values().flat_map(|thread| &thread.stack);
        let customs = registered.filter(|entry| matches!(entry, Registered::Custom { .. }));
        calls.count() + frames.count() + customs.count()
    }

    pub(crate) fn shared_slot_is_free(&self) -> bool {
        self.shared_calls_in_use() < self.config.shared_calls
    }

    /// The home slot if that is free, else a shared one.
    fn slot_for(&self, me: ThreadId) -> Option<Slot> {
        let slot = self.threads[&me].slot;
        if self.config.home_slots && self.home_is_free(slot) {
            Some(Slot::Home(slot))
        } else {
            self.shared_slot_is_free().then_some(Slot::Shared)
        }
    }

    fn new_call(&mut self, id: CallId, kind: Kind, slot: Slot, own_timeout: Timeout) -> &mut Call {
        let call = Call {
            kind,
            slot,
            disabled: false,
            context: false,
            phase: Phase::Pending,
            requested: false,
            deadline: self.deadline_after(own_timeout),
            announced: false,
            canceller: None,
            client_done: kind == Kind::Served,
            server_done: false,
            frame: None,
        };
        self.calls.insert(id, call);
        self.call(id)
    }

    fn assert_new_name(&self, id: CallId) {
        let taken = self.calls.contains_key(&id) || self.markers.contains_key(&id);
        assert!(!taken, "call {id} was begun before");
    }

    fn untracked(&mut self, id: CallId) -> Reply {
        self.markers.insert(id, Marker::Untracked);
        Reply::of(E_OUTOFMEMORY)
    }

    pub(crate) fn begin(
        &mut self,
        me: ThreadId,
        id: CallId,
        context: bool,
        own_timeout: Timeout,
        always_slot: bool,
    ) -> Reply {
        self.assert_new_name(id);
        if !self.attach(me) {
            return self.untracked(id);
        }
        let enabled = self.threads[&me].enabled > 0;
        if enabled || always_slot {
            if let Some(slot) = self.slot_for(me) {
                let call = self.new_call(id, Kind::Synchronous(me), slot, own_timeout);
                call.context = context;
                call.disabled = !enabled;
                self.stack(me).push(Registered::Call(id));
                return Reply::of(S_OK);
            }
        }
        let (marker, hresult) = if enabled || always_slot {
            (Marker::Barrier, E_OUTOFMEMORY)
        } else {
            (Marker::Disabled, CO_E_CANCEL_DISABLED)
        };
        let innermost = self.stack(me).iter().rev();
        let in_a_row = innermost.take_while(|entry| matches!(entry, Registered::Marker(_))).count();
        if in_a_row == self.config.markers_in_a_row {
            return self.untracked(id);
        }
        self.markers.insert(id, marker);
        self.stack(me).push(Registered::Marker(id));
        Reply::of(hresult)
    }

    pub(crate) fn begin_async(
        &mut self,
        id: CallId,
        previous: Option<CallId>,
        context: bool,
        own_timeout: Timeout,
    ) -> Reply {
        self.assert_new_name(id);
        if let Some(before) = previous.and_then(|id| self.calls.get(&id)) {
            if before.kind == Kind::Asynchronous && !before.client_done {
                return Reply::of(RPC_S_CALLPENDING);
            }
        }
        if !self.shared_slot_is_free() {
            return self.untracked(id);
        }
        self.new_call(id, Kind::Asynchronous, Slot::Shared, own_timeout).context = context;
        Reply::of(S_OK)
    }

    pub(crate) fn serve(&mut self, id: CallId) -> Reply {
        self.assert_new_name(id);
        if !self.shared_slot_is_free() {
            return self.untracked(id);
        }
        self.new_call(id, Kind::Served, Slot::Shared, None);
        Reply::of(S_OK)
    }

    /// Why there is nothing for a client to look at.
    fn refuse_client(&self, id: CallId) -> Option<Reply> {
        match (self.calls.get(&id), self.markers.get(&id)) {
            (Some(call), _) if call.kind == Kind::Served => Some(Reply::of(E_INVALIDARG)),
            (Some(_), _) => None,
            (None, Some(Marker::Disabled)) => Some(Reply::of(CO_E_CANCEL_DISABLED)),
            (None, Some(Marker::Barrier | Marker::Untracked)) => Some(Reply::of(E_OUTOFMEMORY)),
            (None, None) => Some(Reply::of(E_INVALIDARG)),
        }
    }

    /// The waiting client looks: what is due expires. It needs no wake for what it sees itself.
    fn look(&mut self, id: CallId, effects: &mut Effects) -> Phase {
        let call = self.call(id);
        let announced = std::mem::take(&mut call.announced);
        self.expire_if_due(id, effects);
        let call = self.call(id);
        call.announced = announced && call.phase == Phase::Pending;
        call.phase
    }

    fn answer(phase: Phase) -> Reply {
        Reply { phase: Some(phase), ..Reply::of(phase.hresult()) }
    }

    pub(crate) fn poll(&mut self, id: CallId, effects: &mut Effects) -> Reply {
        if let Some(refusal) = self.refuse_client(id) {
            return refusal;
        }
        let call = self.call(id);
        call.announced |= call.context && call.phase == Phase::Pending;
        // whoever waits may be another than the one that polls
        self.expire_if_due(id, effects);
        let call = self.call(id);
        call.announced &= call.phase == Phase::Pending;
        let mut reply = Self::answer(call.phase);
        if reply.phase == Some(Phase::Pending) {
            reply.due_in = self.due_in(id);
        }
        reply
    }

    pub(crate) fn wait(&mut self, me: ThreadId, id: CallId, effects: &mut Effects) -> Option<Reply> {
        if let Some(refusal) = self.refuse_client(id) {
            return Some(refusal);
        }
        if self.look(id, effects) == Phase::Pending && !self.config.port_waits {
            return Some(Reply::of(E_NOTIMPL));
        }
        self.blocked.insert(me, Blocked::Client(id));
        self.client_looks(me, id, effects)
    }

    /// A client that waits looks at its call.
    pub(crate) fn client_looks(&mut self, me: ThreadId, id: CallId, effects: &mut Effects) -> Option<Reply> {
        match self.look(id, effects) {
            Phase::Pending => {
                self.call(id).announced = true;
                None
            }
            phase => {
                self.blocked.remove(&me);
                Some(Self::answer(phase))
            }
        }
    }

    pub(crate) fn finish(&mut self, me: ThreadId, id: CallId, effects: &mut Effects) -> Reply {
        match self.markers.get(&id) {
            Some(Marker::Untracked) => return Reply::of(S_OK),
            Some(Marker::Disabled | Marker::Barrier) => {
                let found = self.unlink(me, Registered::Marker(id));
                return Reply::of(if found { S_OK } else { E_INVALIDARG });
            }
            None => {}
        }
        let refused = self.take_off(me, id);
        if failed(refused.hresult) {
            return refused;
        }
        self.give_up(id, effects)
    }

    /// This call of the client's leaves its thread's stack.
    pub(crate) fn take_off(&mut self, me: ThreadId, id: CallId) -> Reply {
        let mine = match self.calls.get(&id).map(|call| call.kind) {
            // one that was unregistered is on no thread's stack: any may finish it
            Some(Kind::Synchronous(client)) => client == me || !self.is_registered(client, id),
            Some(Kind::Asynchronous) => true,
            Some(Kind::Served) | None => false,
        };
        if !mine || self.calls[&id].client_done {
            return Reply::of(E_INVALIDARG);
        }
        self.unlink(me, Registered::Call(id));
        Reply::of(S_OK)
    }

    fn is_registered(&self, client: ThreadId, id: CallId) -> bool {
        self.threads.get(&client).is_some_and(|thread| thread.stack.contains(&Registered::Call(id)))
    }

    /// The rest of [`finish`](Model::finish).
    pub(crate) fn end_client(&mut self, id: CallId, effects: &mut Effects) -> Reply {
        match self.calls.get(&id) {
            Some(call) if !call.client_done => self.give_up(id, effects),
            _ => Reply::of(E_INVALIDARG),
        }
    }

    /// The client is done with this call, whatever its phase.
    pub(crate) fn give_up(&mut self, id: CallId, effects: &mut Effects) -> Reply {
        let call = self.call(id);
        call.client_done = true;
        // whoever gives up a call of its own is awake; for an asynchronous one another may be waiting
        call.announced &= call.kind == Kind::Asynchronous;
        if call.phase == Phase::Pending {
            self.end(id, Phase::Canceled, effects);
        }
        self.call(id).announced = false;
        let mut reply = Self::answer(self.calls[&id].phase);
        if reply.phase != Some(Phase::Canceled) {
            reply.owner = Owner::Client;
        }
        reply
    }
}
