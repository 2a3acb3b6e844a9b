//! The native ways to cancel, the tick, and looking at all calls.

use cocancel::{Hresult, Phase, Timeout, Waiting};

use crate::client::{attempt, handle, out};
use crate::port::{COCANCEL_INFINITE, cocancel_call};
use crate::target::{Target, cocancel_runtime, on};

/// Flag of the cancelling functions: arm the deadline and return, also where waiting could work.
pub const COCANCEL_NO_WAIT: u32 = 1;

fn waiting(flags: u32) -> Result<Waiting, Hresult> {
    match flags {
        0 => Ok(Waiting::Allowed),
        COCANCEL_NO_WAIT => Ok(Waiting::Never),
        _ => Err(Hresult::E_INVALIDARG),
    }
}

/// Asks to cancel the innermost call of a thread (0: the calling one), as CoCancelCall does, but in milliseconds (COCANCEL_INFINITE: for
/// ever) and not through custom cancel objects. `flags`: COCANCEL_NO_WAIT or 0.
///
/// Returns S_OK: the client is released by now, or will be at the deadline where this canceller does not wait. RPC_E_CALL_COMPLETE: the call is
/// complete, or completed in time, or ended during the look-up. RPC_E_CALL_CANCELED: somebody asked before (a sooner deadline still
/// counts). E_NOINTERFACE: no such thread, or no call on it that can be found. CO_E_CANCEL_DISABLED: its call began while the thread was disabled.
/// E_OUTOFMEMORY: too many are at that call just now. E_INVALIDARG: unknown flags; E_UNEXPECTED: not initialised, or a custom object on top in an
/// interrupt handler.
///
/// Callers: threads, interrupt and signal handlers. IRQL: any. Blocks up to the timeout, but not in an interrupt
/// handler (in a signal handler it does).
/// Progress: lock-free but for the wait (cancel by thread).
///
/// # Safety
///
/// As cocancel_enable.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn cocancel_cancel_thread(
    runtime: *mut cocancel_runtime,
    thread: u32,
    timeout_ms: u32,
    flags: u32,
) -> Hresult {
    let waiting = attempt!(waiting(flags));
    // SAFETY: the caller's
    on!(unsafe { Target::of(runtime) }, |runtime| runtime.cancel_thread(thread, Timeout::millis(timeout_ms), waiting))
}

/// Asks to cancel a call that the host holds, whatever the enable state: for message filters, for transports that bring a client's request, for
/// asynchronous calls.
///
/// Returns as cocancel_cancel_thread; E_INVALIDARG: also a stale or forged handle; CO_E_CANCEL_DISABLED, E_NOINTERFACE: it took no slot, because
/// its thread was disabled or none was free.
///
/// Callers: threads, interrupt and signal handlers. IRQL: any. Blocks up to the timeout, but not in an interrupt
/// handler (in a signal handler it does).
/// Progress: lock-free but for the wait (cancel by handle).
///
/// # Safety
///
/// As cocancel_enable.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn cocancel_cancel_call(
    runtime: *mut cocancel_runtime,
    call: cocancel_call,
    timeout_ms: u32,
    flags: u32,
) -> Hresult {
    let waiting = attempt!(waiting(flags));
    let call = attempt!(handle(call));
    // SAFETY: the caller's
    on!(unsafe { Target::of(runtime) }, |runtime| runtime.cancel_call(call, Timeout::millis(timeout_ms), waiting))
}

/// Expires what is due, looking at no more than `budget` slots. For hosts where clients poll and sleep; where clients and cancellers block in
/// cocancel_wait and the cancelling functions they keep their deadlines themselves.
///
/// Returns the milliseconds until it has to be called again: 0 if the budget ran out, COCANCEL_INFINITE if nothing has a deadline (or the
/// runtime is not initialised). By several at once, too, of whose answers the soonest counts: with a budget of all slots (0xFFFFFFFF will do)
/// one that is stopped in here keeps nobody's deadline up for longer than a tick. A smaller budget is for one ticker alone. A deadline that is
/// set afterwards may be sooner than the answer: call it in a timer's handler, or again whenever a call gets a deadline.
///
/// Callers: threads, interrupt and signal handlers. IRQL: any. Never blocks.
/// Progress: lock-free (tick).
///
/// # Safety
///
/// As cocancel_enable.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn cocancel_tick(runtime: *mut cocancel_runtime, budget: u32) -> u32 {
    // SAFETY: the caller's
    match unsafe { Target::of(runtime) } {
        Ok(Target::Host(runtime)) => runtime.tick(budget).unwrap_or(COCANCEL_INFINITE),
        #[cfg(any(feature = "posix", feature = "windows"))]
        Ok(Target::BuiltIn(runtime)) => runtime.tick(budget).unwrap_or(COCANCEL_INFINITE),
        Err(_) => COCANCEL_INFINITE,
    }
}

/// One slot in use, as cocancel_snapshot found it.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct cocancel_call_info {
    /// The call.
    pub call: cocancel_call,
    /// The thread that has it out; 0: none (asynchronous, served here, or its client has finished).
    pub thread: u32,
    /// COCANCEL_PHASE_...
    pub phase: u32,
    /// COCANCEL_IS_... bits.
    pub flags: u32,
    /// How many keep the slot.
    pub pins: u32,
    /// Milliseconds to its deadline; COCANCEL_INFINITE: none.
    pub remaining_ms: u32,
}

/// The server's answer is awaited.
pub const COCANCEL_PHASE_PENDING: u32 = 1;
/// The reply was delivered; the client has not finished.
pub const COCANCEL_PHASE_COMPLETED: u32 = 2;
/// A failure was delivered; the client has not finished.
pub const COCANCEL_PHASE_FAILED: u32 = 3;
/// The client was released.
pub const COCANCEL_PHASE_CANCELED: u32 = 4;
/// A registered custom cancel object.
pub const COCANCEL_PHASE_CUSTOM: u32 = 5;
/// A call is just beginning there. A slot that stays so was left by a thread that died meanwhile: it is lost.
pub const COCANCEL_PHASE_CLAIMED: u32 = 6;

/// Somebody asked to cancel it, or its deadline was seen to be over.
pub const COCANCEL_IS_REQUESTED: u32 = 1;
/// Its client has not finished it.
pub const COCANCEL_IS_CLIENT: u32 = 2;
/// Its server's side still owes the completion: once canceled, an orphan that is still out.
pub const COCANCEL_IS_SERVER: u32 = 4;
/// A thread is serving it.
pub const COCANCEL_IS_SERVING: u32 = 8;
/// It began while its thread was disabled: only the host may cancel it.
pub const COCANCEL_IS_DISABLED: u32 = 16;

/// Looks at all slots in use: calls, orphans, registered objects. `*count` is how many fit into `calls` on entry, and how many there are on
/// return, of which the first ones were written. Others go on meanwhile, so it is no picture of one instant.
///
/// Returns S_OK; E_INVALIDARG: a NULL or misaligned argument; E_UNEXPECTED: not initialised.
///
/// Callers: threads, interrupt and signal handlers. IRQL: any. Never blocks; looks at each slot once, and for each at its thread's stack, or at every
/// thread's where that does not show whose it is.
/// Progress: wait-free (snapshot).
///
/// # Safety
///
/// `calls` is writable for `*count` elements (NULL if that is 0).
#[unsafe(no_mangle)]
pub unsafe extern "C" fn cocancel_snapshot(
    runtime: *mut cocancel_runtime,
    calls: *mut cocancel_call_info,
    count: *mut usize,
) -> Hresult {
    // SAFETY: the caller's
    let count = attempt!(unsafe { out(count) });
    let room = *count;
    if !calls.is_aligned() || (calls.is_null() && room != 0) {
        return Hresult::E_INVALIDARG;
    }
    *count = 0;
    // SAFETY: the caller's
    on!(unsafe { Target::of(runtime) }, |runtime| {
        for info in runtime.calls() {
            if *count < room {
                // SAFETY: the caller's: there is room
                unsafe { calls.add(*count).write(in_c(info)) };
            }
            *count += 1;
        }
        Hresult::S_OK
    })
}

fn in_c(info: cocancel::CallInfo) -> cocancel_call_info {
    let flags = [
        (info.requested, COCANCEL_IS_REQUESTED),
        (info.client, COCANCEL_IS_CLIENT),
        (info.server, COCANCEL_IS_SERVER),
        (info.serving, COCANCEL_IS_SERVING),
        (info.disabled, COCANCEL_IS_DISABLED),
    ];
    cocancel_call_info {
        call: info.call.to_bits(),
        thread: info.thread.unwrap_or(0),
        phase: match info.phase {
            Phase::Completed => COCANCEL_PHASE_COMPLETED,
            Phase::Failed => COCANCEL_PHASE_FAILED,
            Phase::Canceled => COCANCEL_PHASE_CANCELED,
            Phase::Custom => COCANCEL_PHASE_CUSTOM,
            Phase::Claimed => COCANCEL_PHASE_CLAIMED,
            _ => COCANCEL_PHASE_PENDING,
        },
        flags: flags.iter().fold(0, |all, (is, flag)| if *is { all | flag } else { all }),
        pins: info.pins,
        remaining_ms: info.remaining.unwrap_or(COCANCEL_INFINITE),
    }
}
