//! Declarations -> `<table>_latest`: the table without what the service told again.
//!
//! ```text
//! Replaced   conversations of key 1:  file of 9 h, file of 14 h      -> the row of 14 h
//! Repeated   pages of a visit:        9 h: a b b, 14 h: b c          -> a b b c
//! With       messages:                those of the conversation of 14 h
//! ```
//! Newest is what lies in the file whose scope ends last (the service makes files later, not earlier); then
//! the record that ends last, then the order of files and of rows in a file, so that two reads never differ.

use super::super::catalog::TABLES;
use super::super::declare::{Again, Key, Kind, Parent, Table};
use super::{Dialect, create, name_of, view_columns};

/// Newest row first. The scope stands in the file's name: `Engagement.<start ms>.<end ms>.part-00000-0`.
const NEWEST: &str = "try_cast(split_part(source_file, '.', 3) AS BIGINT) DESC NULLS LAST, \
     record_end_time DESC NULLS LAST, source_file DESC, source_record DESC, \
     source_body DESC NULLS LAST, source_item DESC NULLS LAST";

/// The statement that makes the view; nothing for a table that knows no repetition.
pub(super) fn latest(dialect: Dialect, table: &Table) -> Option<String> {
    let by = table.latest_by()?.join(", ");
    let query = match table.again {
        Again::Untold => return None,
        Again::Replaced(key) => replaced(dialect, table, key),
        Again::Repeated(key) => repeated(dialect, table, key),
        Again::With(parent) => with(dialect, table, parent)?,
    };
    let name = format!("{}_latest", table.name);
    Some(format!(
        "\n-- {}: each once per account_id, {by}, as told last\n{}{query};\n",
        table.name,
        create(dialect, &name)
    ))
}

/// The newest row of each key, and every row without one.
fn replaced(dialect: Dialect, table: &Table, key: Key) -> String {
    let columns = quoted(dialect, &view_columns(table));
    let partition = partition(dialect, &["account_id"], key);
    let name = name_of(dialect, table.name);
    let (present, absent) = presence(dialect, table, key.ids);
    format!(
        "SELECT {columns}\nFROM (\n  SELECT *, row_number() OVER (PARTITION BY {partition}\n    ORDER BY {NEWEST}) AS lp_age\n  \
         FROM {name} WHERE {present}\n) AS told\nWHERE lp_age = 1\nUNION ALL\nSELECT {columns}\nFROM {name} WHERE {absent}"
    )
}

/// Each event as often as the record tells it that tells it most often: the n-th of one record and the
/// n-th of another are the same. An event keeps its day, so that a filter by `date` reads that day alone.
fn repeated(dialect: Dialect, table: &Table, key: Key) -> String {
    let columns = quoted(dialect, &view_columns(table));
    let partition = partition(dialect, &["account_id", "date"], key);
    let name = name_of(dialect, table.name);
    let (present, absent) = presence(dialect, table, key.ids);
    format!(
        "SELECT {columns}\nFROM (\n  SELECT *, row_number() OVER (PARTITION BY {partition}, lp_nth\n    ORDER BY {NEWEST}) AS lp_age\n  \
         FROM (\n    SELECT *, row_number() OVER (PARTITION BY {partition}, source_file, source_record\n      \
         ORDER BY source_body, source_item) AS lp_nth\n    FROM {name} WHERE {present}\n  ) AS numbered\n) AS told\n\
         WHERE lp_age = 1\nUNION ALL\nSELECT {columns}\nFROM {name} WHERE {absent}"
    )
}

/// The rows that came with the parent's row, and every row whose parent cannot be told again.
///
/// When one body tells the same parent twice, its last rows are those of the last: as many as the parent
/// counts, or, where it does not count them, the last of each position.
fn with(dialect: Dialect, table: &Table, parent: Parent) -> Option<String> {
    let above = TABLES.iter().find(|above| above.name == parent.table)?;
    let Again::Replaced(key) = above.again else { return None };
    let count = above.counts.iter().find(|(_, counted, _)| *counted == table.name);
    let columns = quoted(dialect, &view_columns(table));
    let here: Vec<&str> = parent.key.iter().map(|(here, _)| *here).collect();
    let ids: Vec<&str> =
        parent.key.iter().filter(|(_, there)| key.ids.contains(there)).map(|(here, _)| *here).collect();
    let (present, absent) = presence(dialect, table, &ids);
    let place = ["account_id", "source_file", "source_record", "source_body"];
    let mut partition = [place.as_slice(), here.as_slice()].concat();
    let most = match count {
        Some((count, ..)) => format!("max_of.{}", name_of(dialect, count)),
        None => {
            partition.push("seq");
            "1".into()
        }
    };
    let same = place.iter().map(|column| (*column, *column)).chain(parent.key.iter().copied());
    let on: Vec<String> = same
        .map(|(here, there)| {
            // Only columns that may be null need the slower comparison.
            let plain = place.contains(&here) || key.ids.contains(&there);
            let equal = if plain { "=" } else { "IS NOT DISTINCT FROM" };
            format!("part.{} {equal} max_of.{}", name_of(dialect, here), name_of(dialect, there))
        })
        .collect();
    let name = name_of(dialect, table.name);
    let above = name_of(dialect, &format!("{}_latest", above.name));
    Some(format!(
        "SELECT {columns}\nFROM (\n  SELECT part.*, {most} AS lp_most\n  FROM (\n    SELECT *, row_number() OVER (PARTITION BY {}\n      \
         ORDER BY source_item DESC) AS lp_nth\n    FROM {name} WHERE {present}\n  ) AS part\n  \
         JOIN {above} AS max_of ON {}\n) AS told\nWHERE lp_nth <= lp_most\nUNION ALL\nSELECT {columns}\nFROM {name} WHERE {absent}",
        quoted(dialect, &partition),
        on.join(" AND "),
    ))
}

fn partition(dialect: Dialect, always: &[&str], key: Key) -> String {
    let mut columns = [always, key.ids, key.also].concat();
    let mut seen = Vec::new();
    columns.retain(|column| {
        !seen.contains(column) && {
            seen.push(*column);
            true
        }
    });
    quoted(dialect, &columns)
}

/// Conditions for rows that have all ids, and for the others.
fn presence(dialect: Dialect, table: &Table, ids: &[&str]) -> (String, String) {
    let columns = super::super::schema::columns(table);
    let is_text =
        |id: &str| columns.iter().any(|column| column.name == id && matches!(column.kind, Kind::Text));
    let conditions = ids.iter().map(|id| {
        let name = name_of(dialect, id);
        if is_text(id) {
            (format!("{name} <> ''"), format!("coalesce({name}, '') = ''"))
        } else {
            (format!("{name} IS NOT NULL"), format!("{name} IS NULL"))
        }
    });
    let (present, absent): (Vec<String>, Vec<String>) = conditions.unzip();
    (present.join(" AND "), absent.join(" OR "))
}

fn quoted<S: AsRef<str>>(dialect: Dialect, columns: &[S]) -> String {
    let names: Vec<String> = columns.iter().map(|column| name_of(dialect, column.as_ref())).collect();
    names.join(", ")
}

#[cfg(test)]
mod tests {
    use super::super::super::catalog::{MESSAGES, NAVIGATION, SECURE_FORMS, SURVEY_ANSWERS};
    use super::*;

    #[test]
    fn rows_without_an_id_are_always_shown() {
        let sql = latest(Dialect::DuckDb, &NAVIGATION).unwrap();
        assert!(
            sql.contains("FROM \"navigation\" WHERE \"visit_id\" <> '' AND \"timestamp\" IS NOT NULL\n"),
            "{sql}"
        );
        assert!(
            sql.contains(
                "FROM \"navigation\" WHERE coalesce(\"visit_id\", '') = '' OR \"timestamp\" IS NULL;"
            ),
            "{sql}"
        );
    }

    #[test]
    fn parts_follow_their_parent() {
        let cases = [
            (&MESSAGES, "max_of.`messages` AS lp_most", "part.`conversation_id` = max_of.`conversation_id`)"),
            (&SECURE_FORMS, "1 AS lp_most", "part.`conversation_id` = max_of.`conversation_id`)"),
            (
                &SURVEY_ANSWERS,
                "max_of.`answers` AS lp_most",
                "part.`survey_type` IS NOT DISTINCT FROM max_of.`type`)",
            ),
        ];
        for (table, most, on) in cases {
            let sql = latest(Dialect::Spark, table).unwrap().replace("\n)", ")");
            assert!(sql.contains(most) && sql.contains(on), "{sql}");
        }
    }
}
