//! cocancel: COM call cancellation, `CoCancelCall` and its family, as a lock-free core without heap.
#![no_std]
#![deny(missing_docs)]
#![allow(clippy::new_without_default)] // these constructors are const, which Default's cannot be

#[cfg(any(test, loom, cocancel_steps, feature = "posix"))]
extern crate std;

/// The READMEs' examples are tests.
#[cfg(all(doctest, feature = "posix"))]
#[doc = include_str!("../../README.md")]
#[doc = include_str!("../README.md")]
struct Readme;

mod call;
#[cfg(feature = "com")]
pub mod com;
#[cfg(all(feature = "defmt", not(loom)))]
pub mod defmt;
mod event;
mod global;
mod guard;
mod handle;
mod hresult;
mod index;
pub mod port;
mod request;
mod runtime;
mod stack;
mod state;
mod storage;
mod sync;
mod thread;
mod time;

pub use call::CallSlot;
pub use event::{Event, EventKind};
pub use global::{Global, Life};
pub use guard::{Call, Enabled, Serving};
pub use handle::CallHandle;
pub use hresult::Hresult;
pub use index::IndexCell;
pub use port::{Port, Side, WaitPoint};
pub use runtime::Runtime;
pub use runtime::cancel::{CancelObject, Waiting};
pub use runtime::client::{Begun, CallOptions, Outcome, Poll};
pub use runtime::inspect::CallInfo;
pub use runtime::server::{Refusal, Reply};
pub use state::Phase;
pub use storage::{Borrowed, Fixed, Storage, Unindexed, is_valid_capacity};
#[cfg(cocancel_steps)]
#[doc(hidden)]
pub use sync::stepped::before_each_atomic_operation;
pub use thread::ThreadSlot;
pub use time::Timeout;
