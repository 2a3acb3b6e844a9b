//! The names by which callers on Windows reach the COM functions: the headers there declare them as imported from a DLL, so that a
//! call goes through a pointer `__imp_CoCancelCall`. Without it the linker would take ole32's, and say nothing.

use core::ffi::c_void;

use cocancel::Hresult;
use cocancel::com::Guid;

use crate::com;

/// `name` is the symbol without the prefix that 32-bit x86 puts before each, and with the bytes of arguments behind it there.
macro_rules! import {
    ($function:ident, $bytes:literal, fn($($argument:ty),*)) => {
        #[cfg_attr(target_arch = "x86", unsafe(export_name = concat!("_imp__", stringify!($function), "@", $bytes)))]
        #[cfg_attr(not(target_arch = "x86"), unsafe(export_name = concat!("__imp_", stringify!($function))))]
        static $function: unsafe extern "system" fn($($argument),*) -> Hresult = com::$function;
    };
}

import!(CoCancelCall, "8", fn(u32, u32));
import!(CoGetCancelObject, "12", fn(u32, *const Guid, *mut *mut c_void));
import!(CoSetCancelObject, "4", fn(*mut c_void));
import!(CoTestCancel, "0", fn());
import!(CoEnableCallCancellation, "4", fn(*mut c_void));
import!(CoDisableCallCancellation, "4", fn(*mut c_void));
import!(CoGetCallContext, "8", fn(*const Guid, *mut *mut c_void));
import!(CoSwitchCallContext, "8", fn(*mut c_void, *mut *mut c_void));
