//! Sleeping on a call's word.

use super::WaitPoint;

#[cfg(target_os = "linux")]
mod imp {
    use super::WaitPoint;

    /// Client and canceller sleep on the same word; the bitset keeps a wake from going to the other one.
    fn bit(point: &WaitPoint) -> u32 {
        point.side as u32
    }

    /// The kernel's `long`, which in x32 programs is not C's.
    #[cfg(target_arch = "x86_64")]
    type Long = i64;
    #[cfg(not(target_arch = "x86_64"))]
    type Long = libc::c_long;

    /// A time as this system call takes it, also where the C library's `timespec` is another by now (32 bits, with a `time_t` of 64).
    #[derive(Clone, Copy, PartialEq, Eq, Debug)]
    #[repr(C)]
    struct Time {
        seconds: Long,
        nanoseconds: Long,
    }

    pub(in super::super) fn wait(point: WaitPoint, ms: Option<u32>) {
        // FUTEX_WAIT_BITSET takes an absolute time on CLOCK_MONOTONIC
        let until = ms.map(|ms| later(now(), ms));
        futex(&point, libc::FUTEX_WAIT_BITSET, point.value, until.as_ref().map_or(core::ptr::null(), |until| until));
    }

    fn now() -> Time {
        let mut now = libc::timespec { tv_sec: 0, tv_nsec: 0 };
        // SAFETY: as in `monotonic_ms`
        unsafe { libc::clock_gettime(libc::CLOCK_MONOTONIC, &raw mut now) };
        Time { seconds: now.tv_sec as Long, nanoseconds: now.tv_nsec as Long }
    }

    /// So many milliseconds later.
    fn later(time: Time, ms: u32) -> Time {
        const SECOND: Long = 1_000_000_000;
        let seconds = time.seconds + (ms / 1000) as Long;
        let nanoseconds = time.nanoseconds + (ms % 1000) as Long * 1_000_000;
        if nanoseconds < SECOND {
            Time { seconds, nanoseconds }
        } else {
            Time { seconds: seconds + 1, nanoseconds: nanoseconds - SECOND }
        }
    }

    pub(in super::super) fn wake(point: WaitPoint) {
        // all: one who waited for the call that had the slot before may still be on its way, and must not take this wake
        futex(&point, libc::FUTEX_WAKE_BITSET, i32::MAX as u32, core::ptr::null());
    }

    /// Any error (the word has changed, a signal, the time is over) is a return without reason, which the contract allows.
    fn futex(point: &WaitPoint, operation: libc::c_int, value: u32, timeout: *const Time) {
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

    #[cfg(test)]
    mod tests {
        use super::{Time, later};

        #[test]
        fn nanoseconds_stay_below_a_second() {
            let after = |seconds, nanoseconds, ms| {
                let time = later(Time { seconds, nanoseconds }, ms);
                (time.seconds, time.nanoseconds)
            };
            assert_eq!(after(5, 7, 0), (5, 7));
            assert_eq!(after(5, 7, 2_003), (7, 3_000_007));
            assert_eq!(after(5, 999_000_000, 1), (6, 0));
            assert_eq!(after(5, 998_999_999, 1), (5, 999_999_999));
            assert_eq!(after(5, 999_999_999, 1_999), (7, 998_999_999));
            assert_eq!(after(5, 0, u32::MAX), (5 + 4_294_967, 295_000_000));
        }
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
