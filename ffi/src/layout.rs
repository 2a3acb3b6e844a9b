//! How large a runtime's storage is, for compile-time arrays in C. The constants are the header's; the assertions hold them to
//! what Rust makes of the types.

use core::mem::{align_of, size_of};

use cocancel::{CallSlot, IndexCell, ThreadSlot};

use crate::target::cocancel_runtime;

/// Alignment of a runtime's storage, in bytes.
#[cfg(not(target_os = "none"))]
pub const COCANCEL_STORAGE_ALIGN: usize = 64;
/// Alignment of a runtime's storage, in bytes.
#[cfg(target_os = "none")]
pub const COCANCEL_STORAGE_ALIGN: usize = 8;

/// Bytes of a call slot.
#[cfg(not(target_os = "none"))]
pub const COCANCEL_CALL_SIZE: usize = 64;
/// Bytes of a call slot.
#[cfg(all(target_os = "none", feature = "com"))]
pub const COCANCEL_CALL_SIZE: usize = 44;
/// Bytes of a call slot.
#[cfg(all(target_os = "none", not(feature = "com")))]
pub const COCANCEL_CALL_SIZE: usize = 32;

/// Bytes of a thread slot, in which on hosts a call slot of the thread's own is included.
#[cfg(not(target_os = "none"))]
pub const COCANCEL_THREAD_SIZE: usize = 128;
/// Bytes of a thread slot, in which on hosts a call slot of the thread's own is included.
#[cfg(all(target_os = "none", feature = "com"))]
pub const COCANCEL_THREAD_SIZE: usize = 20;
/// Bytes of a thread slot, in which on hosts a call slot of the thread's own is included.
#[cfg(all(target_os = "none", not(feature = "com")))]
pub const COCANCEL_THREAD_SIZE: usize = 16;

/// Bytes of the index for each thread, where there is one.
#[cfg(not(target_os = "none"))]
pub const COCANCEL_INDEX_SIZE: usize = 16;
/// Bytes of the index for each thread, where there is one.
#[cfg(target_os = "none")]
pub const COCANCEL_INDEX_SIZE: usize = 0;

/// Bytes of a runtime without its tables.
#[cfg(not(target_os = "none"))]
pub const COCANCEL_RUNTIME_SIZE: usize = 384;
/// Bytes of a runtime without its tables.
#[cfg(all(target_os = "none", feature = "com"))]
pub const COCANCEL_RUNTIME_SIZE: usize = 72;
/// Bytes of a runtime without its tables.
#[cfg(all(target_os = "none", not(feature = "com")))]
pub const COCANCEL_RUNTIME_SIZE: usize = 48;

/// With more threads than this the storage has an index, but for targets without an operating system; without one look-ups scan the threads.
pub const COCANCEL_INDEXED_ABOVE: usize = 16;

const _: () = assert!(size_of::<CallSlot>() <= COCANCEL_CALL_SIZE);
const _: () = assert!(size_of::<ThreadSlot>() <= COCANCEL_THREAD_SIZE);
const _: () = assert!(size_of::<cocancel_runtime>() <= COCANCEL_RUNTIME_SIZE);
#[cfg(not(target_os = "none"))]
const _: () = assert!(size_of::<IndexCell>() * 2 == COCANCEL_INDEX_SIZE);
const _: () = assert!(align_of::<cocancel_runtime>() <= COCANCEL_STORAGE_ALIGN);
const _: () = assert!(align_of::<CallSlot>() <= COCANCEL_STORAGE_ALIGN);
const _: () = assert!(align_of::<ThreadSlot>() <= COCANCEL_STORAGE_ALIGN);

/// Where the tables stand in the storage.
pub(crate) struct Layout {
    pub(crate) calls: usize,
    pub(crate) threads: usize,
    #[cfg(not(target_os = "none"))]
    pub(crate) index: usize,
    pub(crate) cells: usize,
    pub(crate) size: usize,
}

/// The layout for that many calls and threads; `None` if it is larger than memory.
pub(crate) fn layout(calls: usize, threads: usize) -> Option<Layout> {
    let first = COCANCEL_RUNTIME_SIZE;
    let thread_table = first.checked_add(calls.checked_mul(COCANCEL_CALL_SIZE)?)?;
    let index = thread_table.checked_add(threads.checked_mul(COCANCEL_THREAD_SIZE)?)?;
    let is_indexed = COCANCEL_INDEX_SIZE != 0 && threads > COCANCEL_INDEXED_ABOVE;
    let cells = if is_indexed { threads.checked_mul(2)? } else { 0 };
    let size = index.checked_add(cells.checked_mul(size_of::<IndexCell>())?)?;
    Some(Layout {
        calls: first,
        threads: thread_table,
        #[cfg(not(target_os = "none"))]
        index,
        cells,
        size,
    })
}
