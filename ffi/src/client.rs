//! The client's side: begin, poll, wait, finish.

use core::ffi::c_void;

use cocancel::{Begun, CallHandle, CallOptions, Hresult, Outcome, Poll, Timeout};

use crate::port::{COCANCEL_INFINITE, cocancel_call};
use crate::target::{Target, cocancel_runtime, on};

/// What a call is begun with. All zero is a call without record, wake context and timeout.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct cocancel_call_options {
    /// The host's record of the call, handed to whichever side comes to own it. Never looked into.
    pub host: *mut c_void,
    /// A wake context: whoever has something new for the polling client passes it to the wake hook. Must stay valid until the retire hook
    /// got it. A call that took no slot never uses it: it stays the host's, and no hook gets it. On Windows, on the built-in default runtime without a wake hook, it is the HANDLE of an event, which is set.
    pub context: *mut c_void,
    /// The call's own timeout in milliseconds; 0 and COCANCEL_INFINITE: none.
    pub timeout_ms: u32,
    /// COCANCEL_ALWAYS_SLOT or 0.
    pub flags: u32,
}

/// Takes a slot also while the thread is disabled, so that the host itself can cancel the call (message filters).
pub const COCANCEL_ALWAYS_SLOT: u32 = 1;

/// # Safety
///
/// `options` is NULL, misaligned or readable; its context is as documented.
pub(crate) unsafe fn read(options: *const cocancel_call_options) -> Result<CallOptions, Hresult> {
    if !options.is_aligned() {
        return Err(Hresult::E_INVALIDARG);
    }
    // SAFETY: the caller's, and aligned
    let Some(given) = (unsafe { options.as_ref() }) else { return Ok(CallOptions::new()) };
    if given.flags & !COCANCEL_ALWAYS_SLOT != 0 {
        return Err(Hresult::E_INVALIDARG);
    }
    let timeout = if given.timeout_ms == 0 { COCANCEL_INFINITE } else { given.timeout_ms };
    let options = CallOptions::new().host(given.host.cast()).timeout(Timeout::millis(timeout));
    let options = if given.flags & COCANCEL_ALWAYS_SLOT != 0 { options.always_slot() } else { options };
    // SAFETY: the header demands it of the host
    Ok(unsafe { options.context(given.context.cast()) })
}

/// Puts the handle out and says whether the call can be cancelled.
pub(crate) fn answer(begun: Begun, call: &mut cocancel_call) -> Hresult {
    *call = begun.call.to_bits();
    begun.cancellable.into()
}

/// An out parameter.
///
/// # Safety
///
/// `out` is NULL, misaligned or writable.
pub(crate) unsafe fn out<'a, T>(out: *mut T) -> Result<&'a mut T, Hresult> {
    if !out.is_aligned() {
        return Err(Hresult::E_INVALIDARG);
    }
    // SAFETY: the caller's, and aligned
    unsafe { out.as_mut() }.ok_or(Hresult::E_INVALIDARG)
}

/// `?` for functions that return an HRESULT.
macro_rules! attempt {
    ($result:expr) => {
        match $result {
            Ok(value) => value,
            Err(code) => return code,
        }
    };
}
pub(crate) use attempt;

/// The handle that a C caller gave.
pub(crate) fn handle(call: cocancel_call) -> Result<CallHandle, Hresult> {
    CallHandle::from_bits(call).ok_or(Hresult::E_INVALIDARG)
}

/// The code of an outcome.
fn code(outcome: Outcome) -> Hresult {
    match outcome {
        Outcome::Completed => Hresult::S_OK,
        Outcome::Failed(failure) => failure,
        Outcome::Canceled => Hresult::RPC_E_CALL_CANCELED,
    }
}

/// Begins a call on top of the calling thread's stack, before it is handed to its server. `*call` gets its handle.
///
/// Returns S_OK: the call has a slot and can be cancelled. CO_E_CANCEL_DISABLED: the thread is disabled, the call cannot be cancelled.
/// E_OUTOFMEMORY: no slot was free, nor can it be cancelled. **In these three cases the handle is valid**, every function takes it, and it must
/// be finished by cocancel_finish on this thread; in the last two there is nothing to wait on: the host waits by its own means.
/// E_INVALIDARG (a NULL `call`, misaligned pointers, unknown flags) and E_UNEXPECTED (not initialised): nothing has begun, the handle is 0.
///
/// Callers: threads. IRQL: <= DISPATCH_LEVEL. Never blocks.
/// Progress: wait-free once attached; with a timeout lock-free (begin).
///
/// # Safety
///
/// The pointers are NULL or as described.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn cocancel_begin(
    runtime: *mut cocancel_runtime,
    options: *const cocancel_call_options,
    call: *mut cocancel_call,
) -> Hresult {
    // SAFETY: the caller's
    let call = attempt!(unsafe { out(call) });
    *call = 0;
    // SAFETY: the caller's
    let options = attempt!(unsafe { read(options) });
    // SAFETY: the caller's
    on!(unsafe { Target::of(runtime) }, |runtime| answer(runtime.begin(options), call))
}

/// Begins an asynchronous call: it is on no thread's stack, found through its handle or object only, always cancellable, finished by any thread.
/// `*call` is read, too: the handle of an earlier call on the same call object, or 0.
///
/// Returns as cocancel_begin; RPC_S_CALLPENDING (a failure code): the call that `*call` names is not finished yet. Where nothing has begun,
/// `*call` stays as it was.
///
/// Callers: threads, interrupt and signal handlers. IRQL: any. Never blocks.
/// Progress: wait-free; with a timeout lock-free (begin, asynchronous).
///
/// # Safety
///
/// The pointers are NULL or as described.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn cocancel_begin_async(
    runtime: *mut cocancel_runtime,
    options: *const cocancel_call_options,
    call: *mut cocancel_call,
) -> Hresult {
    // SAFETY: the caller's
    let call = attempt!(unsafe { out(call) });
    // SAFETY: the caller's
    let options = attempt!(unsafe { read(options) });
    // SAFETY: the caller's
    on!(unsafe { Target::of(runtime) }, |runtime| {
        if CallHandle::from_bits(*call).is_some_and(|earlier| runtime.is_unfinished(earlier)) {
            return Hresult::RPC_S_CALLPENDING;
        }
        answer(runtime.begin_async(options), call)
    })
}

/// How the call stands, for its client, which waits by its own means. Expires the call's deadline if that is due. If the call was begun with a
/// wake context, the next change is passed to the wake hook.
///
/// `*remaining_ms` (may be NULL) is how long to wait at most before polling again. Returns RPC_S_CALLPENDING (a failure code, in spite of its
/// name): go on waiting; S_OK: completed; RPC_E_CALL_CANCELED: cancelled, never look at the record again; the failure that cocancel_abandon was given;
/// CO_E_CANCEL_DISABLED, E_OUTOFMEMORY: it took no slot, there is nothing to poll; E_INVALIDARG: a stale or forged handle;
/// E_UNEXPECTED: not initialised.
///
/// Callers: threads, interrupt and signal handlers. IRQL: any. Never blocks.
/// Progress: lock-free (poll).
///
/// # Safety
///
/// The pointers are NULL or as described.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn cocancel_poll(
    runtime: *mut cocancel_runtime,
    call: cocancel_call,
    remaining_ms: *mut u32,
) -> Hresult {
    let mut ignored = 0;
    let remaining_ms = if remaining_ms.is_null() { &raw mut ignored } else { remaining_ms };
    // SAFETY: the caller's
    let remaining_ms = attempt!(unsafe { out(remaining_ms) });
    *remaining_ms = COCANCEL_INFINITE;
    let call = attempt!(handle(call));
    // SAFETY: the caller's
    on!(unsafe { Target::of(runtime) }, |runtime| match attempt!(runtime.poll(call)) {
        Poll::Pending(remaining) => {
            *remaining_ms = remaining.unwrap_or(COCANCEL_INFINITE);
            Hresult::RPC_S_CALLPENDING
        }
        Poll::Ended(outcome) => code(outcome),
    })
}

/// Blocks until the call has ended. Returns as cocancel_poll, but never RPC_S_CALLPENDING; E_INVALIDARG also for the frame that cocancel_enter
/// gives of a call without a slot; E_NOTIMPL: the port cannot wait here. One thread at a time waits for a call; if another finishes an
/// asynchronous one meanwhile, the waiter gets how it ended then: RPC_E_CALL_CANCELED, if it was pending.
///
/// Callers: threads. IRQL: <= APC_LEVEL. Blocks.
/// Progress: lock-free but for the wait (wait).
///
/// # Safety
///
/// As cocancel_enable.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn cocancel_wait(runtime: *mut cocancel_runtime, call: cocancel_call) -> Hresult {
    let call = attempt!(handle(call));
    // SAFETY: the caller's
    on!(unsafe { Target::of(runtime) }, |runtime| code(attempt!(runtime.wait(call))))
}

/// The client is done with the call. Still pending: it is given up, as if cancelled with timeout 0. Every call that has begun must be finished,
/// on the thread that began it (an asynchronous one: on any).
///
/// Returns who owns the record: S_OK, or the failure that cocancel_abandon was given: the client; RPC_E_CALL_CANCELED: the server's side, and
/// the client must never look at it again. E_INVALIDARG: a stale or forged handle, or not one of this thread's (the handle of a call that took
/// no slot is not told from another thread's such); E_UNEXPECTED: not initialised.
///
/// Callers: threads. IRQL: <= DISPATCH_LEVEL. An asynchronous call's: also handlers, any IRQL. Never blocks.
/// Progress: lock-free (finish).
///
/// # Safety
///
/// As cocancel_enable.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn cocancel_finish(runtime: *mut cocancel_runtime, call: cocancel_call) -> Hresult {
    let call = attempt!(handle(call));
    // SAFETY: the caller's
    on!(unsafe { Target::of(runtime) }, |runtime| code(attempt!(runtime.finish(call))))
}
