//! Looking at all calls at once, and giving the storage back.

use super::Runtime;
use crate::handle::CallHandle;
use crate::hresult::Hresult;
use crate::port::Port;
use crate::stack::Head;
use crate::state::{Phase, State};
use crate::storage::Storage;
use crate::thread::ThreadSlot;
use crate::time::Deadline;

/// One call, as it was when the snapshot came to it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct CallInfo {
    /// Its handle.
    pub call: CallHandle,
    /// Where it is in its life.
    pub phase: Phase,
    /// The thread that has it out, until it has finished it.
    pub thread: Option<u32>,
    /// How many keep its slot.
    pub pins: u32,
    /// Somebody asked to cancel it, or its deadline passed.
    pub requested: bool,
    /// Its client has not finished it.
    pub client: bool,
    /// Its server's side still owes the completion: once canceled, an orphan that is still out.
    pub server: bool,
    /// A thread is serving it now.
    pub serving: bool,
    /// Only the host may cancel it.
    pub disabled: bool,
    /// Milliseconds to its deadline, `None` for never.
    pub remaining: Option<u32>,
}

impl<P: Port, S: Storage> Runtime<P, S> {
    /// All slots in use, one after the other. Others go on meanwhile, so this is no instant of the whole. One that stays
    /// [`Claimed`](Phase::Claimed) was left so by a thread that died while it began a call.
    ///
    /// Progress: wait-free (snapshot).
    pub fn calls(&self) -> impl Iterator<Item = CallInfo> {
        (0..self.slots()).filter_map(|index| {
            let slot = self.slot(index)?;
            let state = slot.state();
            if state.is(Phase::Vacant) {
                return None;
            }
            // what stands in the words of one that is being filled is not its own yet
            let deadline = if state.is_published() { slot.request().deadline() } else { Deadline::NEVER };
            Some(CallInfo {
                call: CallHandle::of_slot(index, state.generation()),
                phase: state.phase(),
                thread: self.thread_of(index, state),
                pins: state.pins(),
                requested: state.is_requested(),
                client: state.has_client(),
                server: state.owes_completion(),
                serving: state.is_serving(),
                disabled: state.is_disabled(),
                remaining: self.remaining(deadline),
            })
        })
    }

    /// The first `N` slots in use, and how many there are in all: for a report from a place that cannot allocate.
    ///
    /// Progress: wait-free (snapshot).
    pub fn snapshot<const N: usize>(&self) -> (heapless::Vec<CallInfo, N>, usize) {
        let mut first = heapless::Vec::new();
        let mut all = 0;
        for call in self.calls() {
            let _ = first.push(call);
            all += 1;
        }
        (first, all)
    }

    /// Whose stack the slot is on.
    fn thread_of(&self, index: u32, state: State) -> Option<u32> {
        let threads = self.storage.threads();
        let home = |index: u32| threads.get((index as usize).checked_sub(self.storage.calls().len())?);
        if !state.has_client() && !state.is(Phase::Custom) {
            return None;
        }
        if let Some(thread) = home(index) {
            return Some(thread.id()).filter(|id| *id != 0);
        }
        let outer = self.slot(index)?.outer();
        if outer == Head::UNLINKED || outer == Head::ASYNCHRONOUS {
            return None;
        }
        let has_it_out = |thread: &&ThreadSlot| thread.id() != 0 && self.down(thread.top()).any(|at| at == index);
        // A thread's home slot is mostly the lowest on its stack and says whose that is: without it every call would scan
        // every thread.
        let likely = self.down(outer).find_map(home);
        likely.filter(has_it_out).or_else(|| threads.iter().find(has_it_out)).map(ThreadSlot::id)
    }

    /// The slots of a stack, from `head` down. Other threads' stacks change while we walk them, so the walk is bounded.
    fn down(&self, head: Head) -> impl Iterator<Item = u32> {
        const DEEPEST: usize = 64;
        core::iter::successors(head.slot(), |at| self.slot(*at)?.outer().slot()).take(DEEPEST)
    }

    /// How many threads are attached.
    pub fn threads(&self) -> usize {
        self.storage.threads().iter().filter(|thread| thread.id() != 0).count()
    }

    /// Ends the runtime, so that its storage can be given back: the calling thread is detached.
    ///
    /// The host sees to it that no other thread is inside an operation, or begins one, from here on.
    ///
    /// Progress: lock-free (end a runtime).
    ///
    /// # Errors
    ///
    /// `E_ACCESSDENIED`, and nothing changed: a slot is in use (a call, an orphan that its server still holds, an object somebody
    /// refers to), or another thread is attached.
    pub fn deinit(&self) -> Result<(), Hresult> {
        if self.is_in_use() {
            return Err(Hresult::E_ACCESSDENIED);
        }
        self.thread_exit();
        Ok(())
    }

    /// Whether [`deinit`](Self::deinit) would be refused: for a host whose interrupt handlers are to be turned away only once it will not be.
    ///
    /// Also from interrupt handlers.
    /// Progress: wait-free (ask whether a runtime is in use).
    pub fn is_in_use(&self) -> bool {
        let own = self.current().map_or(0, |(_, thread)| thread.id());
        let attached = self.storage.threads().iter().any(|thread| thread.id() != 0 && thread.id() != own);
        let in_use =
            (0..self.slots()).any(|index| self.slot(index).is_some_and(|slot| slot.state().phase() != Phase::Vacant));
        attached || in_use
    }
}
