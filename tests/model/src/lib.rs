//! The sequential reference model of call cancellation.
//!
//! This crate says what the library must answer, written as plainly as possible: maps, enums and `match`, one operation
//! at a time. It shares no code with the library. Tests hold the two against each other: property tests run the same
//! operations on both, and the checker of concurrent histories searches for an order of the operations that this
//! model accepts.
//!
//! # How to use it
//!
//! A driver calls [`Model::start`] with who acts ([`Caller`]) and what ([`Op`]). The answer is [`Step::Done`] with a
//! [`Reply`], or [`Step::Waiting`] for the two operations that block: [`Op::Wait`] and a waiting cancel. A thread that
//! waits starts nothing else; [`Model::resume`] lets it look again, and answers its reply once it may return.
//! Time passes only through [`Op::Advance`].
//!
//! The driver names the calls, frames and references that an operation makes, so that the names in a history do not
//! depend on the order in which a checker tries the operations, and equal states compare equal.
//!
//! # What the driver must observe
//!
//! - A name is used once. A handle, frame or reference that was never made counts as forged or stale.
//! - Only the client of a call polls it and waits for it.
//! - A marker (a call without a slot) is finished once, by the thread that began it.
//! - A standard context that was switched in by hand is switched out while its call still holds its slot.
//! - A thread that dies without [`Op::ThreadExit`], and whose id then appears on a new thread, is told to the model as
//!   a `ThreadExit` just before the new thread's first operation that needs a thread slot.
//!
//! # What one operation is
//!
//! Every operation happens at once here. Some do not in the library, so a checker of concurrent histories treats them as
//! several, one after the other within the interval of the one operation:
//!
//! | operation | is |
//! |---|---|
//! | [`Op::CancelThread`] | [`Op::GetCancelObject`], [`Op::CancelObject`], [`Op::Release`] |
//! | [`Op::Finish`] | [`Part::Unlink`], [`Part::End`] |
//! | [`Op::Tick`] | [`Part::Look`] for each call, in any order |
//! | [`Op::ThreadExit`] | [`Op::Abandon`] and [`Op::Leave`] for each frame, `Unlink` and `End` for each call, innermost first; then the rest |
//!
//! While an operation on a call runs it may keep the call's slot, as if it held a reference.

mod cancel;
mod client;
pub mod hresult;
mod model;
mod objects;
mod op;
mod reply;
mod server;
mod thread;

pub use model::{Config, CustomObject, Model};
pub use op::{
    CallId, Caller, CustomId, FrameId, Iid, Malformed, Object, Op, Part, ReferenceId, ThreadId, Timeout, seconds,
};
pub use reply::{Effects, Owner, Phase, Reply, Step, Wake};
