//! References to objects, call contexts, and testing for a cancel.

use crate::hresult::*;
use crate::model::{FrameSlot, Model, Registered};
use crate::op::{CallId, Caller, CustomId, Iid, Object, ReferenceId, ThreadId};
use crate::reply::Reply;

impl Model {
    /// How many references to a custom object are held: registrations and references that the driver was given.
    pub fn references_to(&self, custom: CustomId) -> usize {
        let registered = self.threads.values().flat_map(|thread| &thread.stack);
        let registrations =
            registered.filter(|entry| matches!(entry, Registered::Custom { custom: c, .. } if *c == custom));
        let given = self.references.values().filter(|object| **object == Object::Custom(custom));
        registrations.count() + given.count()
    }

    /// Whether this reference was given and not released.
    pub fn holds(&self, reference: ReferenceId) -> bool {
        self.references.contains_key(&reference)
    }

    /// What a reference leads to.
    pub(crate) fn object(&self, reference: ReferenceId) -> Object {
        *self.references.get(&reference).expect("the driver holds this reference")
    }

    fn add_reference(&mut self, reference: ReferenceId, object: Object) -> Reply {
        let before = self.references.insert(reference, object);
        assert!(before.is_none(), "reference {reference} was given before");
        Reply::of(S_OK)
    }

    fn has_interface(&self, object: Object, iid: Iid) -> bool {
        match (iid, object) {
            (Iid::Unknown, _) => true,
            (Iid::CancelMethodCalls, Object::Custom(custom)) => self.config.customs[custom].has_cancel,
            (Iid::CancelMethodCalls, _) => true,
            (Iid::Other, _) => false,
        }
    }

    fn query_object(&mut self, object: Object, iid: Iid, new: ReferenceId) -> Reply {
        if self.has_interface(object, iid) { self.add_reference(new, object) } else { Reply::of(E_NOINTERFACE) }
    }

    pub(crate) fn query(&mut self, reference: ReferenceId, iid: Iid, new: ReferenceId) -> Reply {
        self.query_object(self.object(reference), iid, new)
    }

    pub(crate) fn release(&mut self, reference: ReferenceId) -> Reply {
        self.object(reference);
        self.references.remove(&reference);
        Reply::of(S_OK)
    }

    pub(crate) fn get_cancel_object(
        &mut self,
        caller: Caller,
        thread: ThreadId,
        iid: Iid,
        reference: ReferenceId,
    ) -> Reply {
        match self.find(caller, thread).object() {
            Err(hresult) => Reply::of(hresult),
            Ok(object) => self.query_object(object, iid, reference),
        }
    }

    pub(crate) fn object_of(&mut self, id: CallId, reference: ReferenceId) -> Reply {
        if self.markers.contains_key(&id) {
            Reply::of(E_NOINTERFACE)
        } else if self.calls.contains_key(&id) {
            self.add_reference(reference, Object::Standard(id))
        } else {
            Reply::of(E_INVALIDARG)
        }
    }

    /// `TestCancel` of an object. Never looks at the clock.
    fn test(&self, object: Object) -> u32 {
        match object {
            Object::Standard(id) if self.calls[&id].requested => RPC_E_CALL_CANCELED,
            Object::Standard(_) | Object::ServedMarker(_) => RPC_S_CALLPENDING,
            Object::Custom(custom) => self.config.customs[custom].test,
        }
    }

    pub(crate) fn test_object(&self, reference: ReferenceId) -> Reply {
        Reply::of(self.test(self.object(reference)))
    }

    /// Whether the innermost frame of this thread only counts, so that it has no place for a context.
    fn serves_without_context(&self, me: ThreadId) -> bool {
        let innermost = self.threads.get(&me).and_then(|thread| thread.serving.last());
        innermost.is_some_and(|frame| self.frames[frame].slot == FrameSlot::DepthOnly)
    }

    /// The current call context.
    fn context(&self, me: ThreadId) -> Option<Object> {
        let thread = self.threads.get(&me)?;
        match thread.serving.last() {
            Some(frame) => self.frames[frame].context,
            None => thread.outer_context,
        }
    }

    pub(crate) fn test_current(&self, me: ThreadId) -> Reply {
        if self.serves_without_context(me) {
            return Reply::of(RPC_S_CALLPENDING);
        }
        match self.context(me) {
            None => Reply::of(RPC_E_CALL_COMPLETE),
            Some(object) if !self.has_interface(object, Iid::CancelMethodCalls) => Reply::of(E_NOINTERFACE),
            Some(object) => Reply::of(self.test(object)),
        }
    }

    pub(crate) fn switch_context(&mut self, me: ThreadId, new: Option<Object>) -> Reply {
        if !self.attach(me) || self.serves_without_context(me) {
            return Reply::of(E_OUTOFMEMORY);
        }
        let thread = self.threads.get_mut(&me).expect("attached above");
        let current = match thread.serving.last() {
            Some(frame) => &mut self.frames.get_mut(frame).expect("being served").context,
            None => &mut thread.outer_context,
        };
        let old_context = std::mem::replace(current, new);
        Reply { old_context, ..Reply::of(S_OK) }
    }

    pub(crate) fn get_context(&mut self, me: ThreadId, iid: Iid, new: ReferenceId) -> Reply {
        if self.serves_without_context(me) {
            return Reply::of(E_OUTOFMEMORY);
        }
        match self.context(me) {
            None => Reply::of(RPC_E_CALL_COMPLETE),
            Some(object) => self.query_object(object, iid, new),
        }
    }
}
