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
//!
//! What DuckDB found out is kept where the views are kept, in a macro and a type, for a database file is opened again by
//! connections that never loaded the file. A view that was empty then fails once its table has objects.

mod analysis;
mod described;
mod latest;

use std::collections::BTreeSet;

pub(super) use described::VIEWS;

use super::catalog::TABLES;
use super::declare::{Kind, Table};
use super::schema::{ColumnDoc, columns};

/// Dialect of SQL.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Dialect {
    DuckDb,
    Spark,
}

/// Statements that make the views over the lake at `out`, to be loaded into a DuckDB database, in memory or in a file:
/// `duckdb -init views.sql`. `note`: a line on the place.
pub fn duckdb_views(out: &str, note: Option<&str>) -> String {
    let glob = |name: &str| format!("lp_lake() || '/{name}/**/*.parquet'");
    let filled: Vec<String> = TABLES
        .iter()
        .map(|Table { name, .. }| {
            format!("  SELECT '{name}' WHERE (SELECT count(*) FROM glob({})) > 0", glob(name))
        })
        .collect();
    let mut sql = format!(
        "-- Views over a lake of lp-archive. Load them with: duckdb -init views.sql\n\
         -- Kept in a database file, they work on every later connection too. Load them again when a view\n\
         -- says that its table has got its first rows.\n\
         {}CREATE OR REPLACE MACRO lp_lake() AS '{}';\n\n\
         -- The tables that have objects now.\n\
         CREATE OR REPLACE TYPE lp_filled AS ENUM (\n{}\n);\n",
        note.map(|note| format!("-- {note}\n")).unwrap_or_default(),
        quoted(root(out)),
        filled.join("\n  UNION ALL\n"),
    );
    for table in TABLES {
        let name = table.name;
        let glob = glob(name);
        // A plain read of one object cannot tell the bounds of a partition column (duckdb#25629).
        let objects = format!(
            "{} UNION ALL BY NAME SELECT * FROM {}",
            empty(Dialect::DuckDb, table),
            parquet_of(&glob)
        );
        sql.push_str(&format!(
            "\n-- {name}: one row per {}\n\
             {}SELECT *{}\n\
             FROM query(CASE WHEN list_contains(enum_range(NULL::lp_filled), '{name}')\n  THEN '{}'\n  ELSE '{}' END);\n",
            remark(table),
            create(Dialect::DuckDb, name),
            decoded(Dialect::DuckDb, table),
            quoted(&objects),
            quoted(&not_filled(table, &glob)),
        ));
    }
    sql + &upon_tables(Dialect::DuckDb)
}

/// No row of the table's columns as long as there is no object, then an error. Every column is made of the
/// error, and the error of the object's name: otherwise a filter could be found false before a file is looked for.
fn not_filled(table: &Table, glob: &str) -> String {
    let said = format!(
        "{} has got its first rows since these views were made: load the SQL of lp-archive schema --ddl duckdb again. First: ",
        table.name
    );
    format!(
        "SELECT {} FROM (SELECT CAST(error('{}' || file) AS VARCHAR) AS lp_new FROM glob({glob})) AS news WHERE lp_new IS NULL",
        select(Dialect::DuckDb, table, "lp_new"),
        quoted(&said),
    )
}

/// Statements that make temporary views over the lake at `out`. `present`: the tables that have objects;
/// `None` when that is not known (then all of them are taken to have some). `note`: a line on the place.
pub fn spark_views(out: &str, present: Option<&BTreeSet<String>>, note: Option<&str>) -> String {
    let mut sql = "-- Views over a lake of lp-archive. Load them with: spark-sql -i views.sql\n".to_owned();
    sql.push_str(&note.map(|note| format!("-- {note}\n")).unwrap_or_default());
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
    format!("SELECT {} FROM (SELECT 1) AS nothing WHERE false", select(dialect, table, "NULL"))
}

/// The table's columns, each made of one value.
fn select(dialect: Dialect, table: &Table, value: &str) -> String {
    let text = type_name(dialect, Kind::Text);
    let mut select: Vec<String> = columns(table)
        .into_iter()
        .map(|column| {
            let kind = type_name(dialect, column.kind);
            format!("CAST({value} AS {kind}) AS {}", name_of(dialect, column.name))
        })
        .collect();
    select.push(format!("CAST({value} AS {text}) AS account_id"));
    select.push(format!("CAST({value} AS DATE) AS date"));
    select.join(", ")
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
    parquet_of(&format!("'{}'", quoted(&format!("{out}/{table}/**/*.parquet"))))
}

fn parquet_of(glob: &str) -> String {
    format!(
        "read_parquet({glob}, hive_partitioning = true, union_by_name = true, \
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
        let sql = duckdb_views("it's/", None);
        assert!(sql.contains("CREATE OR REPLACE MACRO lp_lake() AS 'it''s';"));
        assert!(sql.contains(
            "CREATE OR REPLACE VIEW \"agent_activity\" AS\nSELECT *,\n  CASE CAST(\"type\" AS VARCHAR) WHEN '-1' THEN 'unknown'"
        ));
        assert!(sql.contains("read_parquet(lp_lake() || ''/geo/**/*.parquet'', hive_partitioning = true"));
        // A variable belongs to one connection, views to all.
        assert!(!sql.to_lowercase().contains("variable"));
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
        assert!(duckdb_views(".", None).contains(
            "-- conversations: each once per account_id, conversation_id, as told last\n\
             CREATE OR REPLACE VIEW \"conversations_latest\" AS"
        ));
    }

    #[test]
    fn semicolons_stand_at_the_end_of_statements_only() {
        for sql in [duckdb_views("lake", None), spark_views("lake", None, None)] {
            let statements: Vec<&str> = sql.split(';').collect();
            let (last, statements) = statements.split_last().unwrap();
            assert_eq!(*last, "\n");
            for statement in statements {
                let mut lines = statement.lines().filter(|line| !line.is_empty() && !line.starts_with("--"));
                let first = lines.next().unwrap_or_default();
                assert!(first.starts_with("CREATE OR REPLACE "), "{first}");
            }
        }
    }

    #[test]
    fn a_table_without_objects_is_an_empty_view() {
        let present = BTreeSet::from(["geo".to_owned()]);
        let sql = spark_views("lake", Some(&present), None);
        assert_eq!(sql.matches("USING parquet").count(), 1);
        assert!(
            sql.contains("`account_id` STRING,\n  `date` DATE\n) USING parquet OPTIONS (path 'lake/geo');")
        );
        assert!(sql.contains("CAST(NULL AS ARRAY<BIGINT>) AS `user_profile_ids`"));
        assert_eq!(spark_views("lake", None, None).matches("USING parquet").count(), TABLES.len());
    }
}
