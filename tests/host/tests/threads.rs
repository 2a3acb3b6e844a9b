//! Real threads on the POSIX runtime: who owns a record, who is elected, and that nothing is left, however they race.

use std::ptr::without_provenance_mut;
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering};
use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

use cocancel::port::posix::{Capacity, runtime, set_capacity, thread_id};
use cocancel::{CallHandle, CallOptions, Hresult, Outcome, Refusal, Reply, Timeout, Waiting};

/// Calls made by each client thread.
const CALLS: u32 = 2_000;

fn serve(calls: &mpsc::Receiver<(CallHandle, usize)>, owned: &AtomicU64) {
    let runtime = runtime();
    for (call, record) in calls {
        let dispose = |host: *mut ()| {
            assert_eq!(host.addr(), record, "another call's record");
            owned.fetch_add(1, Ordering::Relaxed);
        };
        match runtime.serving(call) {
            Err(Refusal::Canceled(host)) => dispose(host),
            Err(Refusal::BadInput(code)) => panic!("{code}"),
            Ok(serving) => {
                for _ in 0..record % 7 {
                    thread::yield_now();
                    if serving.test() == Hresult::RPC_E_CALL_CANCELED {
                        break;
                    }
                }
                if let Reply::Orphaned(host) = runtime.complete(call).unwrap() {
                    dispose(host);
                }
            }
        }
    }
}

#[test]
fn clients_servers_and_cancellers() {
    let owned_by_servers = AtomicU64::new(0);
    let owned_by_clients = AtomicU64::new(0);
    let elected = AtomicU64::new(0);
    let canceled = AtomicU64::new(0);
    let ids = [AtomicU32::new(0), AtomicU32::new(0)];
    let running = AtomicBool::new(true);
    thread::scope(|scope| {
        let mut clients = Vec::new();
        for id in &ids {
            let (send, receive) = mpsc::channel();
            let servers = &owned_by_servers;
            scope.spawn(move || serve(&receive, servers));
            let (owned, canceled) = (&owned_by_clients, &canceled);
            clients.push(scope.spawn(move || {
                let runtime = runtime();
                let _enabled = runtime.enabled().unwrap();
                id.store(thread_id(), Ordering::Release);
                for n in 1..=CALLS {
                    let call = runtime.call(CallOptions::new().host(without_provenance_mut(n as usize)));
                    assert_eq!(call.cancellable(), Ok(()));
                    send.send((call.handle(), n as usize)).unwrap();
                    let waited = call.wait().unwrap();
                    assert_eq!(call.finish(), Ok(waited));
                    let counter = if waited == Outcome::Canceled { canceled } else { owned };
                    counter.fetch_add(1, Ordering::Relaxed);
                }
            }));
        }
        for canceller in 0..2u32 {
            let (ids, running, elected) = (&ids, &running, &elected);
            scope.spawn(move || {
                let mut n = canceller;
                while running.load(Ordering::Acquire) {
                    n = n.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                    let id = ids[(n >> 16) as usize % 2].load(Ordering::Acquire);
                    if id == 0 {
                        continue;
                    }
                    match runtime().cancel_thread(id, Timeout::millis(n >> 20 & 1), Waiting::Allowed) {
                        Hresult::S_OK => {
                            elected.fetch_add(1, Ordering::Relaxed);
                        }
                        Hresult::E_NOINTERFACE | Hresult::RPC_E_CALL_CANCELED | Hresult::RPC_E_CALL_COMPLETE => {}
                        other => panic!("{other}"),
                    }
                    thread::yield_now();
                }
            });
        }
        for client in clients {
            client.join().unwrap();
        }
        running.store(false, Ordering::Release);
    });
    let load = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
    assert_eq!(load(&owned_by_servers), load(&canceled), "each canceled call's record has one owner");
    assert_eq!(load(&owned_by_clients) + load(&canceled), 2 * u64::from(CALLS));
    assert_eq!(load(&elected), load(&canceled), "each canceled call had one canceller");
}

#[test]
fn a_blocked_client_is_freed_and_a_grace_time_is_kept() {
    let runtime = runtime();
    for grace in [0, 30] {
        let (send, receive) = mpsc::channel();
        let client = thread::spawn(move || {
            let runtime = cocancel::port::posix::runtime();
            runtime.enable().unwrap();
            let call = runtime.begin(CallOptions::new()).call;
            send.send((thread_id(), call)).unwrap();
            let outcome = runtime.wait(call).unwrap();
            (outcome, runtime.finish(call).unwrap(), Instant::now())
        });
        let (id, call) = receive.recv().unwrap();
        let began = Instant::now();
        assert_eq!(runtime.cancel_thread(id, Timeout::millis(grace), Waiting::Allowed), Hresult::S_OK);
        let (waited, finished, freed) = client.join().unwrap();
        assert_eq!((waited, finished), (Outcome::Canceled, Outcome::Canceled));
        assert!(freed - began >= Duration::from_millis(u64::from(grace)), "freed before the time was over");
        assert!(matches!(runtime.complete(call), Ok(Reply::Orphaned(_))));
        // its thread has gone, and its slot with it
        assert_eq!(runtime.cancel_thread(id, Timeout::ZERO, Waiting::Never), Hresult::E_NOINTERFACE);
    }
}

#[test]
fn the_capacity_is_set_before_the_first_use_or_not_at_all() {
    let _ = runtime();
    assert_eq!(set_capacity(Capacity { calls: 10, threads: 10 }), Err(Hresult::E_UNEXPECTED));
    assert_eq!(set_capacity(Capacity { calls: 0, threads: 10 }), Err(Hresult::E_INVALIDARG));
}

#[test]
fn threads_that_end_give_their_slots_back() {
    let runtime = runtime();
    // more than there is room for at once
    for _ in 0..3 {
        for _ in 0..Capacity::DEFAULT.threads / 2 {
            thread::spawn(|| cocancel::port::posix::runtime().enable().unwrap()).join().unwrap();
        }
    }
    assert!(runtime.threads() < 20, "{} threads are still attached", runtime.threads());
}

/// What the kernel says of a thread of this process: `S` for one that sleeps.
#[cfg(target_os = "linux")]
fn state_of(id: u32) -> char {
    let stat = std::fs::read_to_string(format!("/proc/self/task/{id}/stat")).unwrap();
    stat[stat.rfind(')').unwrap() + 1..].trim_start().chars().next().unwrap()
}

#[cfg(target_os = "linux")]
#[test]
fn a_blocked_client_sleeps() {
    let (send, receive) = mpsc::channel();
    let client = thread::spawn(move || {
        let _enabled = runtime().enabled().unwrap();
        let call = runtime().call(CallOptions::new());
        send.send(thread_id()).unwrap();
        assert_eq!(call.wait(), Ok(Outcome::Canceled));
        assert_eq!(call.finish(), Ok(Outcome::Canceled));
    });
    let id = receive.recv().unwrap();
    // one that tries again and again never sleeps
    while state_of(id) != 'S' {
        thread::yield_now();
    }
    assert_eq!(runtime().cancel_thread(id, Timeout::ZERO, Waiting::Never), Hresult::S_OK);
    client.join().unwrap();
}
