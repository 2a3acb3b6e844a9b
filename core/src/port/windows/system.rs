//! What this port calls in kernel32: all of it is in NT 5.2.
//!
//! Declared here, because it is little, and so that a host links the import library of its own choice: an archive that brings its
//! own imports could not be linked into the system's own libraries.

use core::ffi::c_void;

/// A kernel object.
pub(super) type Handle = *mut c_void;

/// "For ever."
pub(super) const INFINITE: u32 = 0xFFFF_FFFF;
/// No slot of thread-local or fiber-local storage.
pub(super) const OUT_OF_INDEXES: u32 = 0xFFFF_FFFF;
pub(super) const MEM_COMMIT: u32 = 0x1000;
pub(super) const MEM_RESERVE: u32 = 0x2000;
pub(super) const MEM_RELEASE: u32 = 0x8000;
pub(super) const PAGE_READWRITE: u32 = 4;

unsafe extern "system" {
    pub(super) fn CloseHandle(handle: Handle) -> i32;
    pub(super) fn CreateEventW(security: *const c_void, manual: i32, set: i32, name: *const u16) -> Handle;
    pub(super) fn FlsAlloc(callback: unsafe extern "system" fn(*mut c_void)) -> u32;
    pub(super) fn FlsFree(index: u32) -> i32;
    pub(super) fn FlsSetValue(index: u32, value: *mut c_void) -> i32;
    pub(super) fn GetCurrentThreadId() -> u32;
    pub(super) fn GetLastError() -> u32;
    pub(super) fn GetTickCount() -> u32;
    pub(super) fn QueryPerformanceCounter(counter: *mut u64) -> i32;
    pub(super) fn QueryPerformanceFrequency(frequency: *mut u64) -> i32;
    pub(super) fn SetEvent(event: Handle) -> i32;
    pub(super) fn SetLastError(error: u32);
    pub(super) fn Sleep(ms: u32);
    pub(super) fn TlsAlloc() -> u32;
    pub(super) fn TlsFree(index: u32) -> i32;
    pub(super) fn TlsGetValue(index: u32) -> *mut c_void;
    pub(super) fn TlsSetValue(index: u32, value: *mut c_void) -> i32;
    pub(super) fn VirtualAlloc(address: *mut c_void, size: usize, kind: u32, protection: u32) -> *mut c_void;
    pub(super) fn VirtualFree(address: *mut c_void, size: usize, kind: u32) -> i32;
    pub(super) fn WaitForSingleObject(handle: Handle, ms: u32) -> u32;
}

/// Runs it and leaves the thread's last error as it was: COM functions do not change it for their callers.
#[inline]
pub(super) fn quietly<T>(run: impl FnOnce() -> T) -> T {
    // SAFETY: takes nothing and cannot fail
    let error = unsafe { GetLastError() };
    let out = run();
    // SAFETY: takes any number and cannot fail
    unsafe { SetLastError(error) };
    out
}
