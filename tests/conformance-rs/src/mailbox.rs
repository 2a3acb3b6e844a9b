//! Work for another task, for hosts whose threads are tasks.

use core::future::poll_fn;
use core::task::Poll;

use atomic_waker::AtomicWaker;

use crate::Job;

/// Where a task finds what it is to do.
#[derive(Debug)]
pub struct Mailbox {
    job: Job,
    waker: AtomicWaker,
}

impl Mailbox {
    /// Nothing to do.
    #[allow(clippy::new_without_default)]
    pub const fn new() -> Self {
        Self { job: Job::new(), waker: AtomicWaker::new() }
    }

    /// The other task's life: does what it is asked to, for ever.
    pub async fn serve(&self) {
        loop {
            self.serve_once().await;
        }
    }

    /// Does one thing that it is asked to.
    pub async fn serve_once(&self) {
        poll_fn(|cx| {
            self.waker.register(cx.waker());
            if self.job.is_done() {
                return Poll::Pending;
            }
            self.job.tick(0);
            Poll::Ready(())
        })
        .await;
    }

    /// Has the other task run `f`, and waits until that is over.
    pub async fn ask(&self, f: fn()) {
        self.job.set(0, f);
        self.waker.wake();
        while !self.job.is_done() {
            yield_now().await;
        }
    }
}

/// Lets other tasks run.
pub async fn yield_now() {
    let mut yielded = false;
    poll_fn(|cx| {
        if yielded {
            return Poll::Ready(());
        }
        yielded = true;
        cx.waker().wake_by_ref();
        Poll::Pending
    })
    .await;
}
