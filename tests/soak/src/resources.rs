//! What the process has: allocations, descriptors, threads, memory.

use std::alloc::{GlobalAlloc, Layout, System};
use std::fs;
use std::sync::atomic::{AtomicI64, Ordering};

/// The system's allocator, with a count of what lives.
pub struct Counting(AtomicI64);

impl Counting {
    pub const fn new() -> Self {
        Self(AtomicI64::new(0))
    }

    /// How many allocations of Rust code live.
    pub fn live(&self) -> i64 {
        // Relaxed: read when nobody runs
        self.0.load(Ordering::Relaxed)
    }
}

// SAFETY: the system's; the count allocates nothing
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        // Relaxed: only a number
        self.0.fetch_add(1, Ordering::Relaxed);
        // SAFETY: the caller's
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, block: *mut u8, layout: Layout) {
        // Relaxed: only a number
        self.0.fetch_sub(1, Ordering::Relaxed);
        // SAFETY: the caller's
        unsafe { System.dealloc(block, layout) }
    }
}

/// What the process has at one moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Resources {
    /// Allocations of Rust code.
    pub allocations: i64,
    /// Open descriptors.
    pub descriptors: usize,
    /// Threads.
    pub threads: usize,
    /// Resident memory in KiB.
    pub resident: u64,
}

impl Resources {
    /// Now.
    pub fn now(allocator: &Counting) -> Self {
        let count = |folder: &str| fs::read_dir(folder).map_or(0, Iterator::count);
        let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
        let resident =
            status.lines().find_map(|line| line.strip_prefix("VmRSS:")?.trim().strip_suffix("kB")?.trim().parse().ok());
        Self {
            descriptors: count("/proc/self/fd"),
            threads: count("/proc/self/task"),
            resident: resident.unwrap_or(0),
            allocations: allocator.live(),
        }
    }
}
