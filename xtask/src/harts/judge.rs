//! Whether what two harts were answered could have come from one operation after the other, and whether they raced.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::{Context, Result, ensure};
use cocancel_model::{CallId, Op as ModelOp, Owner};

use super::host::history::{Had, Recorded, STATES, Verdict, table, verdict};
use super::orders::{Outcome, complete_orders, model_op};
use super::scenarios::{Call, Op, SCENARIOS, Scenario};

/// An operation as a hart saw it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Answer {
    invoked: usize,
    responded: usize,
    hresult: u32,
    owner: u32,
    orphans: u32,
}

/// What both harts did in one round: for each operation its answer, `None` if the hart had nothing to do it with.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Round([Vec<Option<Answer>>; 2]);

/// What came of a scenario.
#[derive(Debug, Default)]
pub struct Seen {
    rounds: usize,
    /// Rounds in which an operation of one hart ran while one of the other did.
    overlapping: usize,
    /// How often the answers were these.
    outcomes: BTreeMap<Outcome, usize>,
    /// Rounds that were judged already: most repeat.
    judged: BTreeSet<Round>,
    /// The first that no order explains.
    wrong: Option<String>,
}

/// The image's output: the rounds of each scenario.
pub fn rounds(output: &str) -> Result<BTreeMap<usize, Vec<Round>>> {
    let mut rounds: BTreeMap<(usize, usize), Round> = BTreeMap::new();
    for line in output.lines() {
        let mut words = line.split(' ');
        let mut number = || words.next().and_then(|word| usize::from_str_radix(word, 16).ok());
        let (Some(scenario), Some(round), Some(hart @ 0..2)) = (number(), number(), number()) else { continue };
        let answers = words.map(answer).collect::<Result<_>>().with_context(|| line.to_owned())?;
        rounds.entry((scenario, round)).or_default().0[hart] = answers;
    }
    let mut all: BTreeMap<usize, Vec<Round>> = BTreeMap::new();
    for ((scenario, _), round) in rounds {
        all.entry(scenario).or_default().push(round);
    }
    Ok(all)
}

fn answer(word: &str) -> Result<Option<Answer>> {
    if word == "-" {
        return Ok(None);
    }
    let numbers = word.split('.').map(|number| u32::from_str_radix(number, 16)).collect::<Result<Vec<_>, _>>()?;
    let [invoked, responded, hresult, owner, orphans] = numbers[..] else { anyhow::bail!("not five numbers: {word}") };
    Ok(Some(Answer { invoked: invoked as usize, responded: responded as usize, hresult, owner, orphans }))
}

/// All that a hart does in a scenario.
pub fn operations(scenario: &Scenario, hart: usize) -> Vec<Op> {
    let before = if hart == 0 { scenario.before } else { &[] };
    let mine = scenario.harts[hart];
    let exit: &[Op] = if mine.last() == Some(&Op::Exit) { &[] } else { &[Op::Exit] };
    [before, mine, exit].concat()
}

impl Round {
    fn outcome(&self) -> Outcome {
        self.0.each_ref().map(|hart| hart.iter().map(|answer| answer.as_ref().map(|a| a.hresult)).collect())
    }

    /// Whether the harts did something at the same time, after what hart 0 did alone.
    fn overlaps(&self, scenario: &Scenario) -> bool {
        let racing = |hart: usize| {
            let alone = if hart == 0 { scenario.before.len() } else { 0 };
            self.0[hart].iter().skip(alone).flatten()
        };
        racing(0).any(|a| racing(1).any(|b| a.invoked < b.responded && b.invoked < a.responded))
    }

    fn history(&self, scenario: &Scenario) -> Result<Vec<Recorded>> {
        let mut history = Vec::new();
        for hart in 0..2 {
            let operations = operations(scenario, hart);
            ensure!(operations.len() == self.0[hart].len(), "hart {hart} did not do all of it");
            let mut has = Has::default();
            for (op, answer) in operations.into_iter().zip(&self.0[hart]) {
                let Some(answer) = answer else { continue };
                let had = if op == Op::Exit { has.at_exit(answer.orphans) } else { Had::default() };
                has.after(hart, op, answer.hresult);
                history.push(Recorded {
                    thread: hart as u32 + 1,
                    op: model_op(hart, op),
                    hresult: answer.hresult,
                    owner: [Owner::None, Owner::Client, Owner::Server][answer.owner as usize % 3],
                    invoked: answer.invoked,
                    responded: answer.responded,
                    had,
                });
            }
        }
        Ok(history)
    }
}

/// What a hart's thread has, for its exit.
#[derive(Default)]
struct Has {
    calls: Vec<Call>,
    serving: Vec<(u32, CallId)>,
}

impl Has {
    fn after(&mut self, hart: usize, op: Op, hresult: u32) {
        match (op, model_op(hart, op)) {
            (Op::Begin(call) | Op::BeginTimed(call, _), _) if hresult == 0 => self.calls.push(call),
            (Op::Finish(call), _) => self.calls.retain(|c| *c != call),
            (_, ModelOp::Enter { call, frame }) if hresult == 0 => self.serving.push((frame, call)),
            (_, ModelOp::Leave { frame }) => self.serving.retain(|(f, _)| *f != frame),
            _ => {}
        }
    }

    fn at_exit(&self, orphans: u32) -> Had {
        Had {
            serving: self.serving.iter().rev().copied().collect(),
            calls: self.calls.iter().rev().map(|call| *call as CallId + 1).collect(),
            orphaned: (0..32).filter(|bit| orphans >> bit & 1 != 0).collect(),
        }
    }
}

impl Seen {
    /// Judges more rounds.
    pub fn add(&mut self, scenario: &Scenario, rounds: Vec<Round>) -> Result<()> {
        for round in rounds {
            self.rounds += 1;
            self.overlapping += usize::from(round.overlaps(scenario));
            *self.outcomes.entry(round.outcome()).or_default() += 1;
            if self.judged.contains(&round) {
                continue;
            }
            let history = round.history(scenario)?;
            // these are short: one that takes the search too long is an error of the checker's
            let found = verdict(&history, STATES);
            if self.wrong.is_none() && found != Verdict::Linearizable {
                self.wrong = Some(format!("{found:?}\n{}", table(&history)));
            }
            self.judged.insert(round);
        }
        Ok(())
    }

    /// The outcomes of operations in complete orders that were not seen yet.
    pub fn missing(&self, scenario: &Scenario) -> Vec<Outcome> {
        complete_orders(scenario).into_iter().filter(|outcome| !self.outcomes.contains_key(outcome)).collect()
    }

    /// Whether more rounds may show more.
    pub fn is_settled(&self, scenario: &Scenario) -> bool {
        self.wrong.is_some() || (self.overlapping > 0 && self.missing(scenario).is_empty())
    }

    /// Whether all is as it must be.
    pub fn verdict(&self, scenario: &Scenario) -> Result<()> {
        if let Some(history) = &self.wrong {
            anyhow::bail!("no order of these operations gives these answers:\n{history}");
        }
        ensure!(self.overlapping > 0, "the harts never did anything at the same time");
        let missing = self.missing(scenario);
        ensure!(missing.is_empty(), "never seen: {}", missing.iter().map(show).collect::<Vec<_>>().join("; "));
        Ok(())
    }

    /// How often what was seen.
    pub fn report(&self, scenario: &Scenario) -> String {
        let whole = complete_orders(scenario);
        let mut text = format!(
            "{}: {} rounds, {} with operations at the same time, {} different histories\n",
            scenario.name,
            self.rounds,
            self.overlapping,
            self.judged.len()
        );
        for (outcome, count) in &self.outcomes {
            let note = if whole.contains(outcome) { "" } else { "  (one operation between the steps of another)" };
            text += &format!("{count:8}  {}{note}\n", show(outcome));
        }
        text
    }
}

/// The answers, without those of exits, which are always the same.
fn show(outcome: &Outcome) -> String {
    let hart = |answers: &Vec<Option<u32>>| {
        let words: Vec<_> = answers.iter().map(|a| a.map_or("-".to_owned(), |code| format!("{code:X}"))).collect();
        words.join(" ")
    };
    format!("[{}] [{}]", hart(&outcome[0]), hart(&outcome[1]))
}

/// All scenarios, with nothing seen.
pub fn nothing_seen() -> Vec<Seen> {
    SCENARIOS.iter().map(|_| Seen::default()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// "complete races finish"
    fn judge(text: &str) -> Seen {
        let scenario = SCENARIOS.iter().position(|s| s.name == "complete races finish").unwrap();
        let mut seen = Seen::default();
        let text = text.replace('S', &format!("{scenario:x}"));
        for rounds in rounds(&text).unwrap().into_values() {
            seen.add(&SCENARIOS[scenario], rounds).unwrap();
        }
        seen
    }

    const BEFORE: &str = "0.1.0.0.0 2.3.0.0.0";

    #[test]
    fn what_can_have_happened_is_accepted() {
        let seen = judge(&format!(
            "S 0 0 {BEFORE} 4.7.0.1.0 8.9.0.0.0\nS 0 1 5.6.0.1.0 a.b.0.0.0\n\
             S 1 1 6.7.80010002.2.0 a.b.0.0.0\nS 1 0 {BEFORE} 4.5.80010002.0.0 8.9.0.0.0\nnoise\n"
        ));
        assert_eq!((seen.rounds, seen.overlapping, seen.wrong.is_none()), (2, 1, true));
        seen.verdict(SCENARIOS.iter().find(|s| s.name == "complete races finish").unwrap()).unwrap();
    }

    #[test]
    fn what_cannot_is_refused() {
        // both say that the record is theirs
        let seen = judge(&format!("S 0 0 {BEFORE} 4.7.0.1.0 8.9.0.0.0\nS 0 1 5.6.80010002.2.0 a.b.0.0.0\n"));
        assert!(seen.wrong.is_some());
    }

    #[test]
    fn one_order_only_is_not_enough() {
        let scenario = SCENARIOS.iter().find(|s| s.name == "complete races finish").unwrap();
        let seen = judge(&format!("S 0 0 {BEFORE} 4.7.0.1.0 8.9.0.0.0\nS 0 1 5.6.0.1.0 a.b.0.0.0\n"));
        assert!(!seen.is_settled(scenario));
        assert!(seen.verdict(scenario).unwrap_err().to_string().contains("never seen"));
    }

    #[test]
    fn every_scenario_that_is_a_race_has_more_than_one_outcome() {
        let one: Vec<_> = SCENARIOS.iter().filter(|s| complete_orders(s).len() < 2).map(|s| s.name).collect();
        // whose order is decided by the waiting
        assert_eq!(
            one,
            [
                "the client waits for its server",
                "the client waits and is cancelled",
                "the client waits, the request comes with grace"
            ]
        );
    }
}
