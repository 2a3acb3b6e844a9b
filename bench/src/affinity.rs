//! Pinning threads to CPUs.

use std::mem::{size_of, zeroed};

/// Keeps the calling thread on that CPU, if it may run there.
pub fn pin(cpu: usize) {
    // SAFETY: a set of CPUs is plain bits
    let mut set: libc::cpu_set_t = unsafe { zeroed() };
    // SAFETY: within the set, for every CPU number that is used here
    unsafe { libc::CPU_SET(cpu, &mut set) };
    // SAFETY: the set is valid and as large as said
    if unsafe { libc::sched_setaffinity(0, size_of::<libc::cpu_set_t>(), &raw const set) } != 0 {
        eprintln!("cannot pin to CPU {cpu}: {}", std::io::Error::last_os_error());
    }
}
