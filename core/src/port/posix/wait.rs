//! Sleeping on a call's word.

use super::WaitPoint;

#[cfg(target_os = "linux")]
mod imp {
    use super::WaitPoint;

    /// Client and canceller sleep on the same word; the bitset keeps a wake from going to the other one.
    fn bit(point: &WaitPoint) -> u32 {
        point.side as u32
    }

    pub(in super::super) fn wait(point: WaitPoint, ms: Option<u32>) {
        // FUTEX_WAIT_BITSET takes an absolute time on CLOCK_MONOTONIC
        let mut until = libc::timespec { tv_sec: 0, tv_nsec: 0 };
        let mut timeout: *const libc::timespec = core::ptr::null();
        if let Some(ms) = ms {
            // SAFETY: as in `monotonic_ms`
            unsafe { libc::clock_gettime(libc::CLOCK_MONOTONIC, &raw mut until) };
            until.tv_sec += (ms / 1000) as libc::time_t;
            until.tv_nsec += i64::from(ms % 1000) as libc::c_long * 1_000_000;
            if until.tv_nsec >= 1_000_000_000 {
                until.tv_sec += 1;
                until.tv_nsec -= 1_000_000_000;
            }
            timeout = &raw const until;
        }
        futex(&point, libc::FUTEX_WAIT_BITSET, point.value, timeout);
    }

    pub(in super::super) fn wake(point: WaitPoint) {
        // all: one who waited for the call that had the slot before may still be on its way, and must not take this wake
        futex(&point, libc::FUTEX_WAKE_BITSET, i32::MAX as u32, core::ptr::null());
    }

    /// Any error (the word has changed, a signal, the time is over) is a return without reason, which the contract allows.
    fn futex(point: &WaitPoint, operation: libc::c_int, value: u32, timeout: *const libc::timespec) {
        // a late wake of a canceller that was killed must not leave errno changed for the host
        // SAFETY: the thread's own errno
        let errno = unsafe { *libc::__errno_location() };
        let operation = operation | libc::FUTEX_PRIVATE_FLAG;
        let nobody: *const u32 = core::ptr::null();
        // SAFETY: the word is one of the runtime's storage, which outlives its waiters and wakers; the timeout is NULL or valid
        unsafe { libc::syscall(libc::SYS_futex, point.word, operation, value, timeout, nobody, bit(point)) };
        // SAFETY: as above
        unsafe { *libc::__errno_location() = errno };
    }
}

#[cfg(not(target_os = "linux"))]
mod imp {
    use super::WaitPoint;
    use std::sync::{Condvar, Mutex, PoisonError};
    use std::time::Duration;

    // A few shared pairs: a wake on one of them wakes whoever shares it, which is a return without reason for the others.
    static BUCKETS: [(Mutex<()>, Condvar); 16] = [const { (Mutex::new(()), Condvar::new()) }; 16];

    fn bucket(word: *const u32) -> &'static (Mutex<()>, Condvar) {
        &BUCKETS[(word.addr() >> 6) & 15]
    }

    pub(in super::super) fn wait(point: WaitPoint, ms: Option<u32>) {
        let (mutex, condition) = bucket(point.word);
        let guard = mutex.lock().unwrap_or_else(PoisonError::into_inner);
        // SAFETY: the word is one of the runtime's storage
        if !unsafe { crate::sync::still_is(point.word, point.value) } {
            return;
        }
        match ms {
            None => drop(condition.wait(guard)),
            Some(ms) => drop(condition.wait_timeout(guard, Duration::from_millis(ms.into()))),
        }
    }

    pub(in super::super) fn wake(point: WaitPoint) {
        let (mutex, condition) = bucket(point.word);
        // whoever compared the word before it changed sleeps by the time we have the mutex
        drop(mutex.lock());
        condition.notify_all();
    }
}

pub(super) use imp::{wait, wake};
