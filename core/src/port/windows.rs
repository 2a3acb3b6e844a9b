//! The port for Windows, from NT 5.2 on: thread-local storage slots, the performance counter, and events to sleep on. Without std, without a
//! C runtime.
//!
//! Threads attach by themselves. They are detached by a fiber-local storage callback, which runs when a thread ends, or by
//! [`thread_detach`]: the callback does not hear of a thread that ends on another fiber than it first used the library on. A blocking
//! wait sleeps on an event that this port makes; a client that polls is begun with a wake context, which is an event of the host's unless
//! its hooks say otherwise.

mod clock;
mod default;
mod events;
mod system;
mod thread;

pub use default::{Capacity, Hooks, WindowsRuntime, runtime, set_capacity, set_hooks};

use super::{Port, WaitPoint};
use crate::event::Event;
use crate::handle::CallHandle;

/// What the default runtime runs on. There is one, because its thread-local word is one.
#[derive(Debug)]
pub struct Windows(());

/// The calling thread's id as other threads name it to `CoCancelCall`: the system's.
pub fn thread_id() -> u32 {
    // SAFETY: takes nothing and cannot fail
    unsafe { system::GetCurrentThreadId() }
}

/// The calling thread ends: everything of it is dropped. For the `DLL_THREAD_DETACH` of a host that has one; else it runs by itself, if
/// the thread ends on the fiber on which it first used the library. Once more does nothing.
pub fn thread_detach() {
    if thread::local() != 0 {
        runtime().thread_exit();
    }
}

/// The module that this code is part of is being unloaded: gives back what the system lent. No thread may be in the library then, nor
/// come back to it; the calling one is detached. For the `DLL_PROCESS_DETACH` of a module that `FreeLibrary` unloads; when the process ends
/// there is nothing to do.
///
/// # Safety
///
/// As said above.
pub unsafe fn unload() {
    thread_detach();
    // SAFETY: the caller's
    unsafe {
        thread::free();
        events::free();
    }
}

// SAFETY: 1. the system's thread ids are unique among living threads and never 0. 2. see `clock`. 3. a
// slot of thread-local storage of this module's own, NULL at first, and `Windows` has one instance. 4. see `events`. 5. nothing here
// unwinds or calls back; the hooks' contract says the same. 6. contexts are only passed to the hooks, or to SetEvent.
unsafe impl Port for Windows {
    fn thread_id(&self) -> u32 {
        thread_id()
    }

    fn tick(&self) -> u32 {
        clock::milliseconds()
    }

    #[inline]
    fn local(&self) -> Option<u32> {
        Some(thread::local())
    }

    fn set_local(&self, value: u32) {
        thread::set_local(value);
    }

    fn waiter(&self) -> Option<*mut ()> {
        // the sleeping place is found by the word
        Some(core::ptr::null_mut())
    }

    fn wait(&self, point: WaitPoint, ms: Option<u32>) {
        events::wait(point, ms);
    }

    fn wake(&self, point: WaitPoint) {
        // a client with a wake context polls, but may just as well block
        events::wake(point);
        if !point.context.is_null() {
            match default::hooks() {
                Some(hooks) => (hooks.wake)(point.context),
                None => set_event(point.context),
            }
        }
    }

    fn retire(&self, context: *mut ()) {
        if let Some(hooks) = default::hooks() {
            (hooks.retire)(context);
        }
    }

    fn cancel_requested(&self, call: CallHandle, context: *mut (), remaining: Option<u32>) {
        if let Some(hooks) = default::hooks() {
            (hooks.cancel_requested)(call, context, remaining);
        }
    }

    fn orphaned(&self, host: *mut ()) {
        if let Some(hooks) = default::hooks() {
            (hooks.orphaned)(host);
        }
    }

    #[inline]
    fn event(&self, event: Event) {
        if let Some(hooks) = default::hooks() {
            (hooks.event)(event);
        }
    }
}

/// Sets the event whose `HANDLE` a wake context is: what wakes a polling client where no hook does.
pub fn set_event(context: *mut ()) {
    system::quietly(|| {
        // SAFETY: any value may be passed; one that is no handle is refused
        unsafe { system::SetEvent(context.cast()) }
    });
}
