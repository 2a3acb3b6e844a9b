//! Whether a trace in Chrome's JSON format is sound: what viewers pass over in silence is an error here.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::{Context, Result, bail, ensure};
use serde::Deserialize;

/// The file.
#[derive(Deserialize)]
pub(super) struct Trace {
    /// Its events, in no order.
    #[serde(rename = "traceEvents")]
    pub(super) events: Vec<Event>,
}

/// One event; what its phase does not need is absent.
#[derive(Deserialize)]
pub(super) struct Event {
    pub(super) ph: String,
    pub(super) pid: u32,
    pub(super) tid: u32,
    /// Microseconds.
    pub(super) ts: f64,
    pub(super) name: String,
    pub(super) dur: Option<f64>,
    pub(super) id: Option<u64>,
    pub(super) args: Option<Args>,
}

#[derive(Deserialize)]
pub(super) struct Args {
    pub(super) name: Option<String>,
}

/// A thread of a process.
pub(super) type Track = (u32, u32);

/// What a sound trace holds.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Contents {
    /// Spans and calls.
    pub slices: usize,
    /// Moments.
    pub instants: usize,
    /// Arrows.
    pub arrows: usize,
    /// Named threads.
    pub tracks: usize,
}

/// Reads `json`.
pub(super) fn read(json: &str) -> Result<Trace> {
    serde_json::from_str(json).context("not a trace")
}

/// Reads `json`. An error unless every beginning has its end, the slices of a thread nest, every arrow starts and ends in a slice, and
/// every process and thread has a name.
pub fn check(json: &str) -> Result<Contents> {
    let trace = read(json)?;
    let mut contents = Contents::default();
    let mut processes = BTreeSet::new();
    let mut tracks = BTreeSet::new();
    let mut slices: BTreeMap<Track, Vec<(f64, f64)>> = BTreeMap::new();
    for event in &trace.events {
        let track = (event.pid, event.tid);
        match event.ph.as_str() {
            "M" => {
                let named =
                    event.args.as_ref().is_some_and(|args| args.name.as_ref().is_some_and(|name| !name.is_empty()));
                ensure!(named, "an empty {}", event.name);
                if event.name == "process_name" {
                    processes.insert(event.pid);
                } else {
                    tracks.insert(track);
                }
            }
            "i" => contents.instants += 1,
            "X" => {
                contents.slices += 1;
                let dur = event.dur.context("a slice without a duration")?;
                ensure!(dur >= 0.0, "{} ends before it begins", event.name);
                slices.entry(track).or_default().push((event.ts, event.ts + dur));
            }
            "b" => contents.slices += 1,
            "s" => contents.arrows += 1,
            "e" | "f" => {}
            other => bail!("an event of the unexpected phase {other}"),
        }
    }
    for event in trace.events.iter().filter(|event| event.ph != "M") {
        ensure!(processes.contains(&event.pid), "process {} has no name", event.pid);
        ensure!(tracks.contains(&(event.pid, event.tid)), "thread {} has no name", event.tid);
    }
    for (track, slices) in &mut slices {
        ensure!(nest(slices), "slices of {track:?} overlap");
    }
    paired(&trace.events, "b", "e")?;
    paired(&trace.events, "s", "f")?;
    for end in trace.events.iter().filter(|event| matches!(event.ph.as_str(), "s" | "f")) {
        let of_track = slices.get(&(end.pid, end.tid)).map_or(&[][..], Vec::as_slice);
        let lands = of_track.iter().any(|(begin, over)| *begin <= end.ts && end.ts <= *over);
        ensure!(lands, "an arrow's end at {} is in no slice", end.ts);
    }
    contents.tracks = tracks.len();
    Ok(contents)
}

/// Whether each slice lies within the one that is open when it begins.
fn nest(slices: &mut [(f64, f64)]) -> bool {
    /// Times are written with three decimals.
    const ROUNDING: f64 = 0.0015;
    slices.sort_by(|a, b| a.0.total_cmp(&b.0).then(b.1.total_cmp(&a.1)));
    let mut open: Vec<f64> = Vec::new();
    slices.iter().all(|(begin, end)| {
        while open.last().is_some_and(|over| *over <= begin + ROUNDING) {
            open.pop();
        }
        let within = open.last().is_none_or(|over| *end <= over + ROUNDING);
        open.push(*end);
        within
    })
}

/// Each `first` has one `last` with its id, which is not earlier; and the other way round.
fn paired(events: &[Event], first: &str, last: &str) -> Result<()> {
    let times = |phase: &str| -> Result<BTreeMap<u64, f64>> {
        let mut times = BTreeMap::new();
        for event in events.iter().filter(|event| event.ph == phase) {
            let id = event.id.with_context(|| format!("`{phase}` without an id"))?;
            ensure!(times.insert(id, event.ts).is_none(), "`{phase}` twice with the id {id}");
        }
        Ok(times)
    };
    let (begins, ends) = (times(first)?, times(last)?);
    for (id, begin) in &begins {
        let end = ends.get(id).with_context(|| format!("`{first}` {id} has no `{last}`"))?;
        ensure!(begin <= end, "`{last}` {id} is before its `{first}`");
    }
    ensure!(ends.len() == begins.len(), "a `{last}` without its `{first}`");
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    const NAMES: &str = r#"
        {"ph":"M","pid":1,"tid":0,"ts":0,"name":"process_name","args":{"name":"p"}},
        {"ph":"M","pid":1,"tid":2,"ts":0,"name":"thread_name","args":{"name":"t"}}"#;

    fn of(events: &str) -> Result<Contents> {
        check(&format!(r#"{{"traceEvents":[{NAMES},{events}]}}"#))
    }

    fn event(phase: &str, ts: u32, more: &str) -> String {
        format!(r#"{{"ph":"{phase}","pid":1,"tid":2,"ts":{ts},"name":"n"{more}}}"#)
    }

    fn all(events: &[String]) -> Result<Contents> {
        of(&events.join(","))
    }

    #[test]
    fn a_sound_trace_is_counted() {
        let contents = all(&[
            event("X", 0, r#","dur":10"#),
            event("X", 2, r#","dur":8"#),
            event("b", 3, r#","id":1"#),
            event("e", 12, r#","id":1"#),
            event("s", 3, r#","id":2"#),
            event("f", 4, r#","id":2"#),
            event("i", 5, ""),
        ]);
        assert_eq!(contents.unwrap(), Contents { slices: 3, instants: 1, arrows: 1, tracks: 1 });
    }

    #[test]
    fn what_is_cut_off_or_empty_is_no_trace() {
        assert!(check(r#"{"traceEvents":["#).is_err());
        assert!(check("{}").is_err());
    }

    #[test]
    fn a_beginning_without_its_end_is_found() {
        assert!(all(&[event("b", 0, r#","id":1"#)]).is_err());
        assert!(all(&[event("e", 0, r#","id":1"#)]).is_err());
        assert!(all(&[event("b", 5, r#","id":1"#), event("e", 4, r#","id":1"#)]).is_err());
        assert!(all(&[event("b", 3, r#","id":1"#), event("e", 4, r#","id":2"#)]).is_err());
        assert!(all(&[event("X", 0, "")]).is_err());
        assert!(all(&[event("B", 0, "")]).is_err());
    }

    #[test]
    fn slices_that_cross_are_found() {
        assert!(all(&[event("X", 0, r#","dur":10"#), event("X", 5, r#","dur":10"#)]).is_err());
        assert!(all(&[event("X", 0, r#","dur":10"#), event("X", 10, r#","dur":10"#)]).is_ok());
    }

    #[test]
    fn an_arrow_into_the_void_is_found() {
        let arrow = [event("s", 3, r#","id":2"#), event("f", 4, r#","id":2"#)];
        assert!(all(&arrow).is_err());
    }

    #[test]
    fn nameless_threads_are_found() {
        assert!(of(r#"{"ph":"i","pid":1,"tid":3,"ts":0,"name":"n"}"#).is_err());
        assert!(of(r#"{"ph":"i","pid":2,"tid":2,"ts":0,"name":"n"}"#).is_err());
    }
}
