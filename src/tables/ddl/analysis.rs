//! The views for analysts: one text for both engines, in `agents.sql` and `visits.sql`.
//!
//! ```text
//! TIME_OF(day * 86400000)   ->  DuckDB: make_timestamptz(1000 * (day * 86400000))
//!                               Spark:  timestamp_millis(day * 86400000)
//! ```
//! What the engines spell differently is written as a call in capitals and spelled out here. Times are
//! compared and cut as milliseconds, so that the time zone of a session changes no number.

use super::super::catalog::AGENT_ACTIVITY;
use super::super::schema::columns;
use super::{Dialect, cases, create};

/// The views, in an order in which each uses only those before it.
const TEXTS: [&str; 2] = [include_str!("agents.sql"), include_str!("visits.sql")];

/// Statements that make the views.
pub(super) fn analysis(dialect: Dialect) -> String {
    let mut sql = String::new();
    for line in TEXTS.iter().flat_map(|text| text.lines()) {
        let named = line.strip_prefix("VIEW ").and_then(|rest| rest.strip_suffix(" AS"));
        match named {
            Some(name) => sql.push_str(create(dialect, name).trim_end()),
            None => sql.push_str(line),
        }
        sql.push('\n');
    }
    format!("\n{}", expanded(dialect, &sql))
}

/// Calls that `spelled` knows.
const CALLS: [&str; 11] = [
    "DATE_OF",
    "DAY_OF",
    "EACH",
    "EACH_OF",
    "LAST_TOLD",
    "LIST_OF",
    "MS",
    "OWN_TIME",
    "STATE_TEXT",
    "SUM_MS",
    "TIME_OF",
];

/// The text with every call spelled out, from the inside out.
fn expanded(dialect: Dialect, sql: &str) -> String {
    let mut out = String::new();
    let mut rest = sql;
    while let Some((before, name, inside, after)) = next_call(rest) {
        out.push_str(before);
        let arguments: Vec<String> =
            arguments(inside).into_iter().map(|text| expanded(dialect, text.trim())).collect();
        // What a call is spelled with may hold calls itself.
        out.push_str(&expanded(dialect, &spelled(dialect, name, &arguments)));
        rest = after;
    }
    out.push_str(rest);
    out
}

/// The first call: text before it, its name, what stands in its parentheses, text after it.
fn next_call(sql: &str) -> Option<(&str, &str, &str, &str)> {
    let found = CALLS.iter().filter_map(|name| {
        sql.match_indices(name).find(|(at, _)| {
            let before = sql.get(..*at).and_then(|text| text.chars().next_back());
            let after = sql.get(at + name.len()..).and_then(|text| text.chars().next());
            after == Some('(') && !before.is_some_and(|c| c.is_alphanumeric() || c == '_')
        })
    });
    let (at, name) = found.min_by_key(|(at, _)| *at)?;
    let (before, call) = sql.split_at_checked(at)?;
    let inside = call.get(name.len() + 1..)?;
    let mut depth = 0_i32;
    let end = inside.find(|c| {
        depth += i32::from(c == '(') - i32::from(c == ')');
        depth < 0
    })?;
    Some((before, name, inside.get(..end)?, inside.get(end + 1..)?))
}

/// `a, f(b, c)` -> `a`, ` f(b, c)`.
fn arguments(inside: &str) -> Vec<&str> {
    let mut depth = 0_i32;
    inside
        .split(|c| {
            depth += i32::from(c == '(') - i32::from(c == ')');
            c == ',' && depth == 0
        })
        .collect()
}

fn spelled(dialect: Dialect, name: &str, arguments: &[String]) -> String {
    let argument = |i: usize| arguments.get(i).map(String::as_str).unwrap_or_default();
    let (a, b) = (argument(0), argument(1));
    let duckdb = dialect == Dialect::DuckDb;
    match name {
        // Days since 1970 of milliseconds since then, and back. A literal of type double in both engines.
        "DAY_OF" => format!("CAST(floor(({a}) / 8.64e7) AS BIGINT)"),
        "DATE_OF" => format!("(DATE '1970-01-01' + CAST({a} AS INT))"),
        "MS" if duckdb => format!("epoch_ms({a})"),
        "MS" => format!("unix_millis({a})"),
        "TIME_OF" if duckdb => format!("make_timestamptz(1000 * ({a}))"),
        "TIME_OF" => format!("timestamp_millis({a})"),
        // A row's own time, if it is plausible: a wild one is filed under another day than its own.
        "OWN_TIME" => format!("CASE WHEN DATE_OF(DAY_OF(MS({a}))) = date THEN {a} END"),
        "EACH" if duckdb => format!("unnest({a})"),
        "EACH" => format!("explode({a})"),
        "EACH_OF" if duckdb => format!("unnest(generate_series({a}, {b}))"),
        "EACH_OF" => format!("explode(sequence({a}, {b}))"),
        "LAST_TOLD" if duckdb => format!("last_value({a} IGNORE NULLS)"),
        "LAST_TOLD" => format!("last_value({a}, true)"),
        // DuckDB makes sums of whole numbers wider than Spark does.
        "SUM_MS" => format!("CAST(coalesce(sum({b}) FILTER (WHERE {a}), 0) AS BIGINT)"),
        // Different values, in order; DuckDB makes nothing of none.
        "LIST_OF" => {
            let none = if duckdb { "[]" } else { "array()" };
            format!(
                "coalesce(array_sort(array_agg(DISTINCT {a}) FILTER (WHERE {b} AND {a} IS NOT NULL)), {none})"
            )
        }
        "STATE_TEXT" => {
            let state = columns(&AGENT_ACTIVITY).into_iter().find(|column| column.name == "state");
            state.map_or_else(|| "NULL".into(), |state| cases(dialect, "state", state.codes))
        }
        _ => String::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn calls_are_spelled_out_from_the_inside() {
        let cases = [
            ("MS(a) - MS(b.c)", "epoch_ms(a) - epoch_ms(b.c)", "unix_millis(a) - unix_millis(b.c)"),
            (
                "TIME_OF(greatest(x, y))",
                "make_timestamptz(1000 * (greatest(x, y)))",
                "timestamp_millis(greatest(x, y))",
            ),
            (
                "EACH_OF(f(a, b), MS(c))",
                "unnest(generate_series(f(a, b), epoch_ms(c)))",
                "explode(sequence(f(a, b), unix_millis(c)))",
            ),
            ("FORMS(a) SUM MSX(b)", "FORMS(a) SUM MSX(b)", "FORMS(a) SUM MSX(b)"),
        ];
        for (sql, duckdb, spark) in cases {
            assert_eq!(expanded(Dialect::DuckDb, sql), duckdb);
            assert_eq!(expanded(Dialect::Spark, sql), spark);
        }
    }

    #[test]
    fn no_call_is_left_over() {
        for dialect in [Dialect::DuckDb, Dialect::Spark] {
            let sql = analysis(dialect);
            assert!(next_call(&sql).is_none());
            assert!(!sql.contains("\nVIEW "), "{sql}");
            assert!(sql.contains("WHEN '3' THEN 'back soon'"), "{sql}");
        }
    }
}
