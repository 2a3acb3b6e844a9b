use super::*;
use std::vec::Vec;

fn table(threads: usize) -> (Vec<IndexCell>, Vec<ThreadSlot>) {
    ((0..threads * 2).map(|_| IndexCell::new()).collect(), (0..threads).map(|_| ThreadSlot::new()).collect())
}

/// A small generator, so that the churn is the same on every machine.
fn next(seed: &mut u32) -> u32 {
    *seed ^= *seed << 13;
    *seed ^= *seed >> 17;
    *seed ^= *seed << 5;
    *seed
}

#[test]
fn full_then_drained_then_full_again() {
    let (cells, threads) = table(500);
    let index = Index { cells: &cells, threads: &threads };
    for round in 0..3u32 {
        for (slot, thread) in threads.iter().enumerate() {
            let id = (slot as u32 + 1) * 4 + round * 100_000;
            assert!(thread.claim(id));
            index.insert(id, slot as u32);
        }
        for (slot, thread) in threads.iter().enumerate() {
            assert_eq!(index.find(thread.id()).map(|found| found.0), Some(slot as u32));
            assert!(index.find(thread.id() + 1).is_none());
        }
        for (slot, thread) in threads.iter().enumerate() {
            index.remove(thread.id(), slot as u32);
            assert!(index.find(thread.id()).is_none());
            thread.release();
        }
        assert!(cells.iter().all(|cell| cell.load() == Cell(0)), "an empty index is all zero again");
    }
}

#[test]
fn the_fields_of_a_cell() {
    let cell = Cell(0).with_occupant(4).with(3, 5);
    assert_eq!((cell.occupant(), cell.count(), cell.bound()), (Some(4), 3, 5));
    assert_eq!(cell.vacated().with_occupant(6).with(3, 5), Cell(0).with_occupant(6).with(3, 5));
    let raised =
        |cell: Cell, distance, more| (cell.raised(distance, more).count(), cell.raised(distance, more).bound());
    assert_eq!(raised(cell, 9, 1), (4, 9));
    assert_eq!(raised(cell, 2, 0), (3, 5), "a bound is only raised");
    // the maxima stick
    assert_eq!(raised(cell, 126, 1), (4, 126));
    assert_eq!([127, 128, 1 << 40].map(|distance| raised(cell, distance, 1)), [(4, 127); 3]);
    assert_eq!(raised(cell.with(127, 1), 1, 1), (127, 1));
    let lowered = |count| (cell.with(count, 5).lowered().count(), cell.with(count, 5).lowered().bound());
    assert_eq!([0, 1, 2, 126, 127].map(lowered), [(0, 5), (0, 0), (1, 5), (125, 5), (127, 5)]);
    assert_eq!(cell.lowered().occupant(), Some(4));
}

#[test]
fn the_largest_number_of_threads_fits_a_cell() {
    let last = MAX_THREADS as u32 - 1;
    assert_eq!(Cell(0).with_occupant(last).occupant(), Some(last));
    assert_eq!(Cell(0).with_occupant(last + 1).occupant(), Some(last + 1), "one more is to spare");
    assert_eq!((last + 3) << OCCUPANT_SHIFT, 0, "no larger one fits");
}

#[test]
fn churn_does_not_make_misses_slow() {
    let (cells, threads) = table(2048);
    let index = Index { cells: &cells, threads: &threads };
    let mut seed = 12345;
    for (slot, thread) in threads.iter().enumerate() {
        assert!(thread.claim(next(&mut seed)));
        index.insert(thread.id(), slot as u32);
    }
    let fresh = index.bounds();
    for _ in 0..400_000 {
        let slot = next(&mut seed) as usize % threads.len();
        let thread = &threads[slot];
        index.remove(thread.id(), slot as u32);
        thread.release();
        assert!(thread.claim(next(&mut seed)));
        index.insert(thread.id(), slot as u32);
    }
    for (slot, thread) in threads.iter().enumerate() {
        assert_eq!(index.find(thread.id()).map(|found| found.0), Some(slot as u32));
    }
    // counted: 3 times the fresh sum; bounds that are never lowered come to 50 times
    let churned = index.bounds();
    assert!(churned < fresh * 5, "{fresh} fresh, {churned} after churn");
}

#[test]
fn keys_that_all_share_one_home_are_found() {
    let (cells, threads) = table(300);
    let index = Index { cells: &cells, threads: &threads };
    let home = |id: u32| (u64::from(id.wrapping_mul(0x9E37_79B1)) * cells.len() as u64) >> 32;
    let ids: Vec<u32> = (1..).filter(|id| home(*id) == 599).take(threads.len()).collect();
    for (slot, id) in ids.iter().enumerate() {
        assert!(threads[slot].claim(*id));
        index.insert(*id, slot as u32);
    }
    for (slot, id) in ids.iter().enumerate() {
        assert_eq!(index.find(*id).map(|found| found.0), Some(slot as u32));
    }
    for (slot, id) in ids.iter().enumerate() {
        index.remove(*id, slot as u32);
        assert!(index.find(*id).is_none());
        for (other, id) in ids.iter().enumerate().skip(slot + 1).step_by(37) {
            assert_eq!(index.find(*id).map(|found| found.0), Some(other as u32));
        }
    }
}

#[test]
fn without_cells_nothing_is_found() {
    let threads = [ThreadSlot::new()];
    let index = Index { cells: &[], threads: &threads };
    assert!(threads[0].claim(7));
    index.insert(7, 0);
    assert!(index.find(7).is_none());
    index.remove(7, 0);
}
