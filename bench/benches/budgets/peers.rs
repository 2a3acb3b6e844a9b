//! The peers that are written in C and C++ (`peers/`).

use std::ffi::c_void;
use std::time::Duration;

use crate::sample::{Subject, timed};

unsafe extern "C" {
    fn peer_stop_requested(n: u64) -> u64;
    fn peer_stop_callback(n: u64);
    fn peer_request_stop(n: u64) -> u64;
    fn peer_testcancel(n: u64);
    fn peer_mutex_pair(n: u64);
    fn peer_registry(first: u32, threads: u32) -> *mut c_void;
    fn peer_registry_free(registry: *mut c_void);
    fn peer_registry_find(registry: *mut c_void, ids: *const u32, n: u64) -> u64;
    fn peer_registry_take(registry: *mut c_void, ids: *const u32, n: u64) -> u64;
    fn peer_registry_cancel(registry: *mut c_void, ids: *const u32, n: u64) -> u64;
    fn peer_registry_bracket(registry: *mut c_void, id: u32, n: u64);
    #[cfg(has_glib)]
    fn peer_g_is_cancelled(n: u64) -> u64;
    #[cfg(has_glib)]
    fn peer_g_push_pop(n: u64);
    #[cfg(has_glib)]
    fn peer_g_cancel(n: u64) -> u64;
}

/// `std::stop_token::stop_requested` in a loop that ends when it says so.
pub fn stop_requested() -> Subject<'static> {
    // SAFETY: takes a number only
    timed(|n| assert_eq!(unsafe { peer_stop_requested(n) }, n))
}

/// A `std::stop_callback` made and destroyed.
pub fn stop_callback() -> Subject<'static> {
    // SAFETY: takes a number only
    timed(|n| unsafe { peer_stop_callback(n) })
}

/// `std::stop_source::request_stop`.
pub fn request_stop() -> Subject<'static> {
    // SAFETY: takes a number only
    Box::new(|n| Duration::from_nanos(unsafe { peer_request_stop(n) }))
}

/// `pthread_testcancel`.
pub fn testcancel() -> Subject<'static> {
    // SAFETY: takes a number only
    timed(|n| unsafe { peer_testcancel(n) })
}

/// A pthread mutex locked and unlocked.
pub fn mutex_pair() -> Subject<'static> {
    // SAFETY: takes a number only
    timed(|n| unsafe { peer_mutex_pair(n) })
}

/// `g_cancellable_get_current` and `g_cancellable_is_cancelled`.
#[cfg(has_glib)]
pub fn g_is_cancelled() -> Subject<'static> {
    // SAFETY: takes a number only
    timed(|n| assert_eq!(unsafe { peer_g_is_cancelled(n) }, 0))
}

/// `g_cancellable_push_current` and `g_cancellable_pop_current`.
#[cfg(has_glib)]
pub fn g_push_pop() -> Subject<'static> {
    // SAFETY: takes a number only
    timed(|n| unsafe { peer_g_push_pop(n) })
}

/// `g_cancellable_cancel`.
#[cfg(has_glib)]
pub fn g_cancel() -> Subject<'static> {
    // SAFETY: takes a number only
    Box::new(|n| Duration::from_nanos(unsafe { peer_g_cancel(n) }))
}

/// A `std::mutex` with a `std::unordered_map` of threads.
pub struct Registry(*mut c_void);

impl Registry {
    /// With the ids from `first` on.
    pub fn new(first: u32, threads: u32) -> Self {
        // SAFETY: takes numbers only
        Self(unsafe { peer_registry(first, threads) })
    }

    /// How many of the ids are there.
    pub fn find(&self, ids: &[u32]) -> u64 {
        // SAFETY: the registry is alive, and the ids are as many as said
        unsafe { peer_registry_find(self.0, ids.as_ptr(), ids.len() as u64) }
    }

    /// Takes and drops a reference to the object of each id; how many there are.
    pub fn take(&self, ids: &[u32]) -> u64 {
        // SAFETY: as above
        unsafe { peer_registry_take(self.0, ids.as_ptr(), ids.len() as u64) }
    }

    /// Marks what belongs to the ids; how many there are.
    pub fn cancel(&self, ids: &[u32]) -> u64 {
        // SAFETY: as above
        unsafe { peer_registry_cancel(self.0, ids.as_ptr(), ids.len() as u64) }
    }

    /// Enters and removes one more id, `n` times.
    pub fn bracket(&self, id: u32, n: u64) {
        // SAFETY: the registry is alive
        unsafe { peer_registry_bracket(self.0, id, n) }
    }
}

impl Drop for Registry {
    fn drop(&mut self) {
        // SAFETY: it came from `peer_registry`, and nobody uses it any more
        unsafe { peer_registry_free(self.0) }
    }
}
