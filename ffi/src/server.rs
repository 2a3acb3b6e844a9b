//! The server's side: serve, enter and leave, complete or abandon, test.

use core::ffi::c_void;

use cocancel::{Hresult, Refusal, Reply};

use crate::client::{answer, attempt, cocancel_call_options, handle, out, read};
use crate::port::{clear_record, cocancel_call, put_record};
use crate::target::{Target, cocancel_runtime, on};

/// Registers a call whose client is in another process or on another board: the server's side only. `*call` gets its handle, for cocancel_enter,
/// cocancel_complete, and for the transport to cancel it when the client's request arrives.
///
/// Returns S_OK; E_OUTOFMEMORY: no slot, the call is served all the same but cannot be cancelled (the handle is valid); E_INVALIDARG,
/// E_UNEXPECTED: as cocancel_begin.
///
/// Callers: threads, interrupt and signal handlers. IRQL: any. Never blocks.
/// Progress: wait-free; with a timeout lock-free (serve).
///
/// # Safety
///
/// The pointers are NULL or as described.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn cocancel_serve(
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
    on!(unsafe { Target::of(runtime) }, |runtime| answer(runtime.serve(options), call))
}

/// The server's thread comes to a call, before it runs the stub: may it? The call becomes this thread's innermost served one, the one that
/// CoTestCancel asks, until cocancel_leave(`*frame`).
///
/// Returns S_OK: run it. RPC_E_CALL_CANCELED: it was cancelled before; do not run it and do not complete it: this *is* its completion, and
/// `*orphan` (may be NULL) gets the record, which is this side's now. E_INVALIDARG: a stale or forged handle, a NULL `frame`, a misaligned pointer;
/// E_UNEXPECTED: it is being served already, or was completed; or not initialised.
///
/// Callers: threads. IRQL: <= DISPATCH_LEVEL. Never blocks.
/// Progress: lock-free (enter).
///
/// # Safety
///
/// The pointers are NULL or as described.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn cocancel_enter(
    runtime: *mut cocancel_runtime,
    call: cocancel_call,
    frame: *mut cocancel_call,
    orphan: *mut *mut c_void,
) -> Hresult {
    attempt!(clear_record(orphan));
    // SAFETY: the caller's
    let frame = attempt!(unsafe { out(frame) });
    *frame = 0;
    let call = attempt!(handle(call));
    // SAFETY: the caller's
    on!(unsafe { Target::of(runtime) }, |runtime| match runtime.enter(call) {
        Ok(entered) => {
            *frame = entered.to_bits();
            Hresult::S_OK
        }
        Err(Refusal::Canceled(record)) => {
            put_record(orphan, record);
            Hresult::RPC_E_CALL_CANCELED
        }
        Err(Refusal::BadInput(code)) => code,
    })
}

/// Undoes the calling thread's innermost cocancel_enter; what it served before is current again. Before or after cocancel_complete.
///
/// Returns S_OK; E_UNEXPECTED: not this thread's innermost, or not initialised; E_INVALIDARG: stale or forged.
///
/// Callers: threads. IRQL: <= DISPATCH_LEVEL. Never blocks.
/// Progress: lock-free (leave).
///
/// # Safety
///
/// As cocancel_enable.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn cocancel_leave(runtime: *mut cocancel_runtime, frame: cocancel_call) -> Hresult {
    let frame = attempt!(handle(frame));
    // SAFETY: the caller's
    on!(unsafe { Target::of(runtime) }, |runtime| runtime.leave(frame).into())
}

/// What became of the reply.
fn reply(reply: Result<Reply, Hresult>, orphan: *mut *mut c_void) -> Hresult {
    match reply {
        Ok(Reply::Delivered) => Hresult::S_OK,
        Ok(Reply::Orphaned(record)) => {
            put_record(orphan, record);
            Hresult::RPC_E_CALL_CANCELED
        }
        Err(code) => code,
    }
}

/// The server's side is done: the reply stands in the host's record.
///
/// Returns whose the record is now: S_OK: delivered, the client's. RPC_E_CALL_CANCELED: orphaned, the client was released before; `*orphan` (may
/// be NULL) gets the record, which is this side's to dispose of. E_INVALIDARG: a stale or forged handle, a misaligned pointer; E_UNEXPECTED: completed already, or
/// not initialised.
///
/// Callers: threads, interrupt and signal handlers. IRQL: any. Never blocks (it may call the wake hook).
/// Progress: lock-free (complete).
///
/// # Safety
///
/// The pointers are NULL or as described.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn cocancel_complete(
    runtime: *mut cocancel_runtime,
    call: cocancel_call,
    orphan: *mut *mut c_void,
) -> Hresult {
    attempt!(clear_record(orphan));
    let call = attempt!(handle(call));
    // SAFETY: the caller's
    on!(unsafe { Target::of(runtime) }, |runtime| reply(runtime.complete(call), orphan))
}

/// The server's side cannot answer (its process or its queue died): the client gets `failure`, or E_FAIL if that is no failure code or
/// one with which cocancel_poll, cocancel_wait and cocancel_finish say something else: RPC_E_CALL_CANCELED, RPC_S_CALLPENDING,
/// CO_E_CANCEL_DISABLED, E_OUTOFMEMORY, E_INVALIDARG, E_UNEXPECTED, E_NOTIMPL.
/// Returns as cocancel_complete.
///
/// Callers: threads, interrupt and signal handlers. IRQL: any. Never blocks (it may call the wake hook).
/// Progress: lock-free (abandon).
///
/// # Safety
///
/// As cocancel_complete.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn cocancel_abandon(
    runtime: *mut cocancel_runtime,
    call: cocancel_call,
    failure: Hresult,
    orphan: *mut *mut c_void,
) -> Hresult {
    attempt!(clear_record(orphan));
    let call = attempt!(handle(call));
    // SAFETY: the caller's
    on!(unsafe { Target::of(runtime) }, |runtime| reply(runtime.abandon(call, failure), orphan))
}

/// Whether the client of the call that this thread is serving has asked to cancel it, whatever call context is installed.
///
/// Returns RPC_S_CALLPENDING (a failure code, in spite of its name): nobody has; RPC_E_CALL_CANCELED: somebody has, or its timeout was seen to be
/// over; RPC_E_CALL_COMPLETE: no call is being served, or an asynchronous one; E_UNEXPECTED: not initialised.
///
/// Callers: threads, interrupt and signal handlers. IRQL: any. Never blocks.
/// Progress: wait-free (test).
///
/// # Safety
///
/// As cocancel_enable.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn cocancel_test(runtime: *mut cocancel_runtime) -> Hresult {
    // SAFETY: the caller's
    on!(unsafe { Target::of(runtime) }, |runtime| runtime.test())
}

/// The same for a call by its handle, from anywhere.
///
/// Returns RPC_S_CALLPENDING (a failure code, in spite of its name): nobody has asked to cancel it, also once it has been completed; always for a call
/// that took no slot; RPC_E_CALL_CANCELED: somebody has, or its timeout was seen to be over; E_INVALIDARG: a stale or forged handle; E_UNEXPECTED:
/// not initialised.
///
/// Callers: threads, interrupt and signal handlers. IRQL: any. Never blocks.
/// Progress: wait-free (test a call).
///
/// # Safety
///
/// As cocancel_enable.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn cocancel_test_call(runtime: *mut cocancel_runtime, call: cocancel_call) -> Hresult {
    let call = attempt!(handle(call));
    // SAFETY: the caller's
    on!(unsafe { Target::of(runtime) }, |runtime| runtime.test_call(call))
}
