//! The C names of cocancel. No decisions of its own: it checks pointers and handles, and calls the core.
//!
//! | module | C functions |
//! |---|---|
//! | [`runtime`] | init, deinit, default runtime, capacity, version, names |
//! | [`port`] | the port as a struct of function pointers, hooks |
//! | [`thread`] | enable, disable, thread exit, thread id |
//! | [`client`] | begin, poll, wait, finish |
//! | [`server`] | serve, enter, leave, complete, abandon, test |
//! | [`cancel`] | cancel by thread or handle, tick, snapshot |
//! | [`com`] | the eight COM functions |
//! | `imports` | the COM functions as Windows' headers call them |
//! | `windows` | the entry point of a DLL |

#![no_std]
#![allow(non_camel_case_types)] // C's names

mod cancel;
mod client;
#[cfg(feature = "com")]
#[allow(non_snake_case, clippy::upper_case_acronyms)] // the names of the Win32 reference
mod com;
#[cfg(all(feature = "com", windows, not(cocancel_host_com)))]
#[allow(non_upper_case_globals)] // the functions' names
mod imports;
mod layout;
mod port;
mod runtime;
mod server;
mod target;
mod thread;
#[cfg(all(feature = "windows", windows))]
mod windows;

/// The port with the built-in default runtime.
#[cfg(all(feature = "posix", not(windows)))]
use cocancel::port::posix::{self as builtin, PosixRuntime as BuiltIn};
#[cfg(all(feature = "windows", windows))]
use cocancel::port::windows::{self as builtin, WindowsRuntime as BuiltIn};

/// Without std nobody else brings one. No code of this library panics; the linker drops it.
#[cfg(not(feature = "posix"))]
#[panic_handler]
fn panic(_: &core::panic::PanicInfo<'_>) -> ! {
    loop {}
}
