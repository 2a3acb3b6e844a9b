//! The calling thread: enabled or not, its id, its end.

use cocancel::Hresult;

use crate::target::{Target, cocancel_runtime, on};

/// Enables call cancellation on the calling thread, once more than before: calls that begin from now on can be cancelled.
///
/// `runtime` NULL means the default one, here and in every function. Returns S_OK; E_OUTOFMEMORY: no slot for another thread; E_FAIL: enabled
/// 65,535 times already (nothing changed in both cases); E_UNEXPECTED: the runtime is not initialised; E_INVALIDARG: misaligned.
///
/// Callers: threads. IRQL: <= DISPATCH_LEVEL. Never blocks.
/// Progress: wait-free; the first time as attaching (enable).
///
/// # Safety
///
/// `runtime` is NULL or storage that is zero or was given to cocancel_init.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn cocancel_enable(runtime: *mut cocancel_runtime) -> Hresult {
    // SAFETY: the caller's
    on!(unsafe { Target::of(runtime) }, |runtime| runtime.enable().into())
}

/// Undoes one cocancel_enable of the calling thread.
///
/// Returns S_OK, also while the thread stays enabled because of nesting; CO_E_CANCEL_DISABLED: nothing to undo; E_UNEXPECTED, E_INVALIDARG: as
/// cocancel_enable.
///
/// Callers: threads. IRQL: <= DISPATCH_LEVEL. Never blocks.
/// Progress: wait-free (disable).
///
/// # Safety
///
/// As cocancel_enable.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn cocancel_disable(runtime: *mut cocancel_runtime) -> Hresult {
    // SAFETY: the caller's
    on!(unsafe { Target::of(runtime) }, |runtime| runtime.disable().into())
}

/// Ends all that the calling thread still has registered, and gives its slot back. Hosts with a port of their own call it when a thread ends; the
/// built-in default runtime does so by itself, but on Windows not for one that ends on another fiber than it first used the library on, where
/// nobody calls cocancel_dll_main. Pending calls are given up as by cocancel_finish, calls it is serving fail with
/// RPC_E_SERVER_DIED, custom cancel objects are released. A thread that never attached: nothing happens.
///
/// Returns S_OK; E_UNEXPECTED, E_INVALIDARG: as cocancel_enable.
///
/// Callers: threads. IRQL: <= DISPATCH_LEVEL. PASSIVE_LEVEL if custom cancel objects are left, which it releases. Waits for nobody.
/// Progress: lock-free (thread exit).
///
/// # Safety
///
/// As cocancel_enable.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn cocancel_thread_exit(runtime: *mut cocancel_runtime) -> Hresult {
    // SAFETY: the caller's
    on!(unsafe { Target::of(runtime) }, |runtime| {
        runtime.thread_exit();
        Hresult::S_OK
    })
}

/// The calling thread's id, as other threads name it to CoCancelCall: on the built-in default runtime the kernel's (gettid) on Linux, the system's
/// on Windows, elsewhere one that this library hands out; else what the port says. 0: the default runtime is not initialised.
///
/// Callers: threads, interrupt and signal handlers. IRQL: any. Never blocks.
/// Progress: wait-free (thread id).
#[unsafe(no_mangle)]
pub extern "C" fn cocancel_thread_id() -> u32 {
    use cocancel::Port;
    match Target::default_runtime() {
        Ok(Target::Host(runtime)) => runtime.port().thread_id(),
        #[cfg(any(feature = "posix", feature = "windows"))]
        Ok(Target::BuiltIn(runtime)) => runtime.port().thread_id(),
        Err(_) => 0,
    }
}
