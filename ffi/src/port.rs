//! A host's port as a struct of function pointers, and the hooks of a host that uses the default runtime.

use core::ffi::c_void;
use core::ptr::null_mut;

use cocancel::{CallHandle, Event, EventKind, Port, Side, WaitPoint};

/// A call, as the host keeps it: an integer as large as a pointer, never 0. Free to copy and to pass to other threads. A stale or forged
/// one is refused with E_INVALIDARG.
pub type cocancel_call = usize;

/// What a waiter sleeps on and a waker wakes.
#[repr(C)]
pub struct cocancel_wait_point {
    /// A word in the runtime's storage, for hosts that sleep on addresses. Valid as long as the storage. Do not write it.
    pub word: *const u32,
    /// What the word was when the waiter last looked: sleep only while it still is. Without meaning for a waker.
    pub value: u32,
    /// COCANCEL_CLIENT or COCANCEL_CANCELLER: both may sleep on one word at once.
    pub side: u32,
    /// The waiter's wake context: that of begin, or what `waiter` returned on its thread.
    pub context: *mut c_void,
}

/// The waiter is the call's client.
pub const COCANCEL_CLIENT: u32 = 1;
/// The waiter is the one canceller that waits for the server.
pub const COCANCEL_CANCELLER: u32 = 2;
/// No timeout; no deadline.
pub const COCANCEL_INFINITE: u32 = 0xFFFF_FFFF;

/// What a host may want to be told. Each may be NULL. They run on whichever thread brings the event about, in an interrupt handler if the host
/// cancels there, with `user` first. They must not unwind, nor call back into an operation on the same call.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct cocancel_hooks {
    /// Passed to each.
    pub user: *mut c_void,
    /// Wakes whoever polls with that wake context: there is something new to look at. Must not block.
    pub wake: Option<unsafe extern "C" fn(user: *mut c_void, context: *mut c_void)>,
    /// A wake context will not be used again for the call that it was given to: free it now, not before. A port's own `waiter` contexts
    /// come here, too, once for each call in whose wait one was used: a port whose threads own theirs ignores those.
    pub retire: Option<unsafe extern "C" fn(user: *mut c_void, context: *mut c_void)>,
    /// Somebody asked to cancel the call while its server still owes the reply: tell the server. Once for a call. `remaining_ms` is what is left
    /// to the server (COCANCEL_INFINITE: any time). `context` is the one of cocancel_begin; where that brought none, the port's own `waiter` if the
    /// client blocks.
    pub cancel_requested:
        Option<unsafe extern "C" fn(user: *mut c_void, call: cocancel_call, context: *mut c_void, remaining_ms: u32)>,
    /// A record that nobody is left to own: its client's and its server's thread both ended. Dispose of it. NULL if the call had none.
    pub orphaned: Option<unsafe extern "C" fn(user: *mut c_void, host: *mut c_void)>,
    /// A step in a call's life (COCANCEL_EVENT_...), for traces. At COCANCEL_EVENT_BEGUN the call is not on its thread's stack yet: begin no other
    /// there, set or unset no cancel object, and do not end the thread.
    pub event: Option<unsafe extern "C" fn(user: *mut c_void, kind: u32, call: cocancel_call)>,
}

// SAFETY: the pointers are the host's, which promises that its hooks may run on every thread
unsafe impl Sync for cocancel_hooks {}

/// The client began the call.
pub const COCANCEL_EVENT_BEGUN: u32 = 1;
/// The server's thread entered it.
pub const COCANCEL_EVENT_ENTERED: u32 = 2;
/// The server's thread left it.
pub const COCANCEL_EVENT_LEFT: u32 = 3;
/// Somebody asked to cancel it, with a deadline.
pub const COCANCEL_EVENT_REQUESTED: u32 = 4;
/// The reply was delivered.
pub const COCANCEL_EVENT_COMPLETED: u32 = 5;
/// A failure was delivered in place of a reply.
pub const COCANCEL_EVENT_FAILED: u32 = 6;
/// The client was released.
pub const COCANCEL_EVENT_CANCELED: u32 = 7;
/// The server's side came to its end after that.
pub const COCANCEL_EVENT_ORPHANED: u32 = 8;
/// The client finished it.
pub const COCANCEL_EVENT_FINISHED: u32 = 9;

const _: () = {
    assert!(COCANCEL_EVENT_BEGUN == EventKind::Begun as u32);
    assert!(COCANCEL_EVENT_ENTERED == EventKind::Entered as u32);
    assert!(COCANCEL_EVENT_LEFT == EventKind::Left as u32);
    assert!(COCANCEL_EVENT_REQUESTED == EventKind::Requested as u32);
    assert!(COCANCEL_EVENT_COMPLETED == EventKind::Completed as u32);
    assert!(COCANCEL_EVENT_FAILED == EventKind::Failed as u32);
    assert!(COCANCEL_EVENT_CANCELED == EventKind::Canceled as u32);
    assert!(COCANCEL_EVENT_ORPHANED == EventKind::Orphaned as u32);
    assert!(COCANCEL_EVENT_FINISHED == EventKind::Finished as u32);
};

/// What a host supplies to a runtime of its own. Functions marked optional may be NULL. All get `hooks.user` first, may be called from
/// every thread that uses the runtime, and must not unwind.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct cocancel_port {
    /// sizeof(cocancel_port): any other size is refused, so that a host that was compiled with another header is recognised.
    pub size: usize,
    /// The calling thread's id, by which others name it: never 0 on a thread, unique among living threads, the same for its whole life; 0 in
    /// an interrupt handler. Must not ask cocancel_thread_id, which asks the default runtime's port.
    pub thread_id: Option<unsafe extern "C" fn(user: *mut c_void) -> u32>,
    /// Milliseconds, monotonic, wrapping at 2^32. A clock that jumps by more than one at a time (Windows' GetTickCount does) makes deadlines
    /// early by as much.
    pub tick: Option<unsafe extern "C" fn(user: *mut c_void) -> u32>,
    /// Optional, both or neither: one word of thread-local storage for this runtime, NULL at first. Without it threads are found by id,
    /// and cocancel_thread_exit must be called for each.
    pub local: Option<unsafe extern "C" fn(user: *mut c_void) -> *mut c_void>,
    /// See `local`.
    pub set_local: Option<unsafe extern "C" fn(user: *mut c_void, value: *mut c_void)>,
    /// Optional: not 0 in an interrupt handler, a signal handler, at a raised IRQL. Then nothing waits, and no thread attaches.
    pub in_interrupt: Option<unsafe extern "C" fn(user: *mut c_void) -> u32>,
    /// Optional: the calling thread's own wake context for blocking waits (may be NULL). Absent: nothing here can block.
    pub waiter: Option<unsafe extern "C" fn(user: *mut c_void) -> *mut c_void>,
    /// Sleeps until woken or for `ms` milliseconds (COCANCEL_INFINITE: for ever); may return without reason. Needed with `waiter`.
    pub wait: Option<unsafe extern "C" fn(user: *mut c_void, point: *const cocancel_wait_point, ms: u32)>,
    /// Wakes the waiter of that side; a wake before its wait is kept. Needed with `waiter`. Where absent, `hooks.wake` gets the contexts.
    pub wake: Option<unsafe extern "C" fn(user: *mut c_void, point: *const cocancel_wait_point)>,
    /// What the host wants to be told.
    pub hooks: cocancel_hooks,
}

/// The host's port, where the host has it: in flash, on a board.
pub(crate) struct HostPort(pub(crate) &'static cocancel_port);

// SAFETY: the pointers are the host's, which promises with cocancel_init that its functions may be called from every thread
unsafe impl Sync for HostPort {}

impl HostPort {
    fn user(&self) -> *mut c_void {
        self.0.hooks.user
    }
}

fn point_in_c(point: WaitPoint) -> cocancel_wait_point {
    cocancel_wait_point {
        word: point.word,
        value: point.value,
        side: match point.side {
            Side::Client => COCANCEL_CLIENT,
            Side::Canceller => COCANCEL_CANCELLER,
        },
        context: point.context.cast(),
    }
}

// SAFETY: the contract is the host's: the header states it, rule by rule, at `cocancel_port`, and `cocancel_init` demands it
unsafe impl Port for HostPort {
    fn thread_id(&self) -> u32 {
        // SAFETY: the host's function, called as the header says
        self.0.thread_id.map_or(0, |function| unsafe { function(self.user()) })
    }

    fn tick(&self) -> u32 {
        // SAFETY: as above
        self.0.tick.map_or(0, |function| unsafe { function(self.user()) })
    }

    fn local(&self) -> Option<u32> {
        // SAFETY: as above
        self.0.local.map(|function| unsafe { function(self.user()) }.addr() as u32)
    }

    fn set_local(&self, value: u32) {
        if let Some(function) = self.0.set_local {
            // SAFETY: as above
            unsafe { function(self.user(), core::ptr::without_provenance_mut(value as usize)) }
        }
    }

    fn in_interrupt(&self) -> bool {
        // SAFETY: as above
        self.0.in_interrupt.is_some_and(|function| unsafe { function(self.user()) } != 0)
    }

    fn waiter(&self) -> Option<*mut ()> {
        // SAFETY: as above
        self.0.waiter.map(|function| unsafe { function(self.user()) }.cast())
    }

    fn wait(&self, point: WaitPoint, ms: Option<u32>) {
        if let Some(function) = self.0.wait {
            // SAFETY: as above
            unsafe { function(self.user(), &point_in_c(point), ms.unwrap_or(COCANCEL_INFINITE)) }
        }
    }

    fn wake(&self, point: WaitPoint) {
        match self.0.wake {
            // SAFETY: as above
            Some(function) => unsafe { function(self.user(), &point_in_c(point)) },
            None => self.0.hooks.wake(point.context),
        }
    }

    fn retire(&self, context: *mut ()) {
        self.0.hooks.retire(context);
    }

    fn cancel_requested(&self, call: CallHandle, context: *mut (), remaining: Option<u32>) {
        self.0.hooks.cancel_requested(call, context, remaining);
    }

    fn orphaned(&self, host: *mut ()) {
        self.0.hooks.orphaned(host);
    }

    fn event(&self, event: Event) {
        self.0.hooks.event(event);
    }
}

impl cocancel_hooks {
    fn wake(&self, context: *mut ()) {
        if let Some(hook) = self.wake.filter(|_| !context.is_null()) {
            // SAFETY: the host's function, called as the header says
            unsafe { hook(self.user, context.cast()) }
        }
    }

    fn retire(&self, context: *mut ()) {
        if let Some(hook) = self.retire {
            // SAFETY: as above
            unsafe { hook(self.user, context.cast()) }
        }
    }

    fn cancel_requested(&self, call: CallHandle, context: *mut (), remaining: Option<u32>) {
        if let Some(hook) = self.cancel_requested {
            // SAFETY: as above
            unsafe { hook(self.user, call.to_bits(), context.cast(), remaining.unwrap_or(COCANCEL_INFINITE)) }
        }
    }

    fn orphaned(&self, host: *mut ()) {
        if let Some(hook) = self.orphaned {
            // SAFETY: as above
            unsafe { hook(self.user, host.cast()) }
        }
    }

    fn event(&self, event: Event) {
        if let Some(hook) = self.event {
            // SAFETY: as above
            unsafe { hook(self.user, event.kind as u32, event.call.to_bits()) }
        }
    }
}

/// The hooks that the host gave to the default runtime.
#[cfg(any(feature = "posix", feature = "windows"))]
mod default {
    use super::cocancel_hooks;
    use crate::builtin::{Hooks, set_hooks};
    use cocancel::Global;

    static HOST: Global<cocancel_hooks> = Global::new();

    static FORWARD: Hooks = Hooks {
        wake: |context| match HOST.get().filter(|hooks| hooks.wake.is_some()) {
            Some(hooks) => hooks.wake(context),
            None => (Hooks::NONE.wake)(context),
        },
        retire: |context| with(|hooks| hooks.retire(context)),
        cancel_requested: |call, context, remaining| with(|hooks| hooks.cancel_requested(call, context, remaining)),
        orphaned: |host| with(|hooks| hooks.orphaned(host)),
        event: |event| with(|hooks| hooks.event(event)),
    };

    fn with(run: impl Fn(&cocancel_hooks)) {
        if let Some(hooks) = HOST.get() {
            run(hooks);
        }
    }

    pub(super) fn set(hooks: Option<&'static cocancel_hooks>) {
        HOST.set(hooks);
        // also for none: then `HOST` alone says which there are, to whoever is about to call one and to others who set them at once
        set_hooks(Some(&FORWARD));
    }
}

/// Sets the hooks of the built-in default runtime; NULL takes them away. Set them before the calls begin that they
/// are for. The struct stays the caller's and must live until the hooks are taken away and no call is left.
///
/// Returns S_OK; E_INVALIDARG: misaligned.
///
/// Only where there is a built-in default runtime: not in a library for boards, nor in one that was built without `posix` and `windows`.
///
/// Callers: threads. IRQL: PASSIVE_LEVEL. Never blocks.
/// Progress: wait-free (set hooks).
///
/// # Safety
///
/// `hooks` is NULL or such a struct.
#[cfg(all(any(feature = "posix", feature = "windows"), not(target_os = "none")))]
#[unsafe(no_mangle)]
pub unsafe extern "C" fn cocancel_set_hooks(hooks: *const cocancel_hooks) -> cocancel::Hresult {
    if !hooks.is_aligned() {
        return cocancel::Hresult::E_INVALIDARG;
    }
    // SAFETY: the caller's, and aligned
    default::set(unsafe { hooks.as_ref() });
    cocancel::Hresult::S_OK
}

/// The host record behind a `void *` that a C caller gave for it.
pub(crate) fn put_record(out: *mut *mut c_void, record: *mut ()) {
    if !out.is_null() && out.is_aligned() {
        // SAFETY: the C contract of every such parameter: NULL or writable
        unsafe { *out = record.cast() };
    }
}

/// Clears an out parameter, so that a failure leaves nothing stale there; a misaligned one is refused before anything is lost.
pub(crate) fn clear_record(out: *mut *mut c_void) -> Result<(), cocancel::Hresult> {
    if !out.is_aligned() {
        return Err(cocancel::Hresult::E_INVALIDARG);
    }
    put_record(out, null_mut());
    Ok(())
}
