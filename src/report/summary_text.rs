//! The summary for people: rows per table, sizes, time, what was not archived, what to do next.

use std::fmt::Write as _;

use super::figures::{bytes, count, counted, seconds};
use super::summary::{FailedUnit, Failure, Summary};
use crate::model::Fault;

/// Failures told at most, those alike as one; beyond, they are counted.
const MAX_FAILURES: usize = 10;
/// Units named of failures that are alike.
const MAX_UNITS: usize = 4;

/// The closing text of a run. `out` is the lake as given, for the query to paste; `faults_told`: whoever reads it has
/// just read the faults.
pub fn summary_text(summary: &Summary, out: Option<&str>, faults_told: bool) -> String {
    let totals = &summary.totals;
    let mut text = String::new();
    let names = totals.rows.keys().map(String::len).chain(["table".len()]).max().unwrap_or(0);
    let widths = totals.rows.values().map(|rows| count(*rows).len()).chain(["rows".len()]).max().unwrap_or(0);
    if !totals.rows.is_empty() {
        let _ = writeln!(text, "{:names$}  {:>widths$}", "table", "rows");
        for (table, rows) in &totals.rows {
            let _ = writeln!(text, "{table:names$}  {:>widths$}", count(*rows));
        }
        text.push('\n');
    }
    let _ = writeln!(text, "{}", closing_line(summary));
    for (number, one, many, what) in [
        (
            totals.quarantined,
            "record",
            "records",
            "quarantined: unreadable, kept under _lp_archive/quarantine",
        ),
        (totals.salvaged, "damaged part", "damaged parts", "archived only as far as readable"),
        (totals.mistyped, "value", "values", "did not fit the column, kept in `extra`"),
        (totals.unknown_fields, "field", "fields", "without a column, kept in `extra`"),
        (totals.unknown_bodies, "body", "bodies", "of unknown type, kept in the table unrecognized"),
        (totals.misdated, "row", "rows", "with a date out of bounds, filed under the part's date"),
        (totals.foreign_accounts, "record", "records", "of another account by name, kept all the same"),
    ] {
        if number > 0 {
            let noun = if number == 1 { one } else { many };
            let _ = writeln!(text, "  {} {noun} {what}", count(number));
        }
    }
    // What ended the run was told right before.
    let failed: Vec<&Failure> = summary.failed.iter().filter(|one| one.unit != FailedUnit::Run).collect();
    if !failed.is_empty() && !faults_told {
        let _ = writeln!(text, "\nnot archived:");
        let (told, more) = alike_as_one(&failed);
        for fault in told {
            let _ = writeln!(text, "  {fault}");
        }
        if more > 0 {
            let _ = writeln!(text, "  … and {} more (--json names them all)", count(more));
        }
    }
    if let (Some(out), Some(table)) =
        (out, totals.rows.iter().max_by_key(|(_, rows)| **rows).map(|(table, _)| table))
    {
        let _ = writeln!(text, "\nnext, in DuckDB:\n  {}", query(out, table));
        if totals.quarantined > 0 {
            let root = root(out);
            let _ = writeln!(
                text,
                "what is in quarantine:\n  SELECT source_file, byte_offset, json_path, reason FROM \
                 read_parquet('{root}/_lp_archive/quarantine/**/*.parquet');"
            );
        }
    }
    text
}

/// Faults to tell, those that differ in their unit only as one (`failed to fetch A, B and 7 more: …`), and how
/// many failures are left over.
fn alike_as_one(failed: &[&Failure]) -> (Vec<Fault>, u64) {
    let mut groups: Vec<(Fault, Vec<String>)> = Vec::new();
    let mut more = 0;
    for failure in failed {
        let mut fault = failure.fault.clone();
        let unit = fault.unit.take();
        if let Some((_, units)) = groups.iter_mut().find(|(known, _)| *known == fault) {
            units.extend(unit.filter(|unit| !units.contains(unit)));
        } else if groups.len() < MAX_FAILURES {
            groups.push((fault, unit.into_iter().collect()));
        } else {
            more += 1;
        }
    }
    let told = groups.into_iter().map(|(fault, units)| match units.as_slice() {
        [] => fault,
        [first, .., last] if units.len() > MAX_UNITS => {
            fault.of(format!("{first} … {last} ({} in all)", count(units.len() as u64)))
        }
        all => fault.of(all.join(", ")),
    });
    (told.collect(), more)
}

/// `12 parts archived in 2 batches: 1.2 MiB downloaded, 9.0 MiB of JSON, 1,234 records -> 400 KiB in 6 objects, 2.1 s`
fn closing_line(summary: &Summary) -> String {
    let totals = &summary.totals;
    if totals.parts == 0 {
        let listed: u64 = summary.streams.values().map(|stream| stream.listed).sum();
        let missing: u64 = summary.streams.values().map(|stream| stream.missing).sum();
        let state = match (summary.failed.is_empty(), listed, missing) {
            (false, ..) => "nothing was archived".to_owned(),
            (true, 0, _) => summary.nothing_to_do.unwrap_or("nothing to archive").to_owned(),
            (true, listed, 0) => {
                format!("nothing new: all {} are archived already", counted(listed, "listed part"))
            }
            // Only batches that were archived meanwhile were asked for.
            (true, ..) => "nothing new: what was asked for is archived already".to_owned(),
        };
        return format!("{state} ({})", seconds(summary.seconds));
    }
    format!(
        "{} archived: {} received, {} of JSON, {} -> {} in {}, in {}",
        counted(totals.parts, "part"),
        bytes(totals.bytes_downloaded),
        bytes(totals.bytes_json),
        counted(totals.records, "record"),
        bytes(totals.bytes_written),
        counted(totals.objects, "object"),
        seconds(summary.seconds),
    )
}

/// A query over one table of the lake, ready to paste.
pub fn query(out: &str, table: &str) -> String {
    let root = root(out);
    format!(
        "SELECT date, count(*) FROM read_parquet('{root}/{table}/**/*.parquet', hive_partitioning = true, \
         union_by_name = true, hive_types = {{'account_id': VARCHAR, 'date': DATE}}) GROUP BY date ORDER BY date;"
    )
}

/// The lake as it stands between quotes in SQL.
fn root(out: &str) -> String {
    out.strip_prefix("file://").unwrap_or(out).trim_end_matches('/').replace('\'', "''")
}

#[cfg(test)]
mod tests {
    use super::super::testing::sample_run;
    use super::*;
    use crate::model::{Event, FaultKind, Stage, Stream};

    #[test]
    fn failures_alike_are_told_once() {
        let told = |units: usize| {
            let mut summary = Summary::default();
            for unit in 0..units {
                let fault = Fault::new(FaultKind::SignIn, Stage::SignIn, "HTTP 401").of(format!("1/s{unit}"));
                summary.add(&Event::StreamFailed { account: "1".into(), stream: Stream::Survey, fault });
            }
            let other = Fault::new(FaultKind::Unavailable, Stage::List, "no answer").of("1/s0");
            summary.add(&Event::StreamFailed { account: "1".into(), stream: Stream::Survey, fault: other });
            assert!(!summary_text(&summary, None, true).contains("not archived:"));
            summary_text(&summary, None, false).lines().skip(3).map(str::to_owned).collect::<Vec<_>>()
        };
        let last = "  failed to list 1/s0: no answer";
        assert_eq!(told(1), ["  failed to sign in for 1/s0: HTTP 401", last]);
        assert_eq!(told(3), ["  failed to sign in for 1/s0, 1/s1, 1/s2: HTTP 401", last]);
        assert_eq!(told(60), ["  failed to sign in for 1/s0 … 1/s59 (60 in all): HTTP 401", last]);
    }

    #[test]
    fn a_run_with_losses() {
        let mut summary = Summary { seconds: 2.06, ..Summary::default() };
        sample_run().iter().for_each(|event| summary.add(event));
        assert_eq!(
            summary_text(&summary, Some("./it's a lake/"), false),
            "\
table            rows
survey_answers  1,200
surveys             9

1 part archived: 100 B received, 1000 B of JSON, 10 records -> 400 B in 2 objects, in 2.1 s
  1 record quarantined: unreadable, kept under _lp_archive/quarantine
  2 values did not fit the column, kept in `extra`
  3 fields without a column, kept in `extra`

not archived:
  failed to list 1/engagement: the service answers 403; have the data type enabled
  failed to decode 1/survey/Survey.1.2.part-00001-0: the gzip data ends early

next, in DuckDB:
  SELECT date, count(*) FROM read_parquet('./it''s a lake/survey_answers/**/*.parquet', hive_partitioning = true, union_by_name = true, hive_types = {'account_id': VARCHAR, 'date': DATE}) GROUP BY date ORDER BY date;
what is in quarantine:
  SELECT source_file, byte_offset, json_path, reason FROM read_parquet('./it''s a lake/_lp_archive/quarantine/**/*.parquet');
"
        );
    }

    #[test]
    fn runs_without_news() {
        let mut summary = Summary::default();
        assert_eq!(summary_text(&summary, Some("lake"), false), "nothing to archive (0.0 s)\n");
        let asked_nothing = Summary { nothing_to_do: Some("no batches"), ..Summary::default() };
        assert_eq!(summary_text(&asked_nothing, Some("lake"), false), "no batches (0.0 s)\n");
        let mut others_missing = Summary::default();
        others_missing.add(&Event::Listed {
            account: "1".into(),
            stream: Stream::Survey,
            parts: 3,
            missing: 2,
        });
        assert_eq!(
            summary_text(&others_missing, Some("lake"), false),
            "nothing new: what was asked for is archived already (0.0 s)\n"
        );
        summary.add(&Event::Listed { account: "1".into(), stream: Stream::Survey, parts: 3, missing: 0 });
        assert_eq!(
            summary_text(&summary, Some("lake"), false),
            "nothing new: all 3 listed parts are archived already (0.0 s)\n"
        );
    }
}
