//! The rows of the specification, as scripts that the model must follow.
//!
//! Each row names its source: `[seed]` the reference page of CoCancelCall; `[doc]` the reference page of the function
//! or interface at hand; `[win]` observed on real Windows; `[wil]` relied on by Microsoft's own client code; `[dce]`
//! the DCE 1.1 RPC specification; `[old]` the 1998 pre-release reference; `[ours]` this project's decision.

mod bad_input;
mod cancelling;
mod capacity;
mod custom;
mod decided;
mod enabling;
mod objects;
mod script;
mod server;
mod testing;
mod threads;
mod time;
mod which;
