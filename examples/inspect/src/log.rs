//! The records in a board's log: what `cocancel::defmt::log_calls` logged, as probe-rs or defmt-print decoded it.
//!
//! A record is a line with the tick, one for each call, and one with their number; other lines may stand between. What stands before the text
//! of a line is the decoder's: only its first word counts, the timestamp, if it is one in milliseconds or in seconds with a point. From
//! it and from the lines that tell of beginnings come the ages.

use std::collections::HashMap;
use std::io::{BufRead, Write};

use anyhow::{Context, Result, bail, ensure};
use cocancel::{CallHandle, CallInfo, Phase};
use regex::{Captures, Regex};

use crate::table::write_table;

const HEADING: &str = r"cocancel: (\d+) threads, tick (\d+)";
const BEGUN: &str = r"\bcall 0x([0-9a-f]+): Begun\b";
const CALL: &str = concat!(
    r"\bcall 0x([0-9a-f]+): (\w+), thread (?:None|Some\((\d+)\)), (\d+) pins, ",
    r"requested: (\w+), client: (\w+), server: (\w+), serving: (\w+), disabled: (\w+), ",
    r"remaining: (?:None|Some\((\d+)\))"
);
const END: &str = r"\b(\d+) in use\b";

/// A record that has begun.
struct Record {
    heading: String,
    /// The heading's timestamp.
    at: Option<u32>,
    calls: Vec<CallInfo>,
}

/// Reads a log to its end and writes the table of each record as soon as it is whole. Gives how many there were.
///
/// # Errors
///
/// A record that is cut off or has other calls than it says; those of reading and writing.
pub fn show(log: impl BufRead, out: &mut impl Write) -> Result<usize> {
    let [heading, begun, call, end] =
        [HEADING, BEGUN, CALL, END].map(|pattern| Regex::new(pattern).expect("it is tested"));
    let mut beginnings = HashMap::new();
    let mut record: Option<Record> = None;
    let mut records = 0;
    for line in log.lines() {
        let line = line?;
        if let Some(found) = begun.captures(&line) {
            beginnings.insert(number(&found, 1, 16)?, timestamp(&line));
        } else if let Some(found) = heading.find(&line) {
            ensure!(record.is_none(), "a record is cut off before: {line}");
            record = Some(Record { heading: found.as_str().to_owned(), at: timestamp(&line), calls: Vec::new() });
        } else if let (Some(record), Some(found)) = (&mut record, call.captures(&line)) {
            record.calls.push(row(&found).with_context(|| line.clone())?);
        } else if let Some(found) = end.captures(&line)
            && let Some(whole) = record.take()
        {
            let (all, read) = (number(&found, 1, 10)?, whole.calls.len());
            ensure!(read == all as usize, "{all} calls are in use, and the log has {read} of them");
            let age = |call: CallHandle| {
                let begun = *beginnings.get(&u32::try_from(call.to_bits()).ok()?)?;
                Some(whole.at?.wrapping_sub(begun?))
            };
            let mut text = format!("{}\n", whole.heading);
            write_table(&mut text, whole.calls.iter().copied(), age)?;
            out.write_all(text.as_bytes())?;
            out.flush()?;
            records += 1;
        }
    }
    ensure!(record.is_none(), "the last record is cut off");
    Ok(records)
}

/// Milliseconds of a line's timestamp, wrapping.
fn timestamp(line: &str) -> Option<u32> {
    let first = line.split_whitespace().next()?;
    let ms = match first.split_once('.') {
        None => first.parse::<u64>().ok()?,
        Some((seconds, rest)) => {
            let fraction = rest.chars().chain("00".chars()).take(3).collect::<String>();
            seconds.parse::<u64>().ok()?.checked_mul(1000)?.checked_add(fraction.parse().ok()?)?
        }
    };
    Some(ms as u32)
}

fn number(found: &Captures<'_>, group: usize, base: u32) -> Result<u32> {
    u32::from_str_radix(&found[group], base).context("a number that is too large for a board")
}

fn row(found: &Captures<'_>) -> Result<CallInfo> {
    let maybe = |group| found.get(group).map(|_| number(found, group, 10)).transpose();
    let flag = |group: usize| found[group].parse::<bool>().context("neither true nor false");
    Ok(CallInfo {
        call: CallHandle::from_bits(number(found, 1, 16)? as usize).context("no handle")?,
        phase: match &found[2] {
            "Claimed" => Phase::Claimed,
            "Pending" => Phase::Pending,
            "Completed" => Phase::Completed,
            "Failed" => Phase::Failed,
            "Canceled" => Phase::Canceled,
            "Custom" => Phase::Custom,
            other => bail!("no phase: {other}"),
        },
        thread: maybe(3)?,
        pins: number(found, 4, 10)?,
        requested: flag(5)?,
        client: flag(6)?,
        server: flag(7)?,
        serving: flag(8)?,
        disabled: flag(9)?,
        remaining: maybe(10)?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const BEGINNING: &str =
        "0.003 DEBUG call 0x5: Begun\n1500 [DEBUG] call 0x9: Begun (src/stuck.rs:1)\nDEBUG call 0xd: Begun\n";
    const FLAGS: &str =
        "requested: false, client: true, server: true, serving: false, disabled: false, remaining: Some(30)";

    fn record(count: u32) -> String {
        let calls = ["5", "9", "d", "11"]
            .map(|call| format!("2.000 call 0x{call}: Pending, thread Some(1), 2 pins, {FLAGS}\n"));
        format!(
            "{BEGINNING}2.000 cocancel: 1 threads, tick 2000\n{}2.000 INFO something else\n2.000 {count} in use\n",
            calls.concat()
        )
    }

    fn shown(log: &str) -> Result<String> {
        let mut text = Vec::new();
        show(log.as_bytes(), &mut text)?;
        Ok(String::from_utf8(text)?)
    }

    #[test]
    fn ages_come_from_timestamps() {
        let text = shown(&record(4)).unwrap();
        let ages: Vec<&str> = text.lines().skip(2).filter_map(|line| line.get(21..37)).map(str::trim).collect();
        assert_eq!(ages, ["1.997 s", "0.500 s", "-", "-"], "{text}");
        assert!(text.starts_with("cocancel: 1 threads, tick 2000\n") && text.ends_with("4 in use\n"));
    }

    #[test]
    fn a_log_that_lost_lines_is_refused() {
        assert!(shown(&record(5)).is_err());
        let whole = record(4);
        assert!(shown(whole.strip_suffix("2.000 4 in use\n").unwrap()).is_err());
        assert!(shown(&format!("cocancel: 1 threads, tick 1\n{whole}")).is_err());
        assert!(shown(&whole.replace("Pending", "Sleeping")).is_err());
        assert_eq!(show(&b"nothing of it\n3 in use\n"[..], &mut Vec::new()).unwrap(), 0);
    }
}
