//! What a thread does with its own slot: attach, enable and disable, exit. And finding another thread's.

use super::{Runtime, Slot, round};
use crate::event::EventKind;
use crate::handle::CallHandle;
use crate::hresult::Hresult;
use crate::index::Index;
use crate::port::Port;
use crate::runtime::client::Outcome;
use crate::runtime::server::Reply;
use crate::stack::Head;
use crate::state::Phase;
use crate::storage::Storage;
use crate::sync::Ordering::Relaxed;
use crate::thread::{MAX_ENABLED, ThreadSlot};

/// A thread slot with its index.
pub(crate) type Thread<'r> = (u32, &'r ThreadSlot);

impl<P: Port, S: Storage> Runtime<P, S> {
    /// The calling thread's slot, if it has one. One load where the port has thread-local storage.
    #[inline]
    pub(crate) fn current(&self) -> Option<Thread<'_>> {
        match self.port.local() {
            Some(local) => {
                let index = local.checked_sub(1)?;
                Some((index, self.storage.threads().get(index as usize)?))
            }
            None => match self.port.thread_id() {
                0 => None,
                id => self.find_thread(id),
            },
        }
    }

    /// The calling thread's slot; takes one if it has none. `None`: the table is full, or this is no thread.
    #[inline]
    pub(crate) fn attach(&self) -> Option<Thread<'_>> {
        match self.current() {
            Some(thread) => Some(thread),
            None => self.attach_anew(),
        }
    }

    #[cold]
    fn attach_anew(&self) -> Option<Thread<'_>> {
        if self.port.in_interrupt() {
            return None;
        }
        let id = self.port.thread_id();
        if id == 0 {
            return None;
        }
        if let Some(dead) = self.find_thread(id) {
            // ids are unique among living threads: whoever had it is gone without an exit. The slot is ours before anything in it
            // is released: foreign code that calls back in here must find it
            if !self.keep(dead.0) {
                return None;
            }
            // not ours any more: foreign code has ended this thread meanwhile
            return if self.drop_all(dead) { Some(dead) } else { self.attach() };
        }
        // Relaxed: a hint
        let start = self.shared.free_thread.load(Relaxed);
        // preferably one whose home slot is not still kept by somebody from its last thread
        let is_home_free = |thread: &ThreadSlot| thread.home().is_none_or(|home| home.state().is(Phase::Vacant));
        let (index, thread) = [false, true].into_iter().find_map(|any| {
            round(self.storage.threads(), start).find(|(_, thread)| (any || is_home_free(thread)) && thread.claim(id))
        })?;
        // Relaxed: a hint
        self.shared.free_thread.store(index + 1, Relaxed);
        if let Some(by_id) = self.index() {
            by_id.insert(id, index);
        }
        if !self.keep(index) {
            self.free_thread((index, thread), id);
            return None;
        }
        Some((index, thread))
    }

    /// Whether the port has kept the slot for the calling thread, which else would not be found again.
    fn keep(&self, index: u32) -> bool {
        self.port.set_local(index + 1);
        self.port.local().is_none_or(|kept| kept == index + 1)
    }

    /// The index of threads by id, where the storage has one.
    fn index(&self) -> Option<Index<'_>> {
        let cells = self.storage.index();
        if cells.is_empty() { None } else { Some(Index { cells, threads: self.storage.threads() }) }
    }

    /// The slot of the thread `id`, which is not 0. It may end at any moment: check the id again after a pin.
    pub(crate) fn find_thread(&self, id: u32) -> Option<Thread<'_>> {
        match self.index() {
            Some(by_id) => by_id.find(id),
            None => (0..).zip(self.storage.threads()).find(|(_, thread)| thread.id() == id),
        }
    }

    /// Enables call cancellation on the calling thread, once more than before. Calls that begin from now on can be cancelled;
    /// those already pending are not touched.
    ///
    /// Not from interrupt handlers.
    /// Progress: wait-free; the first time as attaching (enable).
    ///
    /// # Errors
    ///
    /// `E_OUTOFMEMORY`: no slot for another thread. `E_FAIL`: enabled 65,535 times already. Nothing changed in both cases.
    pub fn enable(&self) -> Result<(), Hresult> {
        let (_, thread) = self.attach().ok_or(Hresult::E_OUTOFMEMORY)?;
        let count = thread.enabled();
        if count == MAX_ENABLED {
            return Err(Hresult::E_FAIL);
        }
        thread.set_enabled(count + 1);
        Ok(())
    }

    /// Undoes one [`enable`](Self::enable) of the calling thread. `Ok` also while it stays enabled because of nesting.
    ///
    /// Not from interrupt handlers.
    /// Progress: wait-free (disable).
    ///
    /// # Errors
    ///
    /// `CO_E_CANCEL_DISABLED`: there is no enable to undo.
    pub fn disable(&self) -> Result<(), Hresult> {
        let (_, thread) = self.current().ok_or(Hresult::CO_E_CANCEL_DISABLED)?;
        let count = thread.enabled().checked_sub(1).ok_or(Hresult::CO_E_CANCEL_DISABLED)?;
        thread.set_enabled(count);
        Ok(())
    }

    /// Ends everything that the calling thread still has registered and gives its slot back. Its pending calls are given up as by
    /// [`finish`](Self::finish); calls that it is serving fail with `RPC_E_SERVER_DIED`; custom cancel objects are released. A
    /// record that nobody is left to own goes to [`Port::orphaned`]. A thread that was never attached: nothing happens.
    ///
    /// Hosts call it when a thread ends (the POSIX port does by itself). Waits for nobody. Not from interrupt handlers.
    /// Progress: lock-free (thread exit).
    pub fn thread_exit(&self) {
        // one that was killed while it attached, or in here, has no word of its own yet or any more; by its id it is found
        let by_id = || Some(self.port.thread_id()).filter(|id| *id != 0).and_then(|id| self.find_thread(id));
        // again, where a Release or a hook has ended the thread as well, and may have used the library afterwards
        while let Some(thread) = self.current().or_else(by_id) {
            let id = thread.1.id();
            if self.drop_all(thread) {
                // before the slot is another thread's: one that is killed in between must not end that thread
                self.port.set_local(0);
                return self.free_thread(thread, id);
            }
        }
    }

    /// Ends all that is in the calling thread's slot. Whether the slot is still its own: what is called here, a `Release` or a hook, may end
    /// the thread as well, and then the slot may be another's already.
    fn drop_all(&self, (index, thread): Thread<'_>) -> bool {
        let id = thread.id();
        loop {
            // before what follows: a slot is the next call's as soon as its serving is dropped, and a handler or a Release may ask. And
            // each time: what is called may have called in, and have begun or served another call.
            thread.set_enabled(0);
            #[cfg(feature = "com")]
            thread.set_context(core::ptr::null_mut());
            let slot_of = |head: Head| head.slot().and_then(|at| Some((at, self.slot(at)?)));
            if let Some(call) = slot_of(thread.serving()) {
                thread.set_serving(call.1.serving());
                self.drop_serving(call);
            } else if let Some(call) = slot_of(thread.top()) {
                thread.set_top(call.1.outer());
                self.drop_client(call);
            } else if let Some(home) = thread.home().filter(|home| home.state().has_client()) {
                // taken off the stack by `CoSetCancelObject(NULL)`, and not finished since
                self.drop_client((self.storage.calls().len() as u32 + index, home));
            } else {
                break;
            }
            if thread.id() != id {
                return false;
            }
        }
        // markers
        thread.set_serving(Head::EMPTY);
        thread.set_top(Head::EMPTY);
        true
    }

    fn free_thread(&self, (index, thread): Thread<'_>, id: u32) {
        if let Some(by_id) = self.index() {
            by_id.remove(id, index);
        }
        thread.release();
        // Relaxed: a hint
        self.shared.free_thread.store(index, Relaxed);
    }

    /// The client's thread has ended: its call or its registration goes.
    fn drop_client(&self, slot: Slot<'_>) {
        let state = slot.1.state();
        if state.is(Phase::Custom) {
            return self.unpin(slot);
        }
        if let Ok((Outcome::Completed | Outcome::Failed(_), host)) = self.end_client(slot, state.generation()) {
            self.port.orphaned(host);
        }
    }

    /// The serving thread has ended: the call fails, unless it was completed before.
    fn drop_serving(&self, (index, slot): Slot<'_>) {
        let state = slot.state();
        let call = CallHandle::of_slot(index, state.generation());
        self.event(EventKind::Left, call);
        if state.owes_completion() {
            let host = slot.host();
            match self.abandon(call, Hresult::RPC_E_SERVER_DIED) {
                Ok(Reply::Orphaned(_)) => self.port.orphaned(host),
                // without a client here the record was this side's all along
                Ok(Reply::Delivered) if !state.has_client() => self.port.orphaned(host),
                // the client's; or somebody else completed it just now, and has the record
                Ok(Reply::Delivered) | Err(_) => {}
            }
        }
        self.leave_slot((index, slot), state.generation());
    }
}
