//! Every class of word against every transition, held to rules that are written down here independently of the code.

use super::*;
use std::vec::Vec;

const FLAGS: [u32; 8] = [CLIENT_WAITS, CANCELLER_WAITS, REQUESTED, SERVER, SERVING, CLIENT, DISABLED, SOONER];

/// The words that a slot can really have.
fn words() -> impl Iterator<Item = State> {
    every_word().filter(|word| {
        let owed = u32::from(word.has(CLIENT)) + u32::from(word.has(SERVER) || word.has(SERVING));
        match word.phase() {
            // one word each: whatever pins and flags there were are gone
            Phase::Vacant | Phase::Claimed => word.pins() == 0 && flags(*word) == 0 && word.0 & PHASE != PHASE,
            Phase::Custom => word.pins() >= 1 && flags(*word) & !DISABLED == 0,
            Phase::Pending => word.pins() >= owed.max(1),
            Phase::Completed | Phase::Failed => word.pins() >= owed.max(1) && !word.has(SERVER),
            Phase::Canceled => word.pins() >= owed.max(1) && word.has(REQUESTED),
        }
    })
}

/// All phases x all flags x the pin counts and generations that matter.
fn every_word() -> impl Iterator<Item = State> {
    let phases = (0..8).map(|phase| phase << PHASE_SHIFT);
    phases.flat_map(|phase| {
        (0..1u32 << FLAGS.len()).flat_map(move |set| {
            let flags = (0..FLAGS.len()).filter(|bit| set >> bit & 1 != 0).map(|bit| FLAGS[bit]).sum::<u32>();
            [0, 1, 2, 3, MAX_PINS - 1, MAX_PINS, MAX_PINS + 1, PINS].into_iter().flat_map(move |pins| {
                [0, 1, (1 << GENERATION_BITS) - 1]
                    .into_iter()
                    .map(move |generation| State(phase | flags | pins | generation << GENERATION_SHIFT))
            })
        })
    })
}

fn flags(state: State) -> u32 {
    state.0 & FLAGS.iter().sum::<u32>()
}

/// What holds between a word and its successor, whatever the transition: generations move only when the last pin goes, and then
/// everything else is zero; PENDING is the only phase that can be left for an ended one.
fn lawful(before: State, after: State) {
    if after.phase() == Phase::Vacant {
        let next = (before.generation() + 1) & ((1 << GENERATION_BITS) - 1);
        assert_eq!((after.pins(), flags(after), after.generation()), (0, 0, next), "{before:?} {after:?}");
        assert!(before.pins() <= 1, "{before:?}: others still had pins");
        return;
    }
    assert_eq!(after.generation(), before.generation(), "{before:?} {after:?}");
    if after.phase() != before.phase() {
        let begins = matches!(before.phase(), Phase::Vacant | Phase::Claimed);
        assert!(begins || before.phase() == Phase::Pending, "{before:?} {after:?}");
    }
    assert_eq!(after.has(DISABLED), before.has(DISABLED), "{before:?} {after:?}");
    if before.has(REQUESTED) {
        assert!(after.has(REQUESTED), "a request is never taken back: {before:?} {after:?}");
    }
}

/// A step that ends a side: its bit goes, its pin goes with it unless kept, and whoever waited is woken exactly if the call ends now.
fn side_ends(before: State, step: Step, side: u32, keeps_pin: bool) {
    lawful(before, step.next);
    let ends_now = before.phase() == Phase::Pending;
    let vacant = step.next.phase() == Phase::Vacant;
    assert!(vacant || !step.next.has(side));
    let dropped = !keeps_pin && !step.unpin_after;
    if vacant {
        assert!(dropped);
    } else {
        assert_eq!(step.next.pins() + u32::from(dropped), before.pins(), "{before:?} {step:?}");
    }
    if !ends_now {
        assert_eq!((step.wakes, step.phase), (Wakes::NONE, before.phase()));
        assert!(!step.unpin_after);
    } else {
        assert_eq!(step.wakes.canceller, before.has(CANCELLER_WAITS));
        assert!(matches!(step.phase, Phase::Completed | Phase::Failed | Phase::Canceled));
        assert!(!step.next.has(CLIENT_WAITS) && !step.next.has(CANCELLER_WAITS), "taken by the waker");
        assert_eq!(step.unpin_after, !keeps_pin && step.wakes != Wakes::NONE, "wake first, then let go");
    }
}

#[test]
fn no_word_at_all_makes_a_transition_panic() {
    for word in every_word() {
        let _ = (word.claim(), word.pin(), word.unpin(), word.complete(Phase::Failed), word.cancel(), word.finish());
        let _ = (word.note_request(true), word.client_waits(), word.canceller_waits(), word.enter(), word.leave());
        let _ = (word.publish_call(true, true), word.publish_frame(true));
    }
}

fn published(state: State) -> bool {
    !matches!(state.phase(), Phase::Vacant | Phase::Claimed)
}

#[test]
fn claim_and_publish() {
    for word in words() {
        match word.claim() {
            Some(next) => assert!(word.phase() == Phase::Vacant && next.phase() == Phase::Claimed),
            None => assert_ne!(word.phase(), Phase::Vacant),
        }
        for (client, disabled) in [(true, false), (true, true), (false, false)] {
            let call = word.publish_call(client, disabled);
            assert_eq!((call.phase(), call.pins()), (Phase::Pending, 1 + u32::from(client)));
            assert_eq!(call.generation(), word.generation());
            let expected = SERVER | if client { CLIENT } else { 0 } | if disabled { DISABLED } else { 0 };
            assert_eq!(flags(call), expected, "nothing of the word's past shows");
        }
        for disabled in [false, true] {
            let frame = word.publish_frame(disabled);
            let expected = SERVING | if disabled { DISABLED } else { 0 };
            assert_eq!((frame.phase(), frame.pins(), flags(frame)), (Phase::Pending, 1, expected));
        }
    }
}

#[test]
fn pin_and_unpin() {
    for word in words() {
        match word.pin() {
            Ok(next) => {
                assert!(published(word) && word.pins() < MAX_PINS);
                assert_eq!(next, State(word.0 + 1));
                if word.pins() > 0 {
                    assert_eq!(next.unpin(), word);
                }
            }
            Err(Refused::Stale) => assert!(!published(word)),
            Err(refused) => assert!(refused == Refused::Saturated && word.pins() >= MAX_PINS),
        }
        // the reserve goes on up to where the count would run over into the next bit
        match word.pin_reserved() {
            Ok(next) => assert!(published(word) && next.pins() == word.pins() + 1 && flags(next) == flags(word)),
            Err(Refused::Stale) => assert!(!published(word)),
            Err(refused) => assert!(refused == Refused::Saturated && word.pins() == PINS),
        }
        if published(word) {
            lawful(word, word.unpin());
        }
        assert!(!published(word) || (word.unpin().phase() == Phase::Vacant) == (word.pins() == 1));
    }
}

#[test]
fn complete_and_fail() {
    for word in words() {
        for to in [Phase::Completed, Phase::Failed] {
            match word.complete(to) {
                Err(refused) => assert!(refused == Refused::OutOfOrder && !word.has(SERVER)),
                Ok(step) => {
                    assert!(word.has(SERVER));
                    side_ends(word, step, SERVER, word.has(SERVING));
                    if word.phase() == Phase::Pending {
                        assert_eq!(step.phase, to);
                        assert_eq!(step.wakes.client, word.has(CLIENT_WAITS));
                        assert!(!step.wakes.tell_server, "the server need not be told that it is done");
                    }
                }
            }
        }
    }
}

#[test]
fn finish() {
    for word in words() {
        match word.finish() {
            Err(refused) => assert!(refused == Refused::OutOfOrder && !word.has(CLIENT)),
            Ok(step) => {
                assert!(word.has(CLIENT));
                side_ends(word, step, CLIENT, false);
                assert!(!step.wakes.client, "the client is awake");
                if word.phase() == Phase::Pending {
                    assert_eq!(step.phase, Phase::Canceled);
                    assert_eq!(step.wakes.tell_server, word.has(SERVER) && !word.has(REQUESTED));
                }
            }
        }
    }
}

#[test]
fn enter_and_leave() {
    for word in words() {
        match word.enter() {
            Err(refused) => assert!(refused == Refused::OutOfOrder && (!word.has(SERVER) || word.has(SERVING))),
            Ok(Entry::Admitted(next)) => {
                assert!(word.phase() == Phase::Pending && !word.has(REQUESTED), "canceled before: never entered");
                assert_eq!(next, State(word.0 | SERVING));
                // left at once, nothing has changed
                assert_eq!(next.leave(), Ok(word));
            }
            Ok(Entry::Refused(step)) => {
                assert!(word.phase() != Phase::Pending || word.has(REQUESTED));
                side_ends(word, step, SERVER, false);
                if word.phase() == Phase::Pending {
                    assert_eq!((step.phase, step.wakes.client), (Phase::Canceled, word.has(CLIENT_WAITS)));
                }
            }
        }
        match word.leave() {
            Err(refused) => assert!(refused == Refused::OutOfOrder && !word.has(SERVING)),
            Ok(next) => {
                lawful(word, next);
                if word.has(SERVER) {
                    assert_eq!(next, State(word.0 & !SERVING), "the completion still owes its pin");
                } else if next.phase() != Phase::Vacant {
                    assert_eq!(next.pins() + 1, word.pins());
                }
            }
        }
    }
}

#[test]
fn cancel_note_and_announce() {
    for word in words() {
        let pending = word.phase() == Phase::Pending;
        match word.cancel() {
            Ok((next, wakes)) => {
                lawful(word, next);
                assert!(pending && next.phase() == Phase::Canceled && next.has(REQUESTED));
                assert_eq!(next.pins(), word.pins());
                assert_eq!((wakes.client, wakes.canceller), (word.has(CLIENT_WAITS), word.has(CANCELLER_WAITS)));
                assert_eq!(wakes.tell_server, word.has(SERVER) && !word.has(REQUESTED), "told once");
            }
            Err(refused) => assert!(!pending && refusal_fits(word, refused)),
        }
        for sooner in [false, true] {
            match word.note_request(sooner) {
                Ok((next, wakes)) => {
                    lawful(word, next);
                    assert!(pending && next.phase() == Phase::Pending && next.has(REQUESTED));
                    assert_eq!(next.has(CLIENT_WAITS), word.has(CLIENT_WAITS), "whoever comes next wakes it, too");
                    assert_eq!(
                        next.has(SOONER),
                        word.has(SOONER) || sooner,
                        "a client about to sleep sees another word"
                    );
                    assert_eq!(next.has(CANCELLER_WAITS), word.has(CANCELLER_WAITS));
                    assert_eq!((wakes.client, wakes.canceller), (word.has(CLIENT_WAITS) && sooner, false));
                    assert_eq!(wakes.tell_server, word.has(SERVER) && !word.has(REQUESTED), "told once");
                }
                Err(refused) => assert!(!pending && refusal_fits(word, refused)),
            }
        }
        for (announced, bit) in [(word.client_waits(), CLIENT_WAITS), (word.canceller_waits(), CANCELLER_WAITS)] {
            match announced {
                Ok(next) => {
                    let taken_back = if bit == CLIENT_WAITS { SOONER } else { 0 };
                    assert!(pending && next == State(word.0 & !taken_back | bit));
                }
                Err(refused) => assert!(!pending && refused == Refused::Phase(word.phase())),
            }
        }
    }
}

fn refusal_fits(word: State, refused: Refused) -> bool {
    if published(word) { refused == Refused::Phase(word.phase()) } else { refused == Refused::Stale }
}

#[test]
fn the_generation_tells_lives_apart() {
    let is_call = |word: &State| published(*word) && word.phase() != Phase::Custom;
    let lives: Vec<State> = words().filter(is_call).collect();
    for word in &lives {
        assert_eq!(word.of(word.generation()), Ok(*word));
        assert_eq!(word.of(word.generation() ^ 1), Err(Refused::Stale));
    }
    assert!(words().filter(|word| !is_call(word)).all(|word| word.of(word.generation()) == Err(Refused::Stale)));
}

#[test]
fn the_plain_cases_are_the_general_ones() {
    let mut plain = (0, 0);
    for word in every_word() {
        for generation in [0, 1, 2] {
            if let Some(delivered) = word.deliver(generation) {
                let step = word.of(generation).and_then(|word| word.complete(Phase::Completed)).unwrap();
                let general = Step { next: delivered, wakes: Wakes::NONE, unpin_after: false, phase: Phase::Completed };
                assert_eq!(step, general, "{word:?}");
                plain.0 += 1;
            }
            if let Some(vacant) = word.finish_delivered(generation) {
                let step = word.of(generation).and_then(State::finish).unwrap();
                let general = Step { next: vacant, wakes: Wakes::NONE, unpin_after: false, phase: Phase::Completed };
                assert_eq!(step, general, "{word:?}");
                assert_eq!(vacant.phase(), Phase::Vacant);
                plain.1 += 1;
            }
        }
    }
    // one word for each generation that was tried
    assert_eq!(plain, (2, 2));
}
