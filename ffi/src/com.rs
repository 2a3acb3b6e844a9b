//! The eight COM functions, on the default runtime, and the native ways to cancel objects.

use core::ffi::c_void;
use core::ptr::null_mut;

use cocancel::Hresult;
use cocancel::com::Guid;

use crate::client::{attempt, handle, out};
use crate::port::cocancel_call;
use crate::target::{Target, cocancel_runtime, on};

/// What the COM functions return: an HRESULT, with COM's calling convention.
type ComResult = Hresult;
type DWORD = u32;
type ULONG = u32;
type LPVOID = *mut c_void;
type IUnknown = c_void;
type REFIID = *const Guid;

/// The interface id, which is checked before anything else.
///
/// # Safety
///
/// `iid` is NULL, misaligned or readable.
unsafe fn read<'a>(iid: REFIID) -> Result<&'a Guid, Hresult> {
    if !iid.is_aligned() {
        return Err(Hresult::E_INVALIDARG);
    }
    // SAFETY: the caller's, and aligned
    unsafe { iid.as_ref() }.ok_or(Hresult::E_INVALIDARG)
}

/// Puts an interface out.
fn put(interface: Result<*mut (), Hresult>, out: &mut LPVOID) -> Hresult {
    match interface {
        Ok(interface) => {
            *out = interface.cast();
            Hresult::S_OK
        }
        Err(code) => code,
    }
}

/// Requests cancellation of the innermost outbound call of a thread. `dwThreadId` 0 is the calling thread; on POSIX ids are those of
/// cocancel_thread_id. Waits up to `ulTimeout` seconds (0xFFFFFFFF: for ever) for the server, where that can work: not for a call of the calling
/// thread, nor one that it is serving, nor in an interrupt handler, nor on a port that cannot wait; there the client's side keeps the deadline.
///
/// Returns S_OK: the request was made, and the client is released by now (where this function waits). RPC_E_CALL_COMPLETE: the call is complete, or
/// completed in time, or ended during the look-up. RPC_E_CALL_CANCELED: it was cancelled before (a sooner timeout still counts). E_NOINTERFACE: no such
/// thread, or no cancel object on it. CO_E_CANCEL_DISABLED: the call began while its thread was disabled. E_OUTOFMEMORY: too many are at it just
/// now. E_UNEXPECTED: not initialised, or a custom object in an interrupt handler. A custom cancel object's own HRESULT, whatever it is.
///
/// The canceller needs neither CoInitialize nor CoEnableCallCancellation.
///
/// Callers: threads, interrupt and signal handlers. IRQL: any. In an interrupt handler thread 0 is refused. Blocks up to the timeout, but not in an
/// interrupt handler (in a signal handler it does).
/// Progress: lock-free but for the wait (cancel by thread).
#[cfg(not(cocancel_host_com))]
#[unsafe(no_mangle)]
pub extern "system" fn CoCancelCall(dwThreadId: DWORD, ulTimeout: ULONG) -> ComResult {
    on!(Target::default_runtime(), |runtime| runtime.co_cancel_call(dwThreadId, ulTimeout))
}

/// The interface `iid` of a thread's innermost cancel object, with a reference in `*ppUnk` that the caller releases. It stays good after the call has
/// ended and its thread has gone.
///
/// Returns S_OK; E_INVALIDARG: `iid` or `ppUnk` is NULL; E_NOINTERFACE: no such thread, no cancel object on it, or it does not know `iid`;
/// CO_E_CANCEL_DISABLED: its call began while the thread was disabled; RPC_E_CALL_COMPLETE: calls kept ending during the look-up; E_OUTOFMEMORY,
/// E_UNEXPECTED: as CoCancelCall. On failure `*ppUnk` is NULL.
///
/// Callers: threads, interrupt and signal handlers. IRQL: any. Never blocks.
/// Progress: lock-free (get a cancel object).
///
/// # Safety
///
/// The pointers are NULL or as described.
#[cfg(not(cocancel_host_com))]
#[unsafe(no_mangle)]
pub unsafe extern "system" fn CoGetCancelObject(dwThreadId: DWORD, iid: REFIID, ppUnk: *mut LPVOID) -> ComResult {
    // SAFETY: the caller's
    let out = unsafe { out(ppUnk) }.map(|out| {
        *out = null_mut();
        out
    });
    // SAFETY: the caller's
    let iid = attempt!(unsafe { read(iid) });
    let out = attempt!(out);
    on!(Target::default_runtime(), |runtime| put(runtime.co_get_cancel_object(dwThreadId, iid), out))
}

/// Registers a cancel object on top of the calling thread's stack (it must have ICancelMethodCalls, and one reference is held until it is
/// unregistered), or with NULL unregisters the topmost. Whoever lets go last releases it: that may be a thread which is just cancelling through it.
///
/// Returns S_OK. Registering: E_INVALIDARG: misaligned; E_NOINTERFACE: no ICancelMethodCalls; E_OUTOFMEMORY: no slot free; nothing is
/// registered then. Unregistering:
/// E_UNEXPECTED: there is nothing; E_ACCESSDENIED: the topmost belongs to a call that is still pending. E_UNEXPECTED: also not initialised.
///
/// Callers: threads. IRQL: PASSIVE_LEVEL. Never blocks.
/// Progress: wait-free once attached (register a custom object).
/// Progress: lock-free (unregister a custom object).
///
/// # Safety
///
/// `pUnk` is NULL or a live COM object.
#[cfg(not(cocancel_host_com))]
#[unsafe(no_mangle)]
pub unsafe extern "system" fn CoSetCancelObject(pUnk: *mut IUnknown) -> ComResult {
    on!(Target::default_runtime(), |runtime| {
        if pUnk.is_null() {
            runtime.co_unset_cancel_object().into()
        } else if !pUnk.cast::<usize>().is_aligned() {
            Hresult::E_INVALIDARG
        } else {
            // SAFETY: the caller's
            unsafe { runtime.co_set_cancel_object(pUnk.cast()) }.into()
        }
    })
}

/// Whether the client of the call that this thread is serving has asked to cancel it: RPC_S_CALLPENDING (**a failure code**, in spite of its name:
/// compare, do not use SUCCEEDED), or RPC_E_CALL_CANCELED.
///
/// Returns also RPC_E_CALL_COMPLETE: no call is being served, or an asynchronous one; E_NOINTERFACE: a custom call context without
/// ICancelMethodCalls; E_UNEXPECTED: not initialised, or a custom call context in an interrupt handler; whatever a custom context's TestCancel
/// answers. Cheap enough for a loop: loads only, never the clock.
///
/// Callers: threads, interrupt and signal handlers. IRQL: any. Never blocks.
/// Progress: wait-free (test).
#[cfg(not(cocancel_host_com))]
#[unsafe(no_mangle)]
pub extern "system" fn CoTestCancel() -> ComResult {
    on!(Target::default_runtime(), |runtime| runtime.co_test_cancel())
}

/// Enables call cancellation on the calling thread, once more than before: calls that begin from now on can be cancelled. Disabled at first. Needs
/// no CoInitialize.
///
/// Returns S_OK; E_INVALIDARG: `pReserved` is not NULL; E_OUTOFMEMORY: no slot for another thread; E_FAIL: enabled 65,535 times already (nothing
/// changed in all three); E_UNEXPECTED: not initialised.
///
/// Callers: threads. IRQL: <= DISPATCH_LEVEL. Never blocks.
/// Progress: wait-free; the first time as attaching (enable).
#[cfg(not(cocancel_host_com))]
#[unsafe(no_mangle)]
pub extern "system" fn CoEnableCallCancellation(pReserved: LPVOID) -> ComResult {
    if !pReserved.is_null() {
        return Hresult::E_INVALIDARG;
    }
    on!(Target::default_runtime(), |runtime| runtime.enable().into())
}

/// Undoes one CoEnableCallCancellation of the calling thread. Calls that are pending are not touched.
///
/// Returns S_OK, also while the thread stays enabled because of nesting; CO_E_CANCEL_DISABLED: nothing to undo; E_INVALIDARG: `pReserved` is not
/// NULL; E_UNEXPECTED: not initialised.
///
/// Callers: threads. IRQL: <= DISPATCH_LEVEL. Never blocks.
/// Progress: wait-free (disable).
#[cfg(not(cocancel_host_com))]
#[unsafe(no_mangle)]
pub extern "system" fn CoDisableCallCancellation(pReserved: LPVOID) -> ComResult {
    if !pReserved.is_null() {
        return Hresult::E_INVALIDARG;
    }
    on!(Target::default_runtime(), |runtime| runtime.disable().into())
}

/// The interface `riid` of the current call context, with a reference in `*ppInterface` that the caller releases.
///
/// Returns S_OK; E_INVALIDARG: `riid` is NULL; E_POINTER: `ppInterface` is NULL; RPC_E_CALL_COMPLETE: there is no context; E_NOINTERFACE: it does not
/// know `riid`; E_OUTOFMEMORY: no slot was free for the context of the call being served; E_UNEXPECTED: not initialised. On failure
/// `*ppInterface` is NULL.
///
/// Callers: threads. IRQL: PASSIVE_LEVEL. Never blocks.
/// Progress: lock-free (get the call context).
///
/// # Safety
///
/// The pointers are NULL or as described.
#[cfg(not(cocancel_host_com))]
#[unsafe(no_mangle)]
pub unsafe extern "system" fn CoGetCallContext(riid: REFIID, ppInterface: *mut LPVOID) -> ComResult {
    // SAFETY: the caller's
    let mut place = unsafe { out(ppInterface) };
    if let Ok(out) = &mut place {
        **out = null_mut();
    }
    // SAFETY: the caller's
    let iid = attempt!(unsafe { read(riid) });
    let Ok(out) = place else { return Hresult::E_POINTER };
    on!(Target::default_runtime(), |runtime| put(runtime.co_get_call_context(iid), out))
}

/// Installs another call context (NULL: none) and returns the one before in `*ppOldObject` (NULL: none). No reference is taken or given up. It never
/// shows in a call nested in this one, and ends with the call during which it was installed.
///
/// Returns S_OK; E_INVALIDARG: `ppOldObject` is NULL; E_OUTOFMEMORY: no slot for another thread, or none was free for the context of the call being
/// served; E_UNEXPECTED: not initialised.
///
/// Callers: threads. IRQL: <= DISPATCH_LEVEL. Never blocks.
/// Progress: wait-free once attached (switch the call context).
///
/// # Safety
///
/// `pNewObject` is NULL or a COM object that lives as long as it is installed; `ppOldObject` is NULL or writable.
#[cfg(not(cocancel_host_com))]
#[unsafe(no_mangle)]
pub unsafe extern "system" fn CoSwitchCallContext(
    pNewObject: *mut IUnknown,
    ppOldObject: *mut *mut IUnknown,
) -> ComResult {
    // SAFETY: the caller's
    let old = attempt!(unsafe { out(ppOldObject) });
    *old = null_mut();
    if !pNewObject.cast::<usize>().is_aligned() {
        return Hresult::E_INVALIDARG;
    }
    // SAFETY: the caller's
    on!(Target::default_runtime(), |runtime| put(unsafe { runtime.co_switch_call_context(pNewObject.cast()) }, old))
}

/// The standard cancel object of a call, by its handle, with a reference in `*object`: how a host gives its asynchronous call objects
/// ICancelMethodCalls. `iid` points to the 16 bytes of an IID.
///
/// Returns S_OK; E_INVALIDARG: a stale or forged handle, or a NULL pointer; E_NOINTERFACE: it took no slot, or the object does not know `iid`;
/// E_OUTOFMEMORY: too many references of others; E_UNEXPECTED: not initialised. On failure `*object` is NULL.
///
/// Callers: threads. IRQL: <= DISPATCH_LEVEL. Never blocks.
/// Progress: lock-free (object of a call).
///
/// # Safety
///
/// The pointers are NULL or as described.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn cocancel_object_of(
    runtime: *mut cocancel_runtime,
    call: cocancel_call,
    iid: *const c_void,
    object: *mut *mut c_void,
) -> Hresult {
    // SAFETY: the caller's
    let object = attempt!(unsafe { out(object) });
    *object = null_mut();
    // SAFETY: the caller's
    let iid = attempt!(unsafe { read(iid.cast()) });
    let call = attempt!(handle(call));
    // SAFETY: the caller's
    on!(unsafe { Target::of(runtime) }, |runtime| put(runtime.com_object_of(call, iid), object))
}
