//! The figures of a run as Prometheus text, for node_exporter's textfile collector. Pure.
//!
//! ```text
//! Summary + what the file said before (LastKnown)
//!   -> lp_archive_last_success_timestamp_seconds{command="sync",account="75555851",stream="survey"} 1793491200
//! ```
//! The file stands still between runs, so that moments are what alerts should count from; ages are as of
//! the last run. What a run could not learn (a stream that it could not list, a run that ended before it
//! began) keeps the value that it had. A stream without any success yet has success time 0.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;

use super::summary::{FailedUnit, StreamSummary, Summary};

/// What a run is beside its figures.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct MetricsRun {
    /// `sync` or `convert`: a label, so that the files of both can lie side by side.
    pub command: String,
    /// Ids of the accounts of the run; empty when the run ended before they were known.
    pub accounts: Vec<String>,
    /// End of the run, in milliseconds since 1970.
    pub finished_ms: i64,
    pub exit_code: i32,
    /// Only a part of what is listed was to be archived, so that the run proves nothing about a stream.
    pub narrowed: bool,
    /// How long after the end of its scope the service keeps a part, at least, in milliseconds.
    pub retention_ms: i64,
}

/// Account and stream.
type Key = (String, String);

/// Values that outlive the run that learned them.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct LastKnown {
    accounts: String,
    values: BTreeMap<(&'static str, Key), i64>,
}

const SUCCESS: &str = "lp_archive_last_success_timestamp_seconds";
const LISTED: &str = "lp_archive_last_listing_timestamp_seconds";
const UNARCHIVED: &str = "lp_archive_unarchived_parts";
const OLDEST: &str = "lp_archive_oldest_unarchived_scope_end_timestamp_seconds";
const EXIT: &str = "lp_archive_last_run_exit_code";
const KEPT: [&str; 4] = [SUCCESS, LISTED, UNARCHIVED, OLDEST];

impl LastKnown {
    /// Reads a file that an earlier run of the same command wrote; lines that mean nothing here are passed over.
    pub fn parse(text: &str, command: &str) -> LastKnown {
        let mut known = LastKnown::default();
        for line in text.lines().filter(|line| !line.starts_with('#')) {
            let Some((name, labels, value)) = sample(line) else { continue };
            if labels.get("command").is_none_or(|of| of != command) {
                continue;
            }
            if name == EXIT
                && let Some(accounts) = labels.get("accounts")
            {
                known.accounts.clone_from(accounts);
            }
            let kept = KEPT.into_iter().find(|kept| *kept == name);
            if let (Some(name), Some(account), Some(stream)) =
                (kept, labels.get("account"), labels.get("stream"))
                && let Ok(value) = value.parse()
            {
                known.values.insert((name, (account.clone(), stream.clone())), value);
            }
        }
        known
    }

    /// What is known after a run.
    fn after(&self, run: &MetricsRun, summary: &Summary) -> LastKnown {
        let mut known = self.clone();
        if !run.accounts.is_empty() {
            known.accounts = run.accounts.join(",");
        }
        let now_s = run.finished_ms.div_euclid(1000);
        for ((account, stream), figures) in &summary.streams {
            let key = (account.clone(), stream.to_string());
            known.values.entry((SUCCESS, key.clone())).or_insert(0);
            if run.narrowed || !figures.complete {
                continue;
            }
            known.values.insert((LISTED, key.clone()), now_s);
            let Some(left) = figures.unarchived else { continue };
            known.values.insert((UNARCHIVED, key.clone()), i64::try_from(left).unwrap_or(i64::MAX));
            match figures.oldest_unarchived_end_ms {
                Some(end_ms) => known.values.insert((OLDEST, key.clone()), end_ms.div_euclid(1000)),
                None => known.values.remove(&(OLDEST, key.clone())),
            };
            if left == 0 {
                known.values.insert((SUCCESS, key), now_s);
            }
        }
        known
    }

    fn of(&self, name: &'static str) -> impl Iterator<Item = (&Key, i64)> {
        self.values.iter().filter(move |((kept, _), _)| *kept == name).map(|((_, key), value)| (key, *value))
    }
}

/// The whole file after a run. `before`: what the file said until now.
pub fn metrics_text(run: &MetricsRun, summary: &Summary, before: &LastKnown) -> String {
    let known = before.after(run, summary);
    let now_s = run.finished_ms.div_euclid(1000);
    let failed = summary.failed.iter().filter(|failure| failure.unit == FailedUnit::Part).count();
    let of_run = [("command", run.command.as_str()), ("accounts", known.accounts.as_str())];
    let mut text = Text::default();
    for (name, help, value) in [
        (
            "lp_archive_last_run_timestamp_seconds",
            "When the last run ended, whatever came of it.",
            number(now_s),
        ),
        (
            "lp_archive_last_run_duration_seconds",
            "How long the last run took.",
            format!("{:.3}", summary.seconds),
        ),
        (
            EXIT,
            "Exit code of the last run: 0 is all archived, 1 is worth running again.",
            number(run.exit_code),
        ),
        (
            "lp_archive_last_run_failed_parts",
            "Parts that the last run tried and could not archive.",
            number(failed),
        ),
        ("lp_archive_last_run_retries", "Requests that the last run sent again.", number(summary.retries)),
    ] {
        text.metric(name, help, [(of_run.to_vec(), value)]);
    }
    let key = |key: &'_ Key| key.clone();
    let streams: BTreeSet<Key> = known.values.keys().map(|(_, of)| key(of)).collect();
    let labels = |key: &'_ Key| {
        [("command", run.command.clone()), ("account", key.0.clone()), ("stream", key.1.clone())]
    };
    for (name, help) in [
        (
            SUCCESS,
            "When a run last left nothing unarchived of what the service lists of the stream; 0: never.",
        ),
        (LISTED, "When the stream was last listed whole."),
        (UNARCHIVED, "Parts that are listed and not archived, as of the last whole listing."),
        (
            OLDEST,
            "End of the scope of the oldest part that is listed and not archived; absent when there is none.",
        ),
    ] {
        text.metric(name, help, known.of(name).map(|(key, value)| (labels(key), number(value))));
    }
    text.metric(
        "lp_archive_oldest_unarchived_age_seconds",
        "Age of the oldest part that is listed and not archived, from the end of its scope, as of the last run; 0 when there is none.",
        streams.iter().filter_map(|key| {
            let end_s = known.values.get(&(OLDEST, key.clone()));
            let learned = known.values.contains_key(&(UNARCHIVED, key.clone()));
            (end_s.is_some() || learned).then(|| (labels(key), number(end_s.map_or(0, |end_s| now_s - end_s))))
        }),
    );
    text.metric(
        "lp_archive_oldest_unarchived_expires_in_seconds",
        "Seconds until the service may delete that part, as of the last run; absent when there is none.",
        known.of(OLDEST).map(|(key, end_s)| (labels(key), number(end_s + run.retention_ms / 1000 - now_s))),
    );
    type Figure = fn(&StreamSummary) -> u64;
    let figures: [(&str, &str, Figure); 3] = [
        ("lp_archive_last_run_listed_parts", "Parts that the last run saw listed.", |f| f.listed),
        ("lp_archive_last_run_archived_parts", "Parts that the last run archived.", |f| f.archived),
        ("lp_archive_last_run_quarantined_records", "Records that the last run put into quarantine.", |f| {
            f.quarantined
        }),
    ];
    for (name, help, figure) in figures {
        let samples = summary.streams.iter().map(|((account, stream), figures)| {
            (labels(&(account.clone(), stream.to_string())), number(figure(figures)))
        });
        text.metric(name, help, samples);
    }
    let rows = summary.streams.iter().flat_map(|((account, stream), figures)| {
        let of = labels(&(account.clone(), stream.to_string()));
        figures.rows.iter().map(move |(table, rows)| {
            let mut labels = of.to_vec();
            labels.push(("table", table.clone()));
            (labels, number(rows))
        })
    });
    text.metric("lp_archive_last_run_rows", "Rows that the last run archived.", rows);
    text.0
}

fn number(value: impl ToString) -> String {
    value.to_string()
}

#[derive(Default)]
struct Text(String);

impl Text {
    /// One metric with all its samples; nothing where there are none.
    fn metric<L, V>(&mut self, name: &str, help: &str, samples: impl IntoIterator<Item = (L, String)>)
    where
        L: IntoIterator<Item = (&'static str, V)>,
        V: AsRef<str>,
    {
        let mut begun = false;
        for (labels, value) in samples {
            if !begun {
                let _ = writeln!(self.0, "# HELP {name} {help}\n# TYPE {name} gauge");
                begun = true;
            }
            let labels: Vec<String> = labels
                .into_iter()
                .map(|(label, text)| format!("{label}=\"{}\"", escaped(text.as_ref())))
                .collect();
            let _ = writeln!(self.0, "{name}{{{}}} {value}", labels.join(","));
        }
    }
}

/// A label's value between its quotes. Source: Prometheus text format 0.0.4.
fn escaped(text: &str) -> String {
    text.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n")
}

/// `name{label="value",…} number` in its parts.
fn sample(line: &str) -> Option<(&str, BTreeMap<String, String>, &str)> {
    let (name, rest) = line.split_once('{')?;
    let mut labels = BTreeMap::new();
    let mut rest = rest;
    loop {
        if let Some(value) = rest.strip_prefix('}') {
            return Some((name, labels, value.trim()));
        }
        let (label, text) = rest.split_once("=\"")?;
        let mut value = String::new();
        let mut chars = text.char_indices();
        let end = loop {
            match chars.next()? {
                (at, '"') => break at + 1,
                (_, '\\') => match chars.next()?.1 {
                    'n' => value.push('\n'),
                    other => value.push(other),
                },
                (_, other) => value.push(other),
            }
        };
        labels.insert(label.trim_start_matches(',').to_owned(), value);
        rest = text.get(end..)?;
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::sample_run;
    use super::*;
    use crate::model::{Event, Stream};

    const DAY_MS: i64 = 86_400_000;

    fn run(finished_ms: i64) -> MetricsRun {
        MetricsRun {
            command: "sync".into(),
            accounts: vec!["1".into()],
            finished_ms,
            exit_code: 3,
            narrowed: false,
            retention_ms: 30 * DAY_MS,
        }
    }

    fn summary(events: impl IntoIterator<Item = Event>) -> Summary {
        let mut summary = Summary::default();
        events.into_iter().for_each(|event| summary.add(&event));
        summary
    }

    fn value(text: &str, start: &str) -> Option<String> {
        text.lines().find_map(|line| line.strip_prefix(start)).map(|rest| rest.trim().to_owned())
    }

    const SURVEY: &str = "{command=\"sync\",account=\"1\",stream=\"survey\"}";
    const ENGAGEMENT: &str = "{command=\"sync\",account=\"1\",stream=\"engagement\"}";

    #[test]
    fn figures_of_a_run_with_a_part_left() {
        let left = Event::Unarchived {
            account: "1".into(),
            stream: Stream::Survey,
            parts: 2,
            oldest_end_ms: Some(28 * DAY_MS),
        };
        let text = metrics_text(
            &run(30 * DAY_MS),
            &summary(sample_run().into_iter().chain([left])),
            &LastKnown::default(),
        );
        for (series, expected) in [
            ("lp_archive_last_run_timestamp_seconds{command=\"sync\",accounts=\"1\"}".to_owned(), "2592000"),
            (format!("{EXIT}{{command=\"sync\",accounts=\"1\"}}"), "3"),
            ("lp_archive_last_run_retries{command=\"sync\",accounts=\"1\"}".into(), "1"),
            ("lp_archive_last_run_failed_parts{command=\"sync\",accounts=\"1\"}".into(), "1"),
            (format!("{SUCCESS}{SURVEY}"), "0"),
            (format!("{LISTED}{SURVEY}"), "2592000"),
            (format!("{SUCCESS}{ENGAGEMENT}"), "0"),
            (format!("{UNARCHIVED}{SURVEY}"), "2"),
            (format!("lp_archive_oldest_unarchived_age_seconds{SURVEY}"), "172800"),
            (format!("lp_archive_oldest_unarchived_expires_in_seconds{SURVEY}"), "2419200"),
            (format!("lp_archive_last_run_archived_parts{SURVEY}"), "1"),
            (format!("lp_archive_last_run_quarantined_records{SURVEY}"), "1"),
            (
                "lp_archive_last_run_rows{command=\"sync\",account=\"1\",stream=\"survey\",table=\"surveys\"}".into(),
                "9",
            ),
        ] {
            assert_eq!(value(&text, &series).as_deref(), Some(expected), "{series}\n{text}");
        }
        assert_eq!(value(&text, &format!("{LISTED}{ENGAGEMENT}")), None, "it could not be listed");
        for line in text.lines().filter(|line| !line.starts_with('#')) {
            let name = line.split('{').next().unwrap();
            let types = text.matches(&format!("# TYPE {name} gauge\n")).count();
            assert_eq!((types, text.matches(&format!("# HELP {name} ")).count()), (1, 1), "{name}");
        }
    }

    #[test]
    fn what_a_run_could_not_learn_stays() {
        let all = |left: u64| {
            summary([
                Event::Listed { account: "1".into(), stream: Stream::Survey, parts: 5, missing: left },
                Event::Unarchived {
                    account: "1".into(),
                    stream: Stream::Survey,
                    parts: left,
                    oldest_end_ms: (left > 0).then_some(DAY_MS),
                },
            ])
        };
        let first = metrics_text(&run(DAY_MS), &all(0), &LastKnown::default());
        let success = format!("{SUCCESS}{SURVEY}");
        let age = format!("lp_archive_oldest_unarchived_age_seconds{SURVEY}");
        assert_eq!(value(&first, &success).as_deref(), Some("86400"));
        assert_eq!(value(&first, &age).as_deref(), Some("0"));
        assert!(!first.contains("expires_in"), "{first}");

        // A run that did not get to know its accounts.
        let unknown = MetricsRun { accounts: Vec::new(), exit_code: 2, ..run(2 * DAY_MS) };
        let second = metrics_text(&unknown, &Summary::default(), &LastKnown::parse(&first, "sync"));
        assert_eq!(value(&second, &success).as_deref(), Some("86400"));
        assert_eq!(
            value(&second, &format!("{EXIT}{{command=\"sync\",accounts=\"1\"}}")).as_deref(),
            Some("2")
        );

        // One that left a part, one that looked at a part of the listing only, one that could not list.
        let third = metrics_text(&run(3 * DAY_MS), &all(1), &LastKnown::parse(&second, "sync"));
        let narrowed = MetricsRun { narrowed: true, ..run(4 * DAY_MS) };
        let fourth = metrics_text(&narrowed, &all(0), &LastKnown::parse(&third, "sync"));
        let unlisted = summary([Event::ListingStarted {
            account: "1".into(),
            stream: Stream::Survey,
            window: crate::model::Window { from_ms: 0, to_ms: 1 },
        }]);
        let fifth = metrics_text(&run(5 * DAY_MS), &unlisted, &LastKnown::parse(&fourth, "sync"));
        for (text, days) in [(&third, 2), (&fourth, 3), (&fifth, 4)] {
            assert_eq!(value(text, &success).as_deref(), Some("86400"), "{text}");
            assert_eq!(value(text, &age), Some((days * DAY_MS / 1000).to_string()), "{text}");
        }
        assert_eq!(LastKnown::parse(&first, "convert"), LastKnown::default());
    }

    #[test]
    fn labels_come_back_as_they_were() {
        for hostile in ["", "a\"b", "a\\", "line\nbreak", "a,b=\"c\"}", "é\\n"] {
            let line =
                format!("{SUCCESS}{{command=\"sync\",account=\"{}\",stream=\"s\"}} 7", escaped(hostile));
            assert_eq!(line.lines().count(), 1);
            let (name, labels, value) = sample(&line).unwrap();
            assert_eq!((name, labels["account"].as_str(), value), (SUCCESS, hostile, "7"));
        }
        for broken in ["", "name", "name{", "name{a=\"b", "name{a=\"b\\", "name{a=b} 1", "é{\"="] {
            assert_eq!(sample(broken), None, "{broken}");
        }
    }
}
