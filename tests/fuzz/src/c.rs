//! The C functions, as include/cocancel.h and include/cocancel_com.h declare them.
#![allow(missing_docs, non_snake_case)] // the header says what they are

use std::ffi::c_void;

pub use cocancel::com::Guid;
pub use cocancel::com::guid::{IID_ICANCEL_METHOD_CALLS, IID_IUNKNOWN};

pub const INFINITE: u32 = 0xFFFF_FFFF;
pub const ALWAYS_SLOT: u32 = 1;
pub const NO_WAIT: u32 = 1;
pub const ABI_VERSION: u32 = 1;

#[repr(C)]
pub struct Options {
    pub host: *mut c_void,
    pub context: *mut c_void,
    pub timeout_ms: u32,
    pub flags: u32,
}

#[repr(C)]
#[derive(Clone, Copy)]
pub struct CallInfo {
    pub call: usize,
    pub thread: u32,
    pub phase: u32,
    pub flags: u32,
    pub pins: u32,
    pub remaining_ms: u32,
}

type Hook<A> = Option<unsafe extern "C" fn(*mut c_void, A)>;

#[repr(C)]
pub struct Hooks {
    pub user: *mut c_void,
    pub wake: Hook<*mut c_void>,
    pub retire: Hook<*mut c_void>,
    pub cancel_requested: Option<unsafe extern "C" fn(*mut c_void, usize, *mut c_void, u32)>,
    pub orphaned: Hook<*mut c_void>,
    pub event: Option<unsafe extern "C" fn(*mut c_void, u32, usize)>,
}

#[repr(C)]
pub struct Port {
    pub size: usize,
    pub thread_id: Option<unsafe extern "C" fn(*mut c_void) -> u32>,
    pub tick: Option<unsafe extern "C" fn(*mut c_void) -> u32>,
    pub local: Option<unsafe extern "C" fn(*mut c_void) -> *mut c_void>,
    pub set_local: Hook<*mut c_void>,
    pub in_interrupt: Option<unsafe extern "C" fn(*mut c_void) -> u32>,
    pub waiter: Option<unsafe extern "C" fn(*mut c_void) -> *mut c_void>,
    pub wait: Option<unsafe extern "C" fn(*mut c_void, *const c_void, u32)>,
    pub wake: Hook<*const c_void>,
    pub hooks: Hooks,
}

/// `cocancel_runtime`
pub type Runtime = *mut c_void;

unsafe extern "C" {
    pub fn cocancel_storage_size(calls: usize, threads: usize) -> usize;
    pub fn cocancel_init(
        abi: u32,
        storage: *mut c_void,
        size: usize,
        calls: usize,
        threads: usize,
        port: *const Port,
        out: *mut Runtime,
    ) -> i32;
    pub fn cocancel_deinit(runtime: Runtime) -> i32;
    pub fn cocancel_set_default(runtime: Runtime) -> i32;
    pub fn cocancel_enable(runtime: Runtime) -> i32;
    pub fn cocancel_disable(runtime: Runtime) -> i32;
    pub fn cocancel_thread_exit(runtime: Runtime) -> i32;
    pub fn cocancel_begin(runtime: Runtime, options: *const Options, call: *mut usize) -> i32;
    pub fn cocancel_begin_async(runtime: Runtime, options: *const Options, call: *mut usize) -> i32;
    pub fn cocancel_poll(runtime: Runtime, call: usize, remaining: *mut u32) -> i32;
    pub fn cocancel_wait(runtime: Runtime, call: usize) -> i32;
    pub fn cocancel_finish(runtime: Runtime, call: usize) -> i32;
    pub fn cocancel_serve(runtime: Runtime, options: *const Options, call: *mut usize) -> i32;
    pub fn cocancel_enter(runtime: Runtime, call: usize, frame: *mut usize, orphan: *mut *mut c_void) -> i32;
    pub fn cocancel_leave(runtime: Runtime, frame: usize) -> i32;
    pub fn cocancel_complete(runtime: Runtime, call: usize, orphan: *mut *mut c_void) -> i32;
    pub fn cocancel_abandon(runtime: Runtime, call: usize, failure: i32, orphan: *mut *mut c_void) -> i32;
    pub fn cocancel_test(runtime: Runtime) -> i32;
    pub fn cocancel_test_call(runtime: Runtime, call: usize) -> i32;
    pub fn cocancel_cancel_thread(runtime: Runtime, thread: u32, timeout_ms: u32, flags: u32) -> i32;
    pub fn cocancel_cancel_call(runtime: Runtime, call: usize, timeout_ms: u32, flags: u32) -> i32;
    pub fn cocancel_tick(runtime: Runtime, budget: u32) -> u32;
    pub fn cocancel_snapshot(runtime: Runtime, calls: *mut CallInfo, count: *mut usize) -> i32;
    pub fn cocancel_object_of(runtime: Runtime, call: usize, iid: *const Guid, object: *mut *mut c_void) -> i32;
}

unsafe extern "system" {
    pub fn CoCancelCall(thread: u32, seconds: u32) -> i32;
    pub fn CoGetCancelObject(thread: u32, iid: *const Guid, object: *mut *mut c_void) -> i32;
    pub fn CoSetCancelObject(object: *mut c_void) -> i32;
    pub fn CoTestCancel() -> i32;
    pub fn CoEnableCallCancellation(reserved: *mut c_void) -> i32;
    pub fn CoDisableCallCancellation(reserved: *mut c_void) -> i32;
    pub fn CoGetCallContext(iid: *const Guid, object: *mut *mut c_void) -> i32;
    pub fn CoSwitchCallContext(new: *mut c_void, old: *mut *mut c_void) -> i32;
}
