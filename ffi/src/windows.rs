//! The entry point of cocancel.dll.

use core::ffi::c_void;

use cocancel::port::windows;

const PROCESS_DETACH: u32 = 0;
const THREAD_DETACH: u32 = 3;

/// The DllMain of cocancel.dll. A DLL that links the archive calls it from its own, so that threads are detached before the DLL's own
/// data goes, on whatever fiber they end, and so that the DLL can be unloaded. Returns 1.
///
/// Callers: threads. IRQL: PASSIVE_LEVEL. Never blocks.
/// Progress: lock-free but for the system's part (DLL entry point).
///
/// # Safety
///
/// Called as the system calls DllMain.
#[unsafe(no_mangle)]
pub unsafe extern "system" fn cocancel_dll_main(_module: *mut c_void, reason: u32, reserved: *mut c_void) -> i32 {
    match reason {
        THREAD_DETACH => windows::thread_detach(),
        // not NULL: the process ends, and its other threads with it, wherever they were
        // SAFETY: FreeLibrary's caller sees to it that nobody is in the library
        PROCESS_DETACH if reserved.is_null() => unsafe { windows::unload() },
        _ => {}
    }
    1
}
