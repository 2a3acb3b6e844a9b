//! Awaiting calls.

use core::pin::Pin;
use core::task::{Context, Poll};

use cocancel::{CallHandle, CancelObject, Hresult, Outcome, Poll as State, Runtime, Storage, Timeout};

use crate::{System, Tasks};

type On<S, T, const N: usize> = Runtime<Tasks<S, N>, T>;

/// Waits for the end of a call that the calling task began with [`Tasks::options`]. Dropping it does nothing to the call.
pub fn ended<S: System, T: Storage, const N: usize>(runtime: &On<S, T, N>, call: CallHandle) -> Ended<'_, S, T, N> {
    Ended { runtime, call }
}

/// See [`ended`].
#[must_use = "futures do nothing unless awaited"]
#[derive(Debug)]
pub struct Ended<'r, S, T, const N: usize> {
    runtime: &'r On<S, T, N>,
    call: CallHandle,
}

impl<S: System, T: Storage, const N: usize> Future for Ended<'_, S, T, N> {
    /// As [`Runtime::poll`]'s.
    type Output = Result<Outcome, Hresult>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let looked = || self.runtime.poll(self.call);
        look(self.runtime.port(), cx, looked)
    }
}

/// The waker first, then the look: a wake that comes after the look finds it.
fn look<S: System, const N: usize>(
    port: &Tasks<S, N>,
    cx: &mut Context<'_>,
    looked: impl Fn() -> Result<State, Hresult>,
) -> Poll<Result<Outcome, Hresult>> {
    port.register(cx.waker(), None);
    match looked() {
        Ok(State::Ended(outcome)) => Poll::Ready(Ok(outcome)),
        Ok(State::Pending(ms)) => {
            port.register(cx.waker(), ms);
            Poll::Pending
        }
        Err(code) => Poll::Ready(Err(code)),
    }
}

/// Cancels the innermost call of a thread, and waits up to `timeout` for its server, as `Runtime::cancel_thread` does where it
/// may wait. The answers are its own.
pub async fn cancel<S: System, T: Storage, const N: usize>(
    runtime: &'static On<S, T, N>,
    thread: u32,
    timeout: Timeout,
) -> Hresult {
    match runtime.cancel_object(thread) {
        Err(code) => code,
        Ok(object) => {
            // SAFETY: this port's own, valid for ever
            match unsafe { object.cancel_polling(timeout, runtime.port().context()) } {
                Hresult::RPC_S_CALLPENDING => (Cancelling { runtime, object }).await,
                answer => answer,
            }
        }
    }
}

/// See [`cancel`].
#[must_use = "futures do nothing unless awaited"]
pub struct Cancelling<'r, S: System, T: Storage, const N: usize> {
    runtime: &'r On<S, T, N>,
    object: CancelObject<'r, Tasks<S, N>, T>,
}

impl<S: System, T: Storage, const N: usize> Future for Cancelling<'_, S, T, N> {
    type Output = Hresult;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Hresult> {
        look(self.runtime.port(), cx, || self.object.poll()).map(|ended| match ended {
            Ok(Outcome::Canceled) => Hresult::S_OK,
            Ok(_) => Hresult::RPC_E_CALL_COMPLETE,
            Err(code) => code,
        })
    }
}
