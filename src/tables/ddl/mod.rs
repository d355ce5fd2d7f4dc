//! Declarations -> SQL for DuckDB and Spark: the tables, the tables without repetitions, views for analysts.
//!
//! ```text
//! agent_activity            every row of the lake; codes in words beside the codes (`state_text`)
//! agent_activity_latest     latest:   without what the service told again
//! agent_state_daily         analysis: time per agent, day and state
//! ```
//! Codes themselves stay as sent. A table that the lake does not hold yet is an empty view of the same columns,
//! because neither engine can read a folder without files. DuckDB finds out by itself each time the file
//! is loaded; for Spark it must be known when the file is made. Objects of any age are read as if they had the
//! columns of today.

mod analysis;
mod latest;

use std::collections::BTreeSet;

use super::catalog::TABLES;
use super::declare::{Kind, Table};
use super::schema::{ColumnDoc, columns};

/// Dialect of SQL.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Dialect {
    DuckDb,
    Spark,
}

/// Statements that make the views over the lake at `out`, to be loaded at the start of a DuckDB session:
/// `duckdb -init views.sql`.
pub fn duckdb_views(out: &str) -> String {
    let mut sql = format!(
        "-- Views over a lake of lp-archive. Load them with: duckdb -init views.sql\n\
         SET VARIABLE lp_lake = '{}';\n",
        quoted(root(out))
    );
    for table in TABLES {
        let name = table.name;
        let glob = format!("getvariable('lp_lake') || '/{name}/**/*.parquet'");
        let empty = empty(Dialect::DuckDb, table);
        // The lake's place stays a variable, so that one line tells it.
        let objects = format!("{empty} UNION ALL BY NAME SELECT * FROM {}", read_parquet("<lake>", name));
        let read =
            quoted(&objects).replace("<lake>", "' || replace(getvariable('lp_lake'), '''', '''''') || '");
        sql.push_str(&format!(
            "\n-- {name}: one row per {}\n\
             SET VARIABLE lp_has_{name} = (SELECT count(*) > 0 FROM glob({glob}));\n\
             {}SELECT *{}\n\
             FROM query(CASE WHEN getvariable('lp_has_{name}')\n  THEN '{read}'\n  ELSE '{}' END);\n",
            remark(table),
            create(Dialect::DuckDb, name),
            decoded(Dialect::DuckDb, table),
            quoted(&empty),
        ));
    }
    sql + &upon_tables(Dialect::DuckDb)
}

/// Statements that make temporary views over the lake at `out`. `present`: the tables that have objects;
/// `None` when that is not known (then all of them are taken to have some).
pub fn spark_views(out: &str, present: Option<&BTreeSet<String>>) -> String {
    let mut sql = "-- Views over a lake of lp-archive. Load them with: spark-sql -i views.sql\n".to_owned();
    for table in TABLES {
        let name = table.name;
        sql.push_str(&format!("\n-- {name}: one row per {}\n", remark(table)));
        let from = if present.is_none_or(|present| present.contains(name)) {
            let path = format!("{}/{name}", root(out)).replace('\\', "\\\\").replace('\'', "\\'");
            // With the columns told, Spark need not open every object to learn them, and an account id of
            // digits stays text.
            let columns: Vec<String> = stored(table)
                .iter()
                .map(|(name, kind)| format!("{} {kind}", name_of(Dialect::Spark, name)))
                .collect();
            sql.push_str(&format!(
                "CREATE OR REPLACE TEMPORARY VIEW `{name}_objects` (\n  {}\n) USING parquet OPTIONS (path '{path}');\n",
                columns.join(",\n  ")
            ));
            format!("`{name}_objects`")
        } else {
            format!("({})", empty(Dialect::Spark, table))
        };
        let decoded = decoded(Dialect::Spark, table);
        sql.push_str(&format!("{}SELECT *{decoded}\nFROM {from};\n", create(Dialect::Spark, name)));
    }
    sql + &upon_tables(Dialect::Spark)
}

/// The views that read the tables' views.
fn upon_tables(dialect: Dialect) -> String {
    let latest: String = TABLES.iter().filter_map(|table| latest::latest(dialect, table)).collect();
    latest + &analysis::analysis(dialect)
}

fn create(dialect: Dialect, name: &str) -> String {
    let kind = match dialect {
        Dialect::DuckDb => "VIEW",
        Dialect::Spark => "TEMPORARY VIEW",
    };
    format!("CREATE OR REPLACE {kind} {} AS\n", name_of(dialect, name))
}

/// What a row stands for, without a semicolon: scripts are cut into statements at semicolons.
fn remark(table: &Table) -> String {
    table.grain.replace(';', ",")
}

fn root(out: &str) -> &str {
    match out.trim_end_matches('/') {
        "" => ".",
        root => root,
    }
}

fn quoted(text: &str) -> String {
    text.replace('\'', "''")
}

fn name_of(dialect: Dialect, name: &str) -> String {
    match dialect {
        Dialect::DuckDb => format!("\"{name}\""),
        Dialect::Spark => format!("`{name}`"),
    }
}

/// Columns as Spark finds them in objects and paths: name and type.
fn stored(table: &Table) -> Vec<(&'static str, String)> {
    let mut stored: Vec<_> = columns(table)
        .into_iter()
        .map(|column| (column.name, type_name(Dialect::Spark, column.kind)))
        .collect();
    stored.push(("account_id", type_name(Dialect::Spark, Kind::Text)));
    stored.push(("date", "DATE".into()));
    stored
}

/// A query without rows that has the table's columns.
fn empty(dialect: Dialect, table: &Table) -> String {
    let text = type_name(dialect, Kind::Text);
    let mut select: Vec<String> = columns(table)
        .into_iter()
        .map(|column| {
            format!("CAST(NULL AS {}) AS {}", type_name(dialect, column.kind), name_of(dialect, column.name))
        })
        .collect();
    select.push(format!("CAST(NULL AS {text}) AS account_id"));
    select.push("CAST(NULL AS DATE) AS date".into());
    format!("SELECT {} FROM (SELECT 1) AS nothing WHERE false", select.join(", "))
}

/// Columns of a table's view.
fn view_columns(table: &Table) -> Vec<String> {
    let stored = stored(table).into_iter().map(|(name, _)| name.to_owned());
    stored.chain(coded(table).into_iter().map(|coded| coded.name)).collect()
}

/// A column in words beside a coded one.
struct Coded {
    name: String,
    /// Where the code stands: the column, and perhaps a field of it.
    path: Vec<&'static str>,
    codes: &'static [(&'static str, &'static str)],
}

/// `state` -> `state_text`; `engagement` with a coded field `type` -> `engagement_type_text`.
fn coded(table: &Table) -> Vec<Coded> {
    let of = |column: &ColumnDoc| {
        let mut found = vec![(vec![column.name], column.codes)];
        if let Kind::Struct(record) = column.kind {
            found.extend(record.fields.iter().map(|field| (vec![column.name, field.name], field.codes)));
        }
        found
    };
    let all = columns(table).into_iter().flat_map(|column| of(&column));
    all.filter(|(_, codes)| !codes.is_empty())
        .map(|(path, codes)| Coded { name: format!("{}_text", path.join("_")), path, codes })
        .collect()
}

/// `, CASE … END AS state_text` for each coded column.
fn decoded(dialect: Dialect, table: &Table) -> String {
    coded(table)
        .into_iter()
        .map(|Coded { name, path, codes }| {
            let path: Vec<String> = path.into_iter().map(|name| name_of(dialect, name)).collect();
            format!(",\n  {} AS {}", cases(dialect, &path.join("."), codes), name_of(dialect, &name))
        })
        .collect()
}

/// A code in words; null for a code without a published meaning.
fn cases(dialect: Dialect, value: &str, codes: &[(&str, &str)]) -> String {
    let text = type_name(dialect, Kind::Text);
    let case = |(code, meaning): &(&str, &str)| format!("WHEN '{code}' THEN '{}'", quoted(meaning));
    let cases: Vec<String> = codes.iter().map(case).collect();
    format!("CASE CAST({value} AS {text}) {} END", cases.join(" "))
}

/// The table's objects as DuckDB reads them: files of all ages, partition columns typed.
pub fn read_parquet(out: &str, table: &str) -> String {
    let glob = format!("{out}/{table}/**/*.parquet").replace('\'', "''");
    format!(
        "read_parquet('{glob}', hive_partitioning = true, union_by_name = true, \
         hive_types = {{'account_id': VARCHAR, 'date': DATE}})"
    )
}

/// Name of a type in SQL.
pub fn type_name(dialect: Dialect, kind: Kind) -> String {
    let duckdb = dialect == Dialect::DuckDb;
    let name = match kind {
        Kind::Int32 => "INTEGER",
        Kind::Int64 => "BIGINT",
        Kind::Float64 => "DOUBLE",
        Kind::Boolean => "BOOLEAN",
        Kind::Time if duckdb => "TIMESTAMP WITH TIME ZONE",
        Kind::Time => "TIMESTAMP",
        Kind::Text | Kind::Json | Kind::Union(_) if duckdb => "VARCHAR",
        Kind::Text | Kind::Json | Kind::Union(_) => "STRING",
        Kind::List(item) if duckdb => return format!("{}[]", type_name(dialect, *item)),
        Kind::List(item) => return format!("ARRAY<{}>", type_name(dialect, *item)),
        Kind::Struct(record) => {
            let fields: Vec<String> = record
                .fields
                .iter()
                .map(|field| {
                    let of = type_name(dialect, field.kind);
                    if duckdb {
                        format!("\"{}\" {of}", field.name)
                    } else {
                        format!("`{}`: {of}", field.name)
                    }
                })
                .collect();
            let fields = fields.join(", ");
            return if duckdb { format!("STRUCT({fields})") } else { format!("STRUCT<{fields}>") };
        }
    };
    name.to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn views_decode_codes_beside_them() {
        let sql = duckdb_views("it's/");
        assert!(sql.contains("SET VARIABLE lp_lake = 'it''s';"));
        assert!(sql.contains(
            "CREATE OR REPLACE VIEW \"agent_activity\" AS\nSELECT *,\n  CASE CAST(\"type\" AS VARCHAR) WHEN '-1' THEN 'unknown'"
        ));
        assert!(sql.contains("|| '/geo/**/*.parquet'', hive_partitioning = true"));
        assert!(sql.contains("END AS \"engagement_type_text\""));
    }

    #[test]
    fn every_table_that_can_be_told_again_has_a_latest_view() {
        for dialect in [Dialect::DuckDb, Dialect::Spark] {
            for table in TABLES {
                assert_eq!(
                    latest::latest(dialect, table).is_some(),
                    table.latest_by().is_some(),
                    "{}",
                    table.name
                );
            }
        }
        assert!(duckdb_views(".").contains(
            "-- conversations: each once per account_id, conversation_id, as told last\n\
             CREATE OR REPLACE VIEW \"conversations_latest\" AS"
        ));
    }

    #[test]
    fn semicolons_stand_at_the_end_of_statements_only() {
        for sql in [duckdb_views("lake"), spark_views("lake", None)] {
            let statements: Vec<&str> = sql.split(';').collect();
            let (last, statements) = statements.split_last().unwrap();
            assert_eq!(*last, "\n");
            for statement in statements {
                let mut lines = statement.lines().filter(|line| !line.is_empty() && !line.starts_with("--"));
                let first = lines.next().unwrap_or_default();
                assert!(
                    first.starts_with("CREATE OR REPLACE ") || first.starts_with("SET VARIABLE "),
                    "{first}"
                );
            }
        }
    }

    #[test]
    fn a_table_without_objects_is_an_empty_view() {
        let present = BTreeSet::from(["geo".to_owned()]);
        let sql = spark_views("lake", Some(&present));
        assert_eq!(sql.matches("USING parquet").count(), 1);
        assert!(
            sql.contains("`account_id` STRING,\n  `date` DATE\n) USING parquet OPTIONS (path 'lake/geo');")
        );
        assert!(sql.contains("CAST(NULL AS ARRAY<BIGINT>) AS `user_profile_ids`"));
        assert_eq!(spark_views("lake", None).matches("USING parquet").count(), TABLES.len());
    }
}
