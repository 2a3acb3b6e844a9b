//! Calls as futures on tokio, with any number of worker threads: a cancelled call resolves its future, a dropped future cancels its call,
//! and the server's side awaits being asked to stop.
//!
//! Calls are asynchronous ones of the library's, since a task moves between threads: they are on no thread's stack, and are cancelled by their
//! handle. The wake context of a call is one reference to its `Wakers`, which the library gives back through its hook `retire` when nobody can
//! use it any more. The crate of ports/tasks does the same without a heap, for executors on one core.

use std::future::poll_fn;
use std::pin::Pin;
use std::sync::{Arc, Mutex, Once, PoisonError};
use std::task::{Context, Poll};
use std::time::Duration;

use atomic_waker::AtomicWaker;
use cocancel::port::posix::{self, Hooks, runtime};
use cocancel::{CallHandle, CallOptions, Hresult, Outcome, Poll as State, Timeout, Waiting};
use tokio::time::{Sleep, sleep};

/// Who is to be woken for a call. It is what the wake context points to.
#[derive(Default, Debug)]
struct Wakers {
    client: AtomicWaker,
    server: AtomicWaker,
}

impl Wakers {
    /// Behind a wake context.
    fn of<'a>(context: *mut ()) -> Option<&'a Self> {
        // SAFETY: contexts of this program's calls come from `Arc::into_raw` in `call`, and that reference lives until `retire`
        unsafe { context.cast_const().cast::<Self>().as_ref() }
    }
}

/// What the calls need, for a program with hooks of its own: `Hooks { event, ..cocancel_tokio::HOOKS }`, to be given to [`set_hooks`].
/// They take each wake context for one of [`call`]'s, or NULL.
pub const HOOKS: Hooks = Hooks {
    wake: |context| {
        if let Some(wakers) = Wakers::of(context) {
            wakers.client.wake();
        }
    },
    retire: |context| {
        if !context.is_null() {
            // SAFETY: the reference that `call` made, given back once
            drop(unsafe { Arc::from_raw(context.cast_const().cast::<Wakers>()) });
        }
    },
    cancel_requested: |_, context, _| {
        if let Some(wakers) = Wakers::of(context) {
            wakers.server.wake();
        }
    },
    orphaned: |_| {},
    event: |_| {},
};

static SET: Once = Once::new();

/// Sets hooks of the program's own in place of [`HOOKS`], whose functions they call, too. To be called before the first [`call`]; later it does
/// nothing.
pub fn set_hooks(hooks: &'static Hooks) {
    SET.call_once(|| posix::set_hooks(Some(hooks)));
}

/// What both sides of a call share. The reply is here and not in a record of the host's: then nobody has to know who owns it.
#[derive(Debug)]
struct Shared<T> {
    handle: CallHandle,
    wakers: Arc<Wakers>,
    reply: Mutex<Option<T>>,
}

impl<T> Shared<T> {
    fn put(&self, reply: Option<T>) -> Option<T> {
        std::mem::replace(&mut self.reply.lock().unwrap_or_else(PoisonError::into_inner), reply)
    }
}

/// The client's side of a call: a future of its reply. Dropping it cancels the call.
#[must_use = "dropping it cancels the call"]
#[derive(Debug)]
pub struct Call<T> {
    shared: Arc<Shared<T>>,
    deadline: Option<Pin<Box<Sleep>>>,
    finished: bool,
}

/// The server's side of a call. Dropping it fails the call with `RPC_E_SERVER_DIED`.
#[must_use = "dropping it fails the call"]
#[derive(Debug)]
pub struct Server<T> {
    shared: Arc<Shared<T>>,
    answered: bool,
}

/// Cancels a call from anywhere, also after its end.
#[derive(Clone, Copy, Debug)]
pub struct Canceller(CallHandle);

/// Begins a call. `timeout`: the call's own.
///
/// The first one sets [`HOOKS`] for the whole process, in place of any that were there, unless [`set_hooks`] of this crate was called before. Hooks
/// that somebody sets later, as `cocancel_inspect::hooks` does, take the wakes away: futures then do not resolve.
///
/// # Errors
///
/// `E_OUTOFMEMORY`: as many calls are out as there can be; see `set_capacity`.
pub fn call<T>(timeout: Option<Duration>) -> Result<(Call<T>, Server<T>), Hresult> {
    set_hooks(&HOOKS);
    let wakers = Arc::new(Wakers::default());
    let context = Arc::into_raw(Arc::clone(&wakers)).cast_mut().cast();
    let mut options = CallOptions::new();
    if let Some(timeout) = timeout {
        options = options.timeout(millis(timeout));
    }
    // SAFETY: the hooks above understand it, and it lives until `retire`
    let begun = runtime().begin_async(unsafe { options.context(context) });
    if let Err(code) = begun.cancellable {
        // a call without a slot never uses its context
        (HOOKS.retire)(context);
        let _ = runtime().finish(begun.call);
        return Err(code);
    }
    let shared = Arc::new(Shared { handle: begun.call, wakers, reply: Mutex::new(None) });
    Ok((Call { shared: Arc::clone(&shared), deadline: None, finished: false }, Server { shared, answered: false }))
}

/// Upwards, so that no deadline is early.
fn millis(duration: Duration) -> Timeout {
    let ms = u32::try_from(duration.as_nanos().div_ceil(1_000_000)).unwrap_or(u32::MAX);
    Timeout::millis(ms)
}

impl<T> Call<T> {
    /// What cancels it.
    #[must_use]
    pub fn canceller(&self) -> Canceller {
        Canceller(self.shared.handle)
    }

    /// Ends the client's side once.
    fn finish(&mut self) -> Result<Outcome, Hresult> {
        self.finished = true;
        runtime().finish(self.shared.handle)
    }
}

impl<T> Future for Call<T> {
    /// The reply; `RPC_E_CALL_CANCELED`; or what the server's side failed with.
    type Output = Result<T, Hresult>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        assert!(!self.finished, "polled after its end");
        // the waker first, then the look: a wake that comes after the look finds it
        self.shared.wakers.client.register(cx.waker());
        loop {
            match runtime().poll(self.shared.handle)? {
                State::Ended(_) => break,
                State::Pending(None) => return Poll::Pending,
                State::Pending(Some(ms)) => {
                    // at least one, so that a look too early does not spin
                    let mut deadline = Box::pin(sleep(Duration::from_millis(u64::from(ms.max(1)))));
                    if deadline.as_mut().poll(cx).is_pending() {
                        self.deadline = Some(deadline);
                        return Poll::Pending;
                    }
                }
            }
        }
        Poll::Ready(match self.finish()? {
            Outcome::Completed => self.shared.put(None).ok_or(Hresult::E_UNEXPECTED),
            Outcome::Failed(code) => Err(code),
            Outcome::Canceled => Err(Hresult::RPC_E_CALL_CANCELED),
        })
    }
}

impl<T> Drop for Call<T> {
    fn drop(&mut self) {
        if !self.finished {
            let _ = self.finish();
        }
    }
}

impl<T> Server<T> {
    /// Whether the client is gone or has asked to stop. One load.
    #[must_use]
    pub fn is_canceled(&self) -> bool {
        // a handle that is not known any more: nobody waits for the reply
        runtime().test_call(self.shared.handle) != Hresult::RPC_S_CALLPENDING
    }

    /// Waits for that.
    pub async fn canceled(&self) {
        poll_fn(|cx| {
            self.shared.wakers.server.register(cx.waker());
            if self.is_canceled() { Poll::Ready(()) } else { Poll::Pending }
        })
        .await;
    }

    /// Answers. The reply comes back if the client has been released before.
    ///
    /// # Errors
    ///
    /// The reply that nobody took.
    pub fn answer(mut self, reply: T) -> Result<(), T> {
        self.answered = true;
        self.shared.put(Some(reply));
        match runtime().complete(self.shared.handle) {
            Ok(cocancel::Reply::Delivered) => Ok(()),
            _ => self.shared.put(None).map_or(Ok(()), Err),
        }
    }
}

impl<T> Drop for Server<T> {
    fn drop(&mut self) {
        if !self.answered {
            let _ = runtime().abandon(self.shared.handle, Hresult::RPC_E_SERVER_DIED);
        }
    }
}

impl Canceller {
    /// Asks to cancel the call; its client is released after `grace` at the latest. Never waits.
    ///
    /// # Errors
    ///
    /// As `Runtime::cancel_call` answers: `RPC_E_CALL_COMPLETE` or `E_INVALIDARG` (its handle is gone) after its end,
    /// `RPC_E_CALL_CANCELED` if somebody asked before.
    pub fn cancel(self, grace: Duration) -> Result<(), Hresult> {
        runtime().cancel_call(self.0, millis(grace), Waiting::Never).ok()
    }
}
