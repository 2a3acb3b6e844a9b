//! Random interleavings, atomic operation by atomic operation, of threads that do all that a host may do.
//!
//! Four threads begin, wait, poll, finish, serve, cancel, test, keep cancel objects, register objects of their own, switch call contexts, and
//! exit. A fifth serves what nobody else does once nobody else can go on. Interrupt handlers cut into the four and into one another, hooks of
//! the port and foreign `Release`s call back in, and in some plays one of the four is killed, after which in some another starts with its id.
//! The port wakes by words in some plays, by contexts in others. All is drawn from the seed, the clock included: a seed is played in the same
//! way on every machine.
//!
//! Which answers are right is not asked here, as by the model elsewhere, but what must be so whatever the order: one owner for each record,
//! each context retired once and not used afterwards, one elected canceller, clients free by the deadline that a canceller was promised,
//! nobody asleep for ever, and nothing left in the end.
//!
//! A failure names its seed. One seed, with all that the threads do in it, or many, from the first on:
//!
//! ```sh
//! export RUSTFLAGS="--cfg cocancel_steps"
//! TRACE=1 FROM=7 SEEDS=1 cargo test --release -p cocancel-kill-anywhere --test interleaved -- --nocapture
//! FROM=1000000 SEEDS=1000000 cargo test --release -p cocancel-kill-anywhere --test interleaved
//! ```
//!
//! | module | what |
//! |---|---|
//! | `world` | what all share: the dice, the clock, the threads, and what is known of each call |
//! | `schedule` | who goes on, and when time passes |
//! | `port` | between the threads and the library |
//! | `contexts` | whose the wake contexts are, and how a thread sleeps on them |
//! | `calls` | the operations, each with what it makes known |
//! | `cancelling` | those of cancellers |
//! | `objects` | COM objects, the library's and the host's |
//! | `actors` | what a thread does in its life |
//! | `intruders` | what interrupt handlers and hooks do |
//! | `verdict` | what must be so |

mod actors;
mod calls;
mod cancelling;
mod contexts;
mod intruders;
mod objects;
mod port;
mod schedule;
mod verdict;
mod world;

pub use schedule::play;
