//! Calls between tasks on several workers. A hang is a failure: each test has a limit far beyond what it takes.

use std::sync::Arc;
use std::time::{Duration, Instant};

use cocancel::Hresult;
use cocancel::port::posix::runtime;
use cocancel_tokio::{Canceller, call};
use tokio::sync::{Mutex, oneshot};
use tokio::task::yield_now;
use tokio::time::timeout;

const LIMIT: Duration = Duration::from_secs(60);
const NEVER: Duration = Duration::from_secs(3600);

/// One after the other, since they look at slots that all share; and each leaves none in use.
static ONE: Mutex<()> = Mutex::const_new(());

async fn alone(body: impl Future<Output = ()>) {
    let _one = ONE.lock().await;
    timeout(LIMIT, body).await.expect("it hangs");
    assert_eq!(runtime().calls().count(), 0, "slots are left");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_reply_resolves_the_future() {
    alone(async {
        let (call, server) = call(None).unwrap();
        let serving = tokio::spawn(async move { server.answer(7).unwrap() });
        assert_eq!(call.await, Ok(7));
        serving.await.unwrap();
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_canceled_call_resolves_the_future_though_the_server_never_answers() {
    alone(async {
        let (call, server) = call::<String>(None).unwrap();
        let canceller = call.canceller();
        let client = tokio::spawn(call);
        yield_now().await;
        canceller.cancel(Duration::ZERO).unwrap();
        assert_eq!(client.await.unwrap(), Err(Hresult::RPC_E_CALL_CANCELED));
        assert!(server.is_canceled());
        // the reply of a server that answers too late comes back to it
        assert_eq!(server.answer("late".to_owned()), Err("late".to_owned()));
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_dropped_future_cancels_its_call_and_the_server_is_told() {
    alone(async {
        let (call, server) = call::<()>(None).unwrap();
        let (told, hears) = oneshot::channel();
        let serving = tokio::spawn(async move {
            assert!(!server.is_canceled());
            told.send(()).unwrap();
            server.canceled().await;
            server.answer(()).is_err()
        });
        hears.await.unwrap();
        // as in a select! that another branch has won
        assert!(timeout(Duration::from_millis(5), call).await.is_err());
        assert!(serving.await.unwrap(), "the reply was taken by nobody");
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_uses_its_grace() {
    alone(async {
        let (call, server) = call(None).unwrap();
        let canceller = call.canceller();
        let serving = tokio::spawn(async move {
            server.canceled().await;
            server.answer("part of it").unwrap();
        });
        let client = tokio::spawn(call);
        canceller.cancel(NEVER).unwrap();
        assert_eq!(client.await.unwrap(), Ok("part of it"));
        serving.await.unwrap();
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn deadlines_end_calls_and_never_early() {
    alone(async {
        let limit = Duration::from_millis(20);
        let start = Instant::now();
        let (own, its_server) = call::<()>(Some(limit)).unwrap();
        assert_eq!(own.await, Err(Hresult::RPC_E_CALL_CANCELED));
        assert!(start.elapsed() >= limit);
        drop(its_server);

        // a request for a sooner end reaches a client that sleeps already
        let (call, server) = call::<()>(Some(NEVER)).unwrap();
        let canceller = call.canceller();
        let client = tokio::spawn(call);
        yield_now().await;
        let start = Instant::now();
        canceller.cancel(limit).unwrap();
        assert_eq!(client.await.unwrap(), Err(Hresult::RPC_E_CALL_CANCELED));
        assert!(start.elapsed() >= limit);
        drop(server);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_that_is_dropped_fails_the_call() {
    alone(async {
        let (call, server) = call::<()>(None).unwrap();
        let serving = tokio::spawn(async move { drop(server) });
        assert_eq!(call.await, Err(Hresult::RPC_E_SERVER_DIED));
        serving.await.unwrap();
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn replies_and_cancels_race_and_nothing_is_lost() {
    alone(async {
        for round in 0..2000 {
            let reply = Arc::new(round);
            let kept = Arc::downgrade(&reply);
            let (call, server) = call(None).unwrap();
            let canceller: Canceller = call.canceller();
            let serving = tokio::spawn(async move { server.answer(reply).is_ok() });
            let cancelling = tokio::spawn(async move { canceller.cancel(Duration::ZERO) });
            let outcome = call.await;
            let delivered = serving.await.unwrap();
            let _ = cancelling.await.unwrap();
            assert_eq!(outcome.is_ok(), delivered, "both sides agree on who has the reply");
            drop(outcome);
            assert!(kept.upgrade().is_none(), "a reply is left in round {round}");
        }
    })
    .await;
}
