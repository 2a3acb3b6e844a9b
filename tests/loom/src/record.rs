//! A host's record of a call: its reply buffer, which belongs to one side after the other.

use std::sync::atomic::{AtomicU32, Ordering::Relaxed};

use cocancel::{CallOptions, Outcome, Reply};
use loom::cell::UnsafeCell;

/// The reply that the server leaves.
const ANSWER: u32 = 42;

/// A record. Its memory outlives its end, and loom reports accesses that are not ordered.
#[derive(Debug)]
pub struct Record {
    reply: UnsafeCell<Option<u32>>,
    disposed: AtomicU32,
}

// SAFETY: loom reports what is not ordered
unsafe impl Sync for Record {}
// SAFETY: as above
unsafe impl Send for Record {}

impl Record {
    /// A record without a reply.
    #[must_use]
    pub fn new() -> &'static Record {
        Box::leak(Box::new(Record { reply: UnsafeCell::new(None), disposed: AtomicU32::new(0) }))
    }

    /// The host's pointer.
    #[must_use]
    pub fn host(&'static self) -> *mut () {
        (&raw const *self).cast_mut().cast()
    }

    /// Options of a call with this record.
    pub fn call(&'static self) -> CallOptions {
        CallOptions::new().host(self.host())
    }

    /// The server leaves its reply, before it completes.
    pub fn answer(&self) {
        // SAFETY: loom reports an access by another side
        self.reply.with_mut(|reply| unsafe { *reply = Some(ANSWER) });
    }

    /// The end of the record, whoever's it is.
    fn dispose(&self) {
        // SAFETY: loom reports an access by another side
        self.reply.with_mut(|reply| unsafe { *reply = None });
        self.disposed.fetch_add(1, Relaxed);
    }

    /// The client after `finish`: takes the reply if the record is its own, and disposes of it.
    pub fn client_is_done(&self, outcome: Outcome) {
        match outcome {
            Outcome::Completed => {
                // SAFETY: loom reports an access by another side
                self.reply.with(|reply| assert_eq!(unsafe { *reply }, Some(ANSWER), "another reply than its server's"));
                self.dispose();
            }
            Outcome::Failed(_) => self.dispose(),
            Outcome::Canceled => {}
        }
    }

    /// The server's side after `complete` or `abandon`: disposes of the record if it is orphaned.
    pub fn server_is_done(&'static self, reply: Reply) {
        match reply {
            Reply::Orphaned(host) => self.refused(host),
            Reply::Delivered => {}
        }
    }

    /// The server's side after a refused `enter`, with what that handed over.
    pub fn refused(&'static self, host: *mut ()) {
        assert_eq!(host, self.host(), "another call's record");
        self.dispose();
    }

    /// How often it was disposed of: once in the end.
    pub fn assert_disposed_once(&self) {
        assert_eq!(self.disposed.load(Relaxed), 1, "exactly one owner");
    }
}
