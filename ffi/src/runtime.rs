//! Setting up: a runtime in the host's storage, the default runtime, versions and names.

use core::ffi::{c_char, c_void};
use core::mem::MaybeUninit;
use core::slice;

use cocancel::{CallSlot, Hresult, Runtime, ThreadSlot};

use crate::layout::{COCANCEL_STORAGE_ALIGN, layout};
use crate::port::{HostPort, cocancel_port};
use crate::target::{DEFAULT, Tables, cocancel_runtime};

/// The version of this interface. It changes when a struct or a function does; cocancel_init refuses another one.
pub const COCANCEL_ABI_VERSION: u32 = 1;

/// How many bytes of storage a runtime for so many calls and threads needs: COCANCEL_STORAGE_SIZE at run time. 0: more than there can be.
///
/// Callers: threads, interrupt and signal handlers. IRQL: any. Never blocks.
/// Progress: wait-free (versions, names, sizes).
#[unsafe(no_mangle)]
pub extern "C" fn cocancel_storage_size(calls: usize, threads: usize) -> usize {
    layout(calls, threads).map_or(0, |layout| layout.size)
}

/// Sets up a runtime with a port of the host's in `storage`, and hands it out in `*runtime`.
///
/// `abi_version` is COCANCEL_ABI_VERSION. `storage` is aligned to COCANCEL_STORAGE_ALIGN, at least COCANCEL_STORAGE_SIZE(calls, threads)
/// bytes, zeroed before the first time (static storage is), and the library's until cocancel_deinit gives it back. `calls` is how many calls
/// can be out at once besides one for each thread on hosts; `threads` how many threads. `*port` is not copied: it stays as
/// it is until cocancel_deinit.
///
/// Returns S_OK; E_INVALIDARG: a NULL, misaligned or too small argument, an unusable capacity, a port of another size, without thread_id or tick,
/// with `waiter` but without `wait` and `wake`, or with one of `local` and `set_local`; E_UNEXPECTED: another ABI version, or storage that is in use or
/// being set up by somebody else just now (nobody waits).
///
/// Callers: threads. IRQL: <= DISPATCH_LEVEL. Never blocks.
/// Progress: wait-free (set up a runtime).
///
/// # Safety
///
/// The pointers are NULL or as described.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn cocancel_init(
    abi_version: u32,
    storage: *mut c_void,
    size: usize,
    calls: usize,
    threads: usize,
    port: *const cocancel_port,
    runtime: *mut *mut cocancel_runtime,
) -> Hresult {
    if runtime.is_null() || !runtime.is_aligned() {
        return Hresult::E_INVALIDARG;
    }
    // SAFETY: the caller's: writable
    unsafe { *runtime = core::ptr::null_mut() };
    if abi_version != COCANCEL_ABI_VERSION {
        return Hresult::E_UNEXPECTED;
    }
    if storage.is_null() || storage.addr() % COCANCEL_STORAGE_ALIGN != 0 || port.is_null() || !port.is_aligned() {
        return Hresult::E_INVALIDARG;
    }
    // SAFETY: the caller's: not NULL, and there until `deinit`
    let port: &'static cocancel_port = unsafe { &*port };
    let whole = port.size == size_of::<cocancel_port>()
        && port.thread_id.is_some()
        && port.tick.is_some()
        && port.local.is_some() == port.set_local.is_some()
        && (port.waiter.is_none() || (port.wait.is_some() && port.wake.is_some()));
    let Some(layout) = layout(calls, threads).filter(|layout| layout.size <= size && whole) else {
        return Hresult::E_INVALIDARG;
    };
    if calls == 0 || threads == 0 || !cocancel::is_valid_capacity(calls, threads, layout.cells) {
        return Hresult::E_INVALIDARG;
    }
    let instance: *mut cocancel_runtime = storage.cast();
    // SAFETY: aligned, large enough, the caller's; the mark is valid whatever its bytes
    let life = unsafe { &(*instance).life };
    if !life.begin() {
        return Hresult::E_UNEXPECTED;
    }
    // SAFETY: the storage behind the runtime is ours from here on; all zero is an empty table
    unsafe { storage.byte_add(layout.calls).cast::<u8>().write_bytes(0, layout.size - layout.calls) };
    // SAFETY: within the storage, aligned (as `layout` asserts), zeroed, ours until `deinit`
    let calls = unsafe { slice::from_raw_parts_mut(storage.byte_add(layout.calls).cast::<CallSlot>(), calls) };
    // SAFETY: as above
    let threads = unsafe { slice::from_raw_parts_mut(storage.byte_add(layout.threads).cast::<ThreadSlot>(), threads) };
    #[cfg(target_os = "none")]
    let tables = Tables::new(calls, threads);
    #[cfg(not(target_os = "none"))]
    // SAFETY: as above
    let tables = Tables::new(calls, threads, unsafe {
        slice::from_raw_parts_mut(storage.byte_add(layout.index).cast::<cocancel::IndexCell>(), layout.cells)
    });
    let Some(tables) = tables else {
        life.end();
        return Hresult::E_INVALIDARG;
    };
    let fresh = MaybeUninit::new(Runtime::new(HostPort(port), tables));
    // SAFETY: ours alone between `begin` and `ready`
    unsafe { (&raw mut (*instance).runtime).write(fresh) };
    life.ready();
    // SAFETY: the caller's: writable
    unsafe { *runtime = instance };
    Hresult::S_OK
}

/// Ends a runtime; its storage is the caller's again, and can be set up once more. Handles of its calls mean nothing after that, and may be those
/// of new calls.
///
/// Returns S_OK; E_ACCESSDENIED, and nothing changed: a call, an orphan that its server still holds, an object somebody refers to is left, or
/// another thread is attached (cocancel_thread_exit), or it is the default runtime (cocancel_set_default(NULL) first); E_UNEXPECTED: it is none, or
/// ended; E_INVALIDARG: NULL or misaligned.
///
/// The caller sees to it that no other thread, and no handler on another processor, is inside one of its functions. Handlers may cut in, and
/// what they do with calls that are out counts. One that begins a call in the midst of it gets E_UNEXPECTED, or has deinit refuse: then
/// the call may be out of reach (E_UNEXPECTED) until deinit returns.
///
/// Callers: threads. IRQL: <= DISPATCH_LEVEL. Never blocks.
/// Progress: lock-free (end a runtime).
///
/// # Safety
///
/// `runtime` is NULL or storage that is zero or was given to cocancel_init.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn cocancel_deinit(runtime: *mut cocancel_runtime) -> Hresult {
    if runtime.is_null() || !runtime.is_aligned() {
        return Hresult::E_INVALIDARG;
    }
    // SAFETY: the caller's
    let instance: &'static cocancel_runtime = unsafe { &*runtime };
    let live = match instance.live() {
        Ok(live) => live,
        Err(code) => return code,
    };
    if DEFAULT.get().is_some_and(|default| core::ptr::eq(default, instance)) {
        return Hresult::E_ACCESSDENIED;
    }
    // while a handler that cuts in finds it in use: what is refused goes on
    if live.is_in_use() {
        return Hresult::E_ACCESSDENIED;
    }
    if !instance.life.retire() {
        return Hresult::E_UNEXPECTED;
    }
    // once more: a handler may have begun a call since
    match live.deinit() {
        Ok(()) => {
            instance.life.end();
            Hresult::S_OK
        }
        Err(code) => {
            instance.life.ready();
            code
        }
    }
}

/// Makes `runtime` the one that the COM functions, and every function given NULL, work on; NULL: the built-in one again, where there is
/// one. To be called before the functions are used, or when no call is out.
///
/// Returns S_OK; E_UNEXPECTED: not initialised; E_INVALIDARG: misaligned.
///
/// Callers: threads. IRQL: <= DISPATCH_LEVEL. Never blocks.
/// Progress: wait-free (set the default runtime).
///
/// # Safety
///
/// `runtime` is NULL or storage that is zero or was given to cocancel_init.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn cocancel_set_default(runtime: *mut cocancel_runtime) -> Hresult {
    if runtime.is_null() {
        DEFAULT.set(None);
        return Hresult::S_OK;
    }
    if !runtime.is_aligned() {
        return Hresult::E_INVALIDARG;
    }
    // SAFETY: the caller's
    let instance: &'static cocancel_runtime = unsafe { &*runtime };
    match instance.live() {
        Ok(_) => {
            DEFAULT.set(Some(instance));
            Hresult::S_OK
        }
        Err(code) => code,
    }
}

/// Sets the capacity of the built-in default runtime, once, before its first use. Without it there is room for 1024
/// calls, besides one for each thread, and 1024 threads.
///
/// Returns S_OK; E_UNEXPECTED: it is in use already; E_INVALIDARG: 0, or more than handles can name; E_OUTOFMEMORY: the system has not that
/// much.
///
/// Only where there is a built-in default runtime: not in a library for boards, nor in one that was built without `posix` and `windows`.
///
/// Callers: threads. IRQL: PASSIVE_LEVEL. Never blocks.
/// Progress: wait-free but for the system's part (set the capacity).
#[cfg(all(any(feature = "posix", feature = "windows"), not(target_os = "none")))]
#[unsafe(no_mangle)]
pub extern "C" fn cocancel_set_capacity(calls: usize, threads: usize) -> Hresult {
    use crate::builtin::{Capacity, set_capacity};
    set_capacity(Capacity { calls, threads }).into()
}

/// COCANCEL_ABI_VERSION of the library that is linked.
///
/// Callers: threads, interrupt and signal handlers. IRQL: any. Never blocks.
/// Progress: wait-free (versions, names, sizes).
#[unsafe(no_mangle)]
pub extern "C" fn cocancel_abi_version() -> u32 {
    COCANCEL_ABI_VERSION
}

/// The library's version as text, such as "0.1.0". Static.
///
/// Callers: threads, interrupt and signal handlers. IRQL: any. Never blocks.
/// Progress: wait-free (versions, names, sizes).
#[unsafe(no_mangle)]
pub extern "C" fn cocancel_version() -> *const c_char {
    concat!(env!("CARGO_PKG_VERSION"), "\0").as_ptr().cast()
}

/// The name of a code that this library answers with, such as "RPC_E_CALL_CANCELED"; "unknown" for any other. Static.
///
/// Callers: threads, interrupt and signal handlers. IRQL: any. Never blocks.
/// Progress: wait-free (versions, names, sizes).
#[unsafe(no_mangle)]
pub extern "C" fn cocancel_hresult_name(code: Hresult) -> *const c_char {
    code.c_name().as_ptr()
}
