//! The server's side of a call: enter, leave, complete, abandon.

use crate::hresult::*;
use crate::model::{Frame, FrameSlot, Kind, Model};
use crate::op::{CallId, FrameId, Object, ThreadId};
use crate::reply::{Effects, Owner, Phase, Reply};

impl Model {
    pub(crate) fn enter(&mut self, me: ThreadId, id: CallId, frame: FrameId, effects: &mut Effects) -> Reply {
        assert!(!self.frames.contains_key(&frame), "frame {frame} was entered before");
        if self.markers.contains_key(&id) {
            return self.enter_marker(me, id, frame);
        }
        let Some(call) = self.calls.get(&id) else {
            return Reply::of(E_INVALIDARG);
        };
        if call.server_done || call.frame.is_some() {
            return Reply::of(E_UNEXPECTED);
        }
        if call.requested {
            // The refusal is the completion: nobody has to wait for it any longer.
            self.call(id).server_done = true;
            if self.calls[&id].phase == Phase::Pending {
                self.end(id, Phase::Canceled, effects);
            }
            return Reply { owner: Owner::Server, ..Reply::of(RPC_E_CALL_CANCELED) };
        }
        let context = match call.kind {
            Kind::Synchronous(_) | Kind::Served => Some(Object::Standard(id)),
            Kind::Asynchronous => None,
        };
        let slot = if self.attach(me) { FrameSlot::OfCall } else { FrameSlot::NoThread };
        self.call(id).frame = Some(frame);
        self.push_frame(me, id, frame, slot, context)
    }

    /// A call without a slot always runs.
    fn enter_marker(&mut self, me: ThreadId, id: CallId, frame: FrameId) -> Reply {
        let slot = if !self.attach(me) {
            FrameSlot::NoThread
        } else if self.shared_slot_is_free() {
            FrameSlot::Shared
        } else {
            FrameSlot::DepthOnly
        };
        let context = (slot == FrameSlot::Shared).then_some(Object::ServedMarker(frame));
        self.push_frame(me, id, frame, slot, context)
    }

    fn push_frame(
        &mut self,
        thread: ThreadId,
        call: CallId,
        id: FrameId,
        slot: FrameSlot,
        context: Option<Object>,
    ) -> Reply {
        self.frames.insert(id, Frame { thread, call, slot, context, left: false });
        if slot != FrameSlot::NoThread {
            self.threads.get_mut(&thread).expect("attached by enter").serving.push(id);
        }
        Reply::of(S_OK)
    }

    pub(crate) fn leave(&mut self, me: ThreadId, id: FrameId) -> Reply {
        let Some(frame) = self.frames.get(&id).filter(|frame| !frame.left) else {
            return Reply::of(E_INVALIDARG);
        };
        if frame.slot != FrameSlot::NoThread {
            let serving = self.threads.get(&me).map_or(&[][..], |thread| &thread.serving);
            if serving.last() != Some(&id) {
                return Reply::of(E_UNEXPECTED);
            }
            self.threads.get_mut(&me).expect("it serves").serving.pop();
        } else if frame.thread != me {
            return Reply::of(E_UNEXPECTED);
        }
        self.end_frame(id);
        Reply::of(S_OK)
    }

    /// This frame is no longer on its thread.
    pub(crate) fn end_frame(&mut self, id: FrameId) {
        let frame = self.frames.get_mut(&id).expect("being served");
        frame.left = true;
        let call = frame.call;
        if let Some(call) = self.calls.get_mut(&call) {
            call.frame = None;
        }
    }

    pub(crate) fn complete(&mut self, id: CallId, effects: &mut Effects) -> Reply {
        self.server_ends(id, Phase::Completed, effects)
    }

    pub(crate) fn abandon(&mut self, id: CallId, hresult: u32, effects: &mut Effects) -> Reply {
        // these would tell the client something else
        let ambiguous = [
            RPC_E_CALL_CANCELED,
            RPC_S_CALLPENDING,
            CO_E_CANCEL_DISABLED,
            E_OUTOFMEMORY,
            E_INVALIDARG,
            E_UNEXPECTED,
            E_NOTIMPL,
        ]
        .contains(&hresult);
        let hresult = if failed(hresult) && !ambiguous { hresult } else { E_FAIL };
        self.server_ends(id, Phase::Failed(hresult), effects)
    }

    /// The server's side is done; a call that is still pending ends in this phase.
    fn server_ends(&mut self, id: CallId, phase: Phase, effects: &mut Effects) -> Reply {
        if self.markers.contains_key(&id) {
            return Reply { owner: Owner::Client, ..Reply::of(S_OK) };
        }
        let Some(call) = self.calls.get_mut(&id) else {
            return Reply::of(E_INVALIDARG);
        };
        if call.server_done {
            return Reply::of(E_UNEXPECTED);
        }
        call.server_done = true;
        let kind = call.kind;
        let (hresult, owner) = match call.phase {
            Phase::Pending => {
                self.end(id, phase, effects);
                (S_OK, Owner::Client)
            }
            _ => (RPC_E_CALL_CANCELED, Owner::Server),
        };
        // Nobody else here could own the record of a call whose client is elsewhere.
        let owner = if kind == Kind::Served { Owner::Server } else { owner };
        Reply { owner, ..Reply::of(hresult) }
    }
}
