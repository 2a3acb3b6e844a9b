//! Random interleavings of all that a host may do: `src/interleaving`, where `FROM`, `SEEDS` and `TRACE` are explained.
#![cfg(cocancel_steps)]

use std::env::var;

use cocancel_kill_anywhere::interleaving::play;

/// Those that are played unless others are asked for: some seconds, and the same ones each time.
const SEEDS: u64 = 50_000;

/// Says which seed it was, should the library panic.
struct Seed(u64);

impl Drop for Seed {
    fn drop(&mut self) {
        if std::thread::panicking() {
            println!("seed {}", self.0);
        }
    }
}

#[test]
fn random_interleavings() {
    let number = |name| var(name).ok().map(|text| text.parse::<u64>().expect(name));
    let (from, seeds) = (number("FROM").unwrap_or(1), number("SEEDS").unwrap_or(SEEDS));
    let is_traced = var("TRACE").is_ok();
    for seed in from..from + seeds {
        let named = Seed(seed);
        if let Err(wrong) = play(seed, is_traced) {
            panic!("{wrong}; for all that the threads do: TRACE=1 FROM={seed} SEEDS=1");
        }
        drop(named);
    }
}
