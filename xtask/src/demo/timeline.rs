//! A trace as a picture: a row for each thread, and moments from left to right in their order. Not to scale, so that two runs of a
//! scene give the same picture; where a tenth of a second or more goes by, the picture says how many.

use std::collections::BTreeMap;

use anyhow::{Context, Result};
use svg::Document;
use svg::node::element::{Circle, Line, Rectangle, Text};

use super::trace::{Event, Track, read};

const LEFT: f64 = 210.0;
const STEP: f64 = 66.0;
const PAUSE: f64 = 130.0;
const ROW: f64 = 64.0;
const TOP: f64 = 30.0;
/// Microseconds. Closer moments are one: times are written with three decimals.
const SAME: f64 = 0.0015;
/// Microseconds that are worth a label.
const LONG: f64 = 100_000.0;

/// Where the moments stand.
struct Axis(Vec<(f64, f64)>);

impl Axis {
    fn of(events: &[Event]) -> (Self, Vec<(f64, f64)>) {
        let mut times: Vec<f64> = events
            .iter()
            .filter(|event| event.ph != "M")
            .flat_map(|event| [Some(event.ts), event.dur.map(|dur| event.ts + dur)])
            .flatten()
            .collect();
        times.sort_by(f64::total_cmp);
        times.dedup_by(|later, earlier| *later - *earlier < SAME);
        let (mut at, mut last) = (LEFT, None);
        let (mut places, mut pauses) = (Vec::new(), Vec::new());
        for time in times {
            if let Some(gap) = last.map(|last| time - last) {
                if gap >= LONG {
                    pauses.push((at + PAUSE / 2.0, gap));
                }
                at += if gap >= LONG { PAUSE } else { STEP };
            }
            places.push((time, at));
            last = Some(time);
        }
        (Self(places), pauses)
    }

    fn at(&self, time: f64) -> f64 {
        let after = self.0.partition_point(|(moment, _)| *moment <= time + SAME);
        self.0.get(after.saturating_sub(1)).map_or(LEFT, |place| place.1)
    }

    fn end(&self) -> f64 {
        self.0.last().map_or(LEFT, |place| place.1)
    }
}

/// The threads' rows, those of the process that comes first in the trace first, each with its name.
fn rows(events: &[Event]) -> BTreeMap<Track, (usize, String)> {
    let name = |event: &Event| event.args.as_ref().and_then(|args| args.name.clone()).unwrap_or_default();
    let named = |kind: &'static str| events.iter().filter(move |event| event.ph == "M" && event.name == kind);
    let processes: Vec<(u32, String)> = named("process_name").map(|event| (event.pid, name(event))).collect();
    let mut rows = BTreeMap::new();
    for (pid, process) in &processes {
        for event in named("thread_name").filter(|event| event.pid == *pid) {
            let row = rows.len();
            rows.insert((event.pid, event.tid), (row, format!("{process}: {}", name(event))));
        }
    }
    rows
}

fn text(x: f64, y: f64, size: u32, anchor: &str, content: impl Into<String>) -> Text {
    let text = Text::new(content).set("x", x).set("y", y).set("font-size", size).set("text-anchor", anchor);
    text.set("font-family", "sans-serif").set("fill", "#222")
}

fn line(from: (f64, f64), to: (f64, f64), colour: &str) -> Line {
    Line::new().set("x1", from.0).set("y1", from.1).set("x2", to.0).set("y2", to.1).set("stroke", colour)
}

/// Draws the trace `json`.
pub fn draw(json: &str) -> Result<Document> {
    let mut events = read(json)?.events;
    events.sort_by(|a, b| a.ts.total_cmp(&b.ts));
    let rows = rows(&events);
    let (axis, pauses) = Axis::of(&events);
    let (width, height) = (axis.end() + STEP, TOP + ROW * rows.len() as f64 + 10.0);
    let middle = |event: &Event| -> Result<f64> {
        let (row, _) = rows.get(&(event.pid, event.tid)).context("an event of a thread without a name")?;
        Ok(TOP + ROW * (*row as f64 + 0.5))
    };
    let background = Rectangle::new().set("width", "100%").set("height", "100%").set("fill", "white");
    let mut picture = Document::new().set("viewBox", (0, 0, width, height)).add(background);
    // by row: ids are others in every run
    let mut names: Vec<_> = rows.values().collect();
    names.sort();
    for (row, name) in names {
        let y = TOP + ROW * (*row as f64 + 0.5);
        picture = picture.add(text(LEFT - 14.0, y + 4.0, 11, "end", name));
        picture = picture.add(line((LEFT, y), (width, y), "#ddd"));
    }
    for (x, gap) in pauses {
        picture = picture.add(text(x, TOP - 12.0, 11, "middle", format!("{:.1} s", gap / 1e6)));
        picture = picture.add(line((x, TOP), (x, height), "#ccc").set("stroke-dasharray", "3 3"));
    }
    for event in events.iter().filter(|event| event.ph == "X") {
        let (from, to, y) = (axis.at(event.ts), axis.at(event.ts + event.dur.unwrap_or(0.0)), middle(event)?);
        let slice = Rectangle::new().set("x", from).set("y", y - 9.0).set("width", (to - from).max(2.0));
        let slice = slice.set("height", 18.0).set("rx", 3).set("fill", "#9cc4e4").set("fill-opacity", 0.7);
        picture = picture.add(slice).add(text(from + 4.0, y + 22.0, 10, "start", &event.name));
    }
    for event in events.iter().filter(|event| event.ph == "i") {
        let (x, y) = (axis.at(event.ts), middle(event)?);
        picture = picture.add(Circle::new().set("cx", x).set("cy", y).set("r", 4).set("fill", "#1f4e79"));
        picture = picture.add(text(x, y - 14.0, 10, "middle", &event.name));
    }
    for start in events.iter().filter(|event| event.ph == "s") {
        let end =
            events.iter().find(|event| event.ph == "f" && event.id == start.id).context("an arrow without an end")?;
        let (from, to) = ((axis.at(start.ts), middle(start)?), (axis.at(end.ts), middle(end)?));
        picture = picture.add(line(from, to, "#c0392b").set("stroke-width", 2));
        picture = picture.add(Circle::new().set("cx", to.0).set("cy", to.1).set("r", 5).set("fill", "#c0392b"));
    }
    Ok(picture)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn trace(moments: [u32; 3], tid: u32) -> String {
        let [begin, asked, end] = moments;
        format!(
            r#"{{"traceEvents":[
            {{"ph":"M","pid":1,"tid":0,"ts":0,"name":"process_name","args":{{"name":"p"}}}},
            {{"ph":"M","pid":1,"tid":{tid},"ts":0,"name":"thread_name","args":{{"name":"t"}}}},
            {{"ph":"X","pid":1,"tid":{tid},"ts":{begin},"name":"call","dur":{}}},
            {{"ph":"i","pid":1,"tid":{tid},"ts":{asked},"name":"requested"}}]}}"#,
            end - begin
        )
    }

    #[test]
    fn two_runs_of_a_scene_give_one_picture() {
        let picture = |moments, tid| draw(&trace(moments, tid)).unwrap().to_string();
        assert_eq!(picture([3, 40, 1_000_900], 7), picture([5, 90, 1_002_300], 8));
        assert!(picture([3, 40, 1_000_900], 7).contains("1.0 s"));
        assert_ne!(picture([3, 40, 1_000_900], 7), picture([3, 40, 900], 7), "a pause shows");
        assert!(draw("{").is_err());
    }
}
