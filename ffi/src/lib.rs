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

#![no_std]
#![allow(non_camel_case_types)] // C's names

mod cancel;
mod client;
#[cfg(feature = "com")]
#[allow(non_snake_case, clippy::upper_case_acronyms)] // the names of the Win32 reference
mod com;
mod layout;
mod port;
mod runtime;
mod server;
mod target;
mod thread;

/// Without std nobody else brings one. No code of this library panics; the linker drops it.
#[cfg(not(feature = "posix"))]
#[panic_handler]
fn panic(_: &core::panic::PanicInfo<'_>) -> ! {
    loop {}
}
