//! One epoch: everything at once, then nothing is left.

use std::ffi::{CString, c_char, c_long, c_ulong};
use std::path::Path;
use std::sync::atomic::Ordering;
use std::thread;
use std::time::{Duration, Instant};

use crate::epoch::{Actor, Entry, Epoch};
use crate::load::{self, FIRST, SECOND};

const CLIENTS: usize = 16;
const FIRST_SERVERS: usize = 6;
const SECOND_SERVERS: usize = 4;
const CANCELLERS: usize = 6;
/// A thread that has been in one operation for so long was not woken: what it waits for takes milliseconds.
const STUCK: Duration = Duration::from_secs(45);

/// How large an epoch is.
#[derive(Clone, Copy, Debug)]
pub struct Size {
    /// So many calls are begun, and some more.
    pub calls: u32,
    /// So many server processes are killed.
    pub kills: u32,
}

/// What the calls to server processes came to, since the program began.
#[derive(Clone, Copy, Debug, Default)]
pub struct Processes {
    pub killed: u64,
    pub replies: u64,
    pub canceled: u64,
    pub cancels: u64,
    pub died: u64,
}

/// What an epoch leaves.
pub struct Done {
    pub entries: Vec<Entry>,
    pub lives: u32,
    pub ticks: u32,
    pub told: u64,
    pub error: Option<String>,
}

unsafe extern "C" {
    fn rpc_soak(program: *const c_char, rounds: c_long, seed: u32, totals: *mut c_ulong) -> i32;
}

/// Threads in one process, on a clock that starts at `first`, and beside them a process whose servers are killed.
pub fn run(seed: u64, first: u32, size: Size, server: &Path, processes: &mut Processes) -> Done {
    let epoch = Epoch::new(first, CLIENTS + FIRST_SERVERS + SECOND_SERVERS);
    let mut is_sound = true;
    thread::scope(|scope| {
        let epoch = &epoch;
        let mut seats = fastrand::Rng::with_seed(seed);
        let mut seed = || seats.u64(..);
        let remote = scope.spawn({
            let seed = seed() as u32 | 1;
            move || kill_servers(server, size.kills, seed)
        });
        let clients: Vec<_> = (0..CLIENTS)
            .map(|seat| {
                let seed = seed();
                scope.spawn(move || client_seat(epoch, seat, size.calls, seed))
            })
            .collect();
        let mut servers = [vec![], vec![]];
        for n in 0..FIRST_SERVERS + SECOND_SERVERS {
            let (seed, queue) = (seed(), if n < FIRST_SERVERS { FIRST } else { SECOND });
            servers[queue].push(scope.spawn(move || server_seat(epoch, CLIENTS + n, queue, seed)));
        }
        let mut others = Vec::new();
        for _ in 0..CANCELLERS {
            let seed = seed();
            others.push(scope.spawn(move || load::canceller(&mut Actor::new(epoch, seed))));
        }
        let ticker_seed = seed();
        others.push(scope.spawn(move || load::ticker(epoch, ticker_seed)));
        join(epoch, clients);
        for (queue, servers) in servers.into_iter().enumerate() {
            epoch.queues[queue].close();
            join(epoch, servers);
        }
        // Release: nothing is pending any more
        epoch.over.store(true, Ordering::Release);
        join(epoch, others);
        match remote.join().expect("it does not panic") {
            Some(totals) => {
                processes.killed += u64::from(size.kills);
                [processes.replies, processes.canceled, processes.cancels, processes.died] = totals;
            }
            None => is_sound = false,
        }
    });
    let (entries, _) = epoch.recorded();
    let mut error = (!is_sound).then(|| "the calls to server processes: see above".to_owned());
    let mut contexts = [0; 2];
    for entry in &entries {
        use cocancel_model::Op;
        if let Op::Begin { call, context: true, .. } | Op::BeginAsync { call, context: true, .. } = entry.recorded.op {
            if entry.recorded.hresult == 0 {
                contexts[0] += 1;
                // as the driver numbers them
                contexts[1] += u64::from(call) + 1;
            }
        }
    }
    let retired = epoch.port().retired();
    if retired != contexts {
        error = Some(format!("wake contexts: {contexts:?} were given, {retired:?} retired"));
    }
    let (_, in_use) = epoch.driver.runtime.snapshot::<0>();
    let threads = epoch.driver.runtime.threads();
    let references: Vec<_> = epoch.driver.customs.iter().map(|custom| custom.references()).collect();
    if in_use != 0
        || threads != 0
        || references.iter().any(|count| *count != 0)
        || !epoch.driver.references().is_empty()
    {
        let slots: Vec<_> = epoch.driver.runtime.calls().collect();
        error = Some(format!(
            "left: slots {slots:?}, {threads} threads, references to custom objects {references:?}, to others {:?}",
            epoch.driver.references()
        ));
    }
    // Relaxed, all: nobody runs
    let (lives, ticks) = (epoch.lives.load(Ordering::Relaxed), epoch.ticks.load(Ordering::Relaxed));
    let told = epoch.port().told.load(Ordering::Relaxed);
    if error.is_none() {
        // gives the storage back: refused, and a panic, if anything is left
        epoch.driver.end();
    }
    Done { entries, lives, ticks, told, error }
}

/// A seat for clients: when one's life ends, the next begins, until there were enough calls and the tick has wrapped.
fn client_seat(epoch: &Epoch, seat: usize, calls: u32, seed: u64) {
    let mut seeds = fastrand::Rng::with_seed(seed);
    // Relaxed: only a number
    while epoch.begun.load(Ordering::Relaxed) < calls || !epoch.port().has_wrapped() {
        let seed = seeds.u64(..);
        thread::scope(|scope| {
            scope.spawn(move || load::client(&mut Actor::new(epoch, seed), seat)).join().expect("it does not panic");
        });
    }
}

fn server_seat(epoch: &Epoch, seat: usize, queue: usize, seed: u64) {
    let mut seeds = fastrand::Rng::with_seed(seed);
    loop {
        let seed = seeds.u64(..);
        let is_open = thread::scope(|scope| {
            let life = scope.spawn(move || load::server(&mut Actor::new(epoch, seed), seat, queue));
            life.join().expect("it does not panic")
        });
        if !is_open {
            break;
        }
    }
}

/// Waits for threads. Where one does not come out of an operation the program ends, with the history.
fn join<T>(epoch: &Epoch, threads: Vec<thread::ScopedJoinHandle<'_, T>>) {
    let mut looked = Instant::now();
    for thread in threads {
        while !thread.is_finished() {
            thread::sleep(Duration::from_millis(2));
            if looked.elapsed() > Duration::from_secs(1) {
                looked = Instant::now();
                if epoch.is_stuck(STUCK) {
                    let (entries, inside) = epoch.recorded();
                    crate::fail("a thread waits for ever: a wake was lost", &entries, &inside);
                }
            }
        }
        thread.join().expect("it does not panic");
    }
}

/// The soak of the remote-call example: real processes. `None`, and it was printed why, if something was not as it should be.
fn kill_servers(server: &Path, kills: u32, seed: u32) -> Option<[u64; 4]> {
    let program = CString::new(server.to_str()?).ok()?;
    let mut totals: [c_ulong; 4] = [0; 4];
    // SAFETY: a program's path, and room for the totals
    let is_sound = unsafe { rpc_soak(program.as_ptr(), kills.into(), seed, totals.as_mut_ptr()) };
    (is_sound == 1).then_some(totals)
}
