//! Calls with forged handles and bad pointers, which must be refused with the code that the header states, and change nothing: what comes after
//! is compared with a model that was not told of them.

use std::ffi::c_void;
use std::ptr::{null, null_mut};

use crate::c;
use crate::host::{Host, port};

const E_INVALIDARG: i32 = 0x8007_0057_u32 as i32;
const E_UNEXPECTED: i32 = 0x8000_FFFF_u32 as i32;
const E_POINTER: i32 = 0x8000_4003_u32 as i32;

#[repr(align(64))]
struct Zero([u8; 1024]);
static ZERO: Zero = Zero([0; 1024]);

/// Every function that takes a handle, with one that names nothing. `which` chooses the function.
pub fn forged(host: &Host, call: usize, which: usize) {
    let rt = host.runtime;
    let mut word = 0;
    let mut handle = 0;
    let mut pointer = null_mut::<c_void>();
    // SAFETY: the pointers are good ones
    let code = unsafe {
        match which % 11 {
            0 => c::cocancel_poll(rt, call, &raw mut word),
            1 => c::cocancel_poll(rt, call, null_mut()),
            2 => c::cocancel_wait(rt, call),
            3 => c::cocancel_finish(rt, call),
            4 => c::cocancel_enter(rt, call, &raw mut handle, &raw mut pointer),
            5 => c::cocancel_leave(rt, call),
            6 => c::cocancel_complete(rt, call, &raw mut pointer),
            7 => c::cocancel_abandon(rt, call, E_UNEXPECTED, null_mut()),
            8 => c::cocancel_cancel_call(rt, call, word, c::NO_WAIT),
            9 => c::cocancel_test_call(rt, call),
            _ => c::cocancel_object_of(rt, call, &c::IID_IUNKNOWN, &raw mut pointer),
        }
    };
    assert_eq!(code, E_INVALIDARG, "function {} with the handle {call:#x}", which % 11);
    assert!(pointer.is_null() && handle == 0);
}

/// A runtime that is none: misaligned, or storage that was never set up.
pub fn no_runtime(host: &Host, which: usize, misaligned: bool) {
    let rt: c::Runtime =
        if misaligned { host.runtime.wrapping_byte_add(1 + which % 7) } else { (&raw const ZERO.0).cast_mut().cast() };
    let mut handle = 0;
    let mut count = 0;
    // SAFETY: a runtime that is misaligned, or zero, as the functions allow; the other pointers are good ones
    let code = unsafe {
        match which % 16 {
            0 => c::cocancel_enable(rt),
            1 => c::cocancel_disable(rt),
            2 => c::cocancel_thread_exit(rt),
            3 => c::cocancel_begin(rt, null(), &raw mut handle),
            4 => c::cocancel_begin_async(rt, null(), &raw mut handle),
            5 => c::cocancel_serve(rt, null(), &raw mut handle),
            6 => c::cocancel_poll(rt, 5, null_mut()),
            7 => c::cocancel_wait(rt, 5),
            8 => c::cocancel_finish(rt, 5),
            9 => c::cocancel_leave(rt, 5),
            10 => c::cocancel_complete(rt, 5, null_mut()),
            11 => c::cocancel_test(rt),
            12 => c::cocancel_cancel_thread(rt, 1, 0, 0),
            13 => c::cocancel_cancel_call(rt, 5, 0, 0),
            14 => c::cocancel_snapshot(rt, null_mut(), &raw mut count),
            _ => c::cocancel_deinit(rt),
        }
    };
    let expected = if misaligned { E_INVALIDARG } else { E_UNEXPECTED };
    assert_eq!(code, expected, "function {}, misaligned: {misaligned}", which % 16);
    assert_eq!(handle, 0);
}

/// Pointers that are NULL or misaligned, flags that there are not, handles that no call can have.
pub fn malformed(host: &Host, call: usize, which: usize) {
    let rt = host.runtime;
    let mut words = [0_usize; 4];
    let odd: *mut u8 = words.as_mut_ptr().cast::<u8>().wrapping_add(1);
    let good = &raw mut words[3];
    let flags = c::Options { host: null_mut(), context: null_mut(), timeout_ms: 0, flags: 2 };
    let mut wide = null_mut();
    let iid: *const c::Guid = &c::IID_IUNKNOWN;
    let mut count = 1;
    // SAFETY: the pointers are NULL, misaligned, or good ones, as the functions allow
    let (code, expected) = unsafe {
        match which % 32 {
            0 => (c::cocancel_begin(rt, null(), null_mut()), E_INVALIDARG),
            1 => (c::cocancel_begin(rt, null(), odd.cast()), E_INVALIDARG),
            2 => (c::cocancel_begin(rt, odd.cast(), good), E_INVALIDARG),
            3 => (c::cocancel_begin(rt, &raw const flags, good), E_INVALIDARG),
            4 => (c::cocancel_begin_async(rt, odd.cast(), good), E_INVALIDARG),
            5 => (c::cocancel_begin_async(rt, null(), odd.cast()), E_INVALIDARG),
            6 => (c::cocancel_serve(rt, null(), null_mut()), E_INVALIDARG),
            7 => (c::cocancel_serve(rt, &raw const flags, good), E_INVALIDARG),
            8 => (c::cocancel_poll(rt, call, odd.cast()), E_INVALIDARG),
            9 => (c::cocancel_enter(rt, call, null_mut(), null_mut()), E_INVALIDARG),
            10 => (c::cocancel_enter(rt, call, odd.cast(), null_mut()), E_INVALIDARG),
            11 => (c::cocancel_enter(rt, call, good, odd.cast()), E_INVALIDARG),
            12 => (c::cocancel_complete(rt, call, odd.cast()), E_INVALIDARG),
            13 => (c::cocancel_abandon(rt, call, 0, odd.cast()), E_INVALIDARG),
            14 => (c::cocancel_cancel_thread(rt, 1, 0, 2), E_INVALIDARG),
            15 => (c::cocancel_cancel_call(rt, call, 0, 0x8000_0000), E_INVALIDARG),
            16 => (c::cocancel_snapshot(rt, null_mut(), null_mut()), E_INVALIDARG),
            17 => (c::cocancel_snapshot(rt, null_mut(), &raw mut count), E_INVALIDARG),
            18 => (c::cocancel_snapshot(rt, odd.cast(), &raw mut count), E_INVALIDARG),
            19 => (c::cocancel_object_of(rt, call, null(), &raw mut wide), E_INVALIDARG),
            20 => (c::cocancel_object_of(rt, call, iid, null_mut()), E_INVALIDARG),
            21 => (c::CoGetCancelObject(1, null(), &raw mut wide), E_INVALIDARG),
            22 => (c::CoGetCancelObject(1, iid, null_mut()), E_INVALIDARG),
            23 => (c::CoGetCancelObject(1, odd.cast(), &raw mut wide), E_INVALIDARG),
            24 => (c::CoSetCancelObject(odd.cast()), E_INVALIDARG),
            25 => (c::CoEnableCallCancellation(odd.cast()), E_INVALIDARG),
            26 => (c::CoDisableCallCancellation(odd.cast()), E_INVALIDARG),
            27 => (c::CoGetCallContext(null(), &raw mut wide), E_INVALIDARG),
            28 => (c::CoGetCallContext(iid, null_mut()), E_POINTER),
            29 => (c::CoSwitchCallContext(null_mut(), null_mut()), E_INVALIDARG),
            30 => (c::cocancel_init(c::ABI_VERSION + 1, rt, 1 << 20, 3, 3, port(), &raw mut wide), E_UNEXPECTED),
            _ => (c::cocancel_init(c::ABI_VERSION, rt, 100, 3, 3, port(), &raw mut wide), E_INVALIDARG),
        }
    };
    assert_eq!(code, expected, "malformed call {}", which % 32);
    assert!(wide.is_null());
    assert_eq!(words, [0; 4], "malformed call {}", which % 32);
}
