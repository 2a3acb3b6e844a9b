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
    let did = step.did;
    let vacant = step.next.phase() == Phase::Vacant;
    assert_eq!(did.vacated(), vacant);
    assert!(vacant || !step.next.has(side));
    let dropped = !keeps_pin && !did.unpins_after();
    if vacant {
        assert!(dropped);
    } else {
        let more = keeps_pin && did.unpins_after();
        assert_eq!(step.next.pins() + u32::from(dropped), before.pins() + u32::from(more), "{before:?} {step:?}");
        assert_eq!(did.phase(), step.next.phase());
    }
    assert_eq!(did.ended(), before.phase() == Phase::Pending);
    if !did.ended() {
        assert_eq!((did.wakes_anybody(), did.phase()), (false, before.phase()));
        assert!(!did.unpins_after());
    } else {
        assert_eq!(did.wakes_canceller(), before.has(CANCELLER_WAITS));
        assert!(matches!(did.phase(), Phase::Completed | Phase::Failed | Phase::Canceled));
        assert!(!step.next.has(CLIENT_WAITS) && !step.next.has(CANCELLER_WAITS), "taken by the waker");
        let wakes = did.wakes_client() || did.wakes_canceller() || did.tells_server();
        assert_eq!(did.unpins_after(), wakes && (!keeps_pin || before.pins() < PINS), "wake first, then let go");
    }
    assert!(!did.admitted());
}

#[test]
fn no_word_at_all_makes_a_transition_panic() {
    for word in every_word() {
        let _ = (word.claim(), word.pin(), word.unpin(), word.complete(), word.fail(), word.cancel(), word.finish());
        let _ = (word.note_request(), word.note_sooner_request(), word.client_waits(), word.client_polls());
        let _ = word.canceller_waits();
        let _ = (word.pin_in_handler(), word.pin_pending(), word.pin_reserved(), word.enter(), word.leave());
        let _ = (word.publish_call(true, true), word.publish_frame(true));
    }
}

/// A step that does nothing but move to `next`.
fn plain(next: State) -> Stepped {
    Ok(Step { next, did: Did::NOTHING })
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
            Ok(step) => {
                assert!(published(word) && word.pins() < MAX_PINS);
                assert_eq!(step, Step { next: State(word.0 + 1), did: Did::NOTHING });
                if word.pins() > 0 {
                    assert_eq!(unpinned(step.next), word);
                }
            }
            Err(Refused::Stale) => assert!(!published(word)),
            Err(refused) => assert!(refused == Refused::Saturated && word.pins() >= MAX_PINS),
        }
        // the reserve goes on up to where the count would run over into the next bit
        match word.pin_reserved() {
            Ok(step) => {
                assert!(published(word) && step.next.pins() == word.pins() + 1 && flags(step.next) == flags(word));
            }
            Err(Refused::Stale) => assert!(!published(word)),
            Err(refused) => assert!(refused == Refused::Saturated && word.pins() == PINS),
        }
        // where foreign code must not run, and where only a deadline is to be expired
        let custom = word.phase() == Phase::Custom;
        assert_eq!(word.pin_in_handler(), if custom { Err(Refused::Phase(Phase::Custom)) } else { word.pin() });
        let pending = word.phase() == Phase::Pending;
        assert_eq!(word.pin_pending(), if pending { word.pin() } else { Err(Refused::Stale) });
        if published(word) {
            let step = word.unpin().unwrap();
            lawful(word, step.next);
            assert_eq!(step.did.vacated(), word.pins() == 1);
            assert_eq!(step.next.phase() == Phase::Vacant, word.pins() == 1);
            assert_eq!(step.did.phase(), word.phase(), "what the last to let go has to clear up");
            assert!(!step.did.wakes_anybody() && !step.did.unpins_after());
        }
    }
}

fn unpinned(word: State) -> State {
    word.unpin().unwrap().next
}

#[test]
fn complete_and_fail() {
    for word in words() {
        for to in [Phase::Completed, Phase::Failed] {
            match if to == Phase::Completed { word.complete() } else { word.fail() } {
                Err(refused) => assert!(refused == Refused::OutOfOrder && !word.has(SERVER)),
                Ok(step) => {
                    assert!(word.has(SERVER));
                    side_ends(word, step, SERVER, word.has(SERVING));
                    if word.phase() == Phase::Pending {
                        assert_eq!(step.did.phase(), to);
                        assert_eq!(step.did.wakes_client(), word.has(CLIENT_WAITS));
                        assert!(!step.did.tells_server(), "the server need not be told that it is done");
                    }
                }
            }
        }
    }
}

#[test]
fn finish() {
    for word in words() {
        for is_shared in [false, true] {
            match if is_shared { word.finish_shared() } else { word.finish() } {
                Err(refused) => assert!(refused == Refused::OutOfOrder && !word.has(CLIENT)),
                Ok(step) => {
                    assert!(word.has(CLIENT));
                    side_ends(word, step, CLIENT, false);
                    assert!(is_shared || !step.did.wakes_client(), "the client is awake");
                    if word.phase() == Phase::Pending {
                        assert_eq!(step.did.phase(), Phase::Canceled);
                        assert_eq!(step.did.tells_server(), word.has(SERVER) && !word.has(REQUESTED));
                        assert_eq!(step.did.wakes_client(), is_shared && word.has(CLIENT_WAITS));
                    }
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
            Ok(step) if step.did.admitted() => {
                assert!(word.phase() == Phase::Pending && !word.has(REQUESTED), "canceled before: never entered");
                assert_eq!(step.next, State(word.0 | SERVING));
                assert!(!step.did.wakes_anybody() && !step.did.vacated() && !step.did.unpins_after());
                // left at once, nothing has changed
                assert_eq!(step.next.leave(), plain(word));
            }
            Ok(step) => {
                assert!(word.phase() != Phase::Pending || word.has(REQUESTED));
                side_ends(word, step, SERVER, false);
                if word.phase() == Phase::Pending {
                    assert_eq!(step.did.phase(), Phase::Canceled);
                    assert_eq!(step.did.wakes_client(), word.has(CLIENT_WAITS));
                }
            }
        }
        match word.leave() {
            Err(refused) => assert!(refused == Refused::OutOfOrder && !word.has(SERVING)),
            Ok(step) => {
                lawful(word, step.next);
                if word.has(SERVER) {
                    assert_eq!(step.next, State(word.0 & !SERVING), "the completion still owes its pin");
                } else if step.next.phase() != Phase::Vacant {
                    assert_eq!(step.next.pins() + 1, word.pins());
                }
                assert_eq!(step.did.vacated(), step.next.phase() == Phase::Vacant);
                assert!(!step.did.wakes_anybody() && !step.did.unpins_after());
            }
        }
    }
}

#[test]
fn cancel_note_and_announce() {
    for word in words() {
        let pending = word.phase() == Phase::Pending;
        match word.cancel() {
            Ok(Step { next, did }) => {
                lawful(word, next);
                assert!(pending && next.phase() == Phase::Canceled && next.has(REQUESTED));
                assert_eq!(next.pins(), word.pins());
                assert!(did.ended() && !did.vacated() && !did.unpins_after());
                for awake in [None, Some(Side::Client), Some(Side::Canceller)] {
                    let did = did.unless_awake(awake);
                    let wakes = |side, bit| awake != Some(side) && word.has(bit);
                    assert_eq!(did.wakes_client(), wakes(Side::Client, CLIENT_WAITS));
                    assert_eq!(did.wakes_canceller(), wakes(Side::Canceller, CANCELLER_WAITS));
                }
                assert_eq!(did.tells_server(), word.has(SERVER) && !word.has(REQUESTED), "told once");
            }
            Err(refused) => assert!(!pending && refusal_fits(word, refused)),
        }
        for sooner in [false, true] {
            match if sooner { word.note_sooner_request() } else { word.note_request() } {
                Ok(Step { next, did }) => {
                    lawful(word, next);
                    assert!(pending && next.phase() == Phase::Pending && next.has(REQUESTED));
                    assert_eq!(next.has(CLIENT_WAITS), word.has(CLIENT_WAITS), "whoever comes next wakes it, too");
                    assert_eq!(
                        next.has(SOONER),
                        word.has(SOONER) || sooner,
                        "a client about to sleep sees another word"
                    );
                    assert_eq!(next.has(CANCELLER_WAITS), word.has(CANCELLER_WAITS));
                    let wakes = (did.wakes_client(), did.wakes_canceller());
                    assert_eq!(wakes, (word.has(CLIENT_WAITS) && sooner, false));
                    assert!(!did.ended() && !did.vacated() && !did.unpins_after());
                    assert_eq!(did.tells_server(), word.has(SERVER) && !word.has(REQUESTED), "told once");
                }
                Err(refused) => assert!(!pending && refusal_fits(word, refused)),
            }
        }
        let announcements = [
            (word.client_waits(), CLIENT_WAITS, SOONER),
            (word.client_polls(), CLIENT_WAITS, 0),
            (word.canceller_waits(), CANCELLER_WAITS, 0),
        ];
        for (announced, bit, taken_back) in announcements {
            match announced {
                Ok(step) => {
                    assert!(pending && Ok(step) == plain(State(word.0 & !taken_back | bit)));
                }
                Err(refused) => assert!(!pending && refusal_fits(word, refused)),
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
    let mut tried = (0, 0);
    for word in every_word() {
        for generation in [0, 1, 2] {
            if let Some(delivered) = word.deliver(generation) {
                let step = word.of(generation).and_then(State::complete).unwrap();
                assert_eq!((step.next, step.did.phase()), (delivered, Phase::Completed), "{word:?}");
                assert!(!step.did.wakes_anybody() && !step.did.unpins_after() && !step.did.vacated());
                tried.0 += 1;
            }
            if let Some(vacant) = word.finish_delivered(generation) {
                let step = word.of(generation).and_then(State::finish).unwrap();
                assert_eq!((step.next, step.did.phase()), (vacant, Phase::Completed), "{word:?}");
                assert!(!step.did.wakes_anybody() && !step.did.unpins_after());
                assert_eq!(vacant.phase(), Phase::Vacant);
                tried.1 += 1;
            }
        }
    }
    // one word for each generation that was tried
    assert_eq!(tried, (2, 2));
}
