//! A program with hooks of its own: in a process to itself, since hooks are the process'.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use cocancel::Hresult;
use cocancel::port::posix::Hooks;
use cocancel_tokio::{HOOKS, call, set_hooks};
use tokio::time::{sleep, timeout};

static EVENTS: AtomicUsize = AtomicUsize::new(0);

static OWN: Hooks = Hooks {
    event: |_| {
        // Relaxed: only the number counts
        EVENTS.fetch_add(1, Ordering::Relaxed);
    },
    ..HOOKS
};

#[tokio::test]
async fn hooks_of_the_programs_own_and_the_wakes_too() {
    set_hooks(&OWN);
    let (call, _server) = call::<()>(None).unwrap();
    let canceller = call.canceller();
    let client = tokio::spawn(call);
    // it sleeps by then
    sleep(Duration::from_millis(20)).await;
    canceller.cancel(Duration::ZERO).unwrap();
    let answer = timeout(Duration::from_secs(60), client).await.expect("nobody woke it").unwrap();
    assert_eq!(answer, Err(Hresult::RPC_E_CALL_CANCELED));
    // Relaxed: the task that brought them about has been joined
    assert!(EVENTS.load(Ordering::Relaxed) >= 2);
}
