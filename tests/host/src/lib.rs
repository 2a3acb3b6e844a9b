//! What the tests of the library against its reference model share.
//!
//! | module | what |
//! |---|---|
//! | [`driver`] | performs the model's operations on the library |
//! | [`custom`] | COM objects of the tests' own |
//! | [`both`] | the library and the model side by side, in one thread |
//! | [`script`] | random steps become operations of threads, one at a time |
//! | [`scripted`] | a port on which one thread of the system plays several |
//! | [`stepped`] | a port for real threads, whose clock stands still until nobody runs |
//! | [`history`] | whether what real threads were answered could have come from one operation after the other |

pub mod both;
pub mod custom;
pub mod driver;
pub mod history;
pub mod script;
pub mod scripted;
pub mod stepped;

use parking_lot::Mutex;
use std::ptr::without_provenance_mut;

pub use both::Both;
use cocancel::CallOptions;
pub use driver::{Answer, Context, Driver};
pub use scripted::{ScriptedPort, Told};

/// The options of a call with the record `n` and, if `polls`, the wake context `n`.
pub fn options(n: u32, polls: bool) -> CallOptions {
    let pointer = without_provenance_mut(n as usize + 1);
    let options = CallOptions::new().host(pointer);
    // SAFETY: the contexts of these tests' ports are numbers
    if polls { unsafe { options.context(pointer) } } else { options }
}

/// A runtime that lives for ever, as its COM objects demand. It stays reachable, so that a leak checker does not name it.
pub fn forever<T>(value: T) -> &'static T {
    static ALL: Mutex<Vec<usize>> = Mutex::new(Vec::new());
    let value = Box::leak(Box::new(value));
    ALL.lock().push((&raw const *value).expose_provenance());
    value
}
