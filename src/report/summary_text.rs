//! The summary for people: rows per table, sizes, time, what was not archived, what to do next.

use std::fmt::Write as _;

use super::figures::{bytes, count, counted, seconds};
use super::summary::Summary;

/// Failures named one by one at most; beyond, they are counted.
const MAX_FAILURES: usize = 10;

/// The closing text of a run. `out` is the lake as given, for the query to paste.
pub fn summary_text(summary: &Summary, out: Option<&str>) -> String {
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
    for (number, what) in [
        (totals.quarantined, "quarantined (unreadable; kept under _lp_archive/quarantine)"),
        (totals.salvaged, "damaged parts of which only what could be read is archived"),
        (totals.mistyped, "values that did not fit their column (kept in `extra`)"),
        (totals.unknown_fields, "unknown fields (kept in `extra`)"),
        (totals.unknown_bodies, "bodies of unknown type (kept in table unrecognized)"),
        (totals.misdated, "rows with a date out of bounds (filed under their part's date)"),
        (totals.foreign_accounts, "records that name another account (kept in `extra`)"),
    ] {
        if number > 0 {
            let _ = writeln!(text, "  {} {what}", count(number));
        }
    }
    if !summary.failed.is_empty() {
        let _ = writeln!(text, "\nnot archived:");
        for failure in summary.failed.iter().take(MAX_FAILURES) {
            let _ = writeln!(text, "  {}", failure.fault);
        }
        let more = summary.failed.len().saturating_sub(MAX_FAILURES);
        if more > 0 {
            let _ = writeln!(text, "  … and {} more (--json names them all)", count(more as u64));
        }
    }
    if let (Some(out), Some(table)) =
        (out, totals.rows.iter().max_by_key(|(_, rows)| **rows).map(|(table, _)| table))
    {
        let _ = writeln!(text, "\nnext, in DuckDB:\n  {}", query(out, table));
    }
    text
}

/// `12 parts archived in 2 batches: 1.2 MiB downloaded, 9.0 MiB of JSON, 1,234 records -> 400 KiB in 6 objects, 2.1 s`
fn closing_line(summary: &Summary) -> String {
    let totals = &summary.totals;
    if totals.parts == 0 {
        let listed: u64 = summary.streams.values().map(|stream| stream.listed).sum();
        let state = match (summary.failed.is_empty(), listed) {
            (true, 0) => "nothing to archive".to_owned(),
            (true, listed) => {
                format!("nothing new: all {} are archived already", counted(listed, "listed part"))
            }
            (false, _) => "nothing was archived".to_owned(),
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
    let root = out.strip_prefix("file://").unwrap_or(out).trim_end_matches('/').replace('\'', "''");
    format!(
        "SELECT date, count(*) FROM read_parquet('{root}/{table}/**/*.parquet', hive_partitioning = true, \
         union_by_name = true, hive_types = {{'account_id': VARCHAR, 'date': DATE}}) GROUP BY date ORDER BY date;"
    )
}

#[cfg(test)]
mod tests {
    use super::super::testing::sample_run;
    use super::*;
    use crate::model::{Event, Stream};

    #[test]
    fn a_run_with_losses() {
        let mut summary = Summary { seconds: 2.06, ..Summary::default() };
        sample_run().iter().for_each(|event| summary.add(event));
        assert_eq!(
            summary_text(&summary, Some("./it's a lake/")),
            "\
table            rows
survey_answers  1,200
surveys             9

1 part archived: 100 B received, 1000 B of JSON, 10 records -> 400 B in 2 objects, in 2.1 s
  1 quarantined (unreadable; kept under _lp_archive/quarantine)
  2 values that did not fit their column (kept in `extra`)
  3 unknown fields (kept in `extra`)

not archived:
  failed to list 1/engagement: the service answers 403; have the data type enabled
  failed to decode 1/survey/Survey.1.2.part-00001-0: the gzip data ends early

next, in DuckDB:
  SELECT date, count(*) FROM read_parquet('./it''s a lake/survey_answers/**/*.parquet', hive_partitioning = true, union_by_name = true, hive_types = {'account_id': VARCHAR, 'date': DATE}) GROUP BY date ORDER BY date;
"
        );
    }

    #[test]
    fn runs_without_news() {
        let mut summary = Summary::default();
        assert_eq!(summary_text(&summary, Some("lake")), "nothing to archive (0.0 s)\n");
        summary.add(&Event::Listed { account: "1".into(), stream: Stream::Survey, parts: 3, missing: 0 });
        assert_eq!(
            summary_text(&summary, Some("lake")),
            "nothing new: all 3 listed parts are archived already (0.0 s)\n"
        );
    }
}
