//! The thread-exit hook.
//!
//! glibc's `__cxa_thread_atexit_impl` keeps a shared library mapped until the threads that registered with it have run their
//! hooks, so unloading it with threads alive is harmless. Elsewhere a key's destructor does it, and the key is deleted when the
//! library is unloaded.

use super::default;
use std::cell::Cell;

std::thread_local! {
    /// The hook stands for this thread.
    static HOOKED: Cell<bool> = const { Cell::new(false) };
}

/// Has the calling thread detached when it ends.
pub(super) fn hook() {
    if !HOOKED.replace(true) {
        register();
    }
}

/// Runs when a thread ends that was attached.
unsafe extern "C" fn thread_exit(_: *mut libc::c_void) {
    // whoever attaches once more, in a destructor that runs later, gets a hook once more
    HOOKED.set(false);
    default::detach();
}

#[cfg(all(target_os = "linux", target_env = "gnu"))]
fn register() {
    unsafe extern "C" {
        fn __cxa_thread_atexit_impl(
            destructor: unsafe extern "C" fn(*mut libc::c_void),
            argument: *mut libc::c_void,
            library: *const libc::c_void,
        ) -> libc::c_int;
        static __dso_handle: u8;
    }
    let library: *const u8 = &raw const __dso_handle;
    // SAFETY: the handle is this object's own, as the linker defines it for this purpose. Out of memory: the thread's slot is purged
    // when its id attaches again
    unsafe { __cxa_thread_atexit_impl(thread_exit, core::ptr::null_mut(), library.cast()) };
}

#[cfg(not(all(target_os = "linux", target_env = "gnu")))]
use key::register;

#[cfg(not(all(target_os = "linux", target_env = "gnu")))]
mod key {
    use super::thread_exit;
    use std::sync::OnceLock;

    static KEY: OnceLock<Option<libc::pthread_key_t>> = OnceLock::new();

    pub(super) fn register() {
        let key = KEY.get_or_init(|| {
            let mut key = 0;
            // SAFETY: `key` is writable
            (unsafe { libc::pthread_key_create(&raw mut key, Some(thread_exit)) } == 0).then_some(key)
        });
        if let Some(key) = key {
            // any value but NULL makes the destructor run
            // SAFETY: the key was created
            unsafe { libc::pthread_setspecific(*key, (&raw const KEY).cast()) };
        }
    }

    /// Unloading: no destructor may point into memory that is gone.
    extern "C" fn unload() {
        if let Some(Some(key)) = KEY.get() {
            // SAFETY: the key was created, and nobody uses a library that is being unloaded
            unsafe { libc::pthread_key_delete(*key) };
        }
    }

    #[used]
    #[cfg_attr(not(target_vendor = "apple"), unsafe(link_section = ".fini_array"))]
    #[cfg_attr(target_vendor = "apple", unsafe(link_section = "__DATA,__mod_term_func"))]
    static UNLOAD: extern "C" fn() = unload;
}
