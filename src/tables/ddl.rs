//! Declarations -> SQL: one view per table, for DuckDB and Spark.
//!
//! A coded column `state` gets a sibling `state_text` with the published meaning, so that the codes
//! themselves stay as sent. A table that the lake does not hold yet becomes an empty view of the same
//! columns, because neither engine can read a folder without files.

use std::collections::BTreeSet;
use std::fmt::Write;

use super::catalog::TABLES;
use super::declare::{Kind, Table};
use super::schema::columns;

/// Dialect of SQL.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Dialect {
    DuckDb,
    Spark,
}

/// Statements that make a view per table of the lake at `out`. `present`: the tables that have
/// objects; `None` when that is not known (then all of them are taken to have some).
pub fn ddl(dialect: Dialect, out: &str, present: Option<&BTreeSet<String>>) -> String {
    let out = if out.is_empty() { "." } else { out.trim_end_matches('/') };
    let mut sql = format!(
        "-- Views over the lake at {}, one per table. Made by `lp-archive schema`.\n",
        out.escape_debug()
    );
    if dialect == Dialect::DuckDb {
        sql.push_str("-- Load it with:  duckdb -init views.sql\n");
    }
    for table in TABLES {
        let held = present.is_none_or(|present| present.contains(table.name));
        // Writing to a String cannot fail.
        let _ = write!(sql, "\n-- one row per {}\n", table.grain);
        let _ = writeln!(sql, "{}", view(dialect, out, table, held));
    }
    sql
}

fn view(dialect: Dialect, out: &str, table: &'static Table, held: bool) -> String {
    let (begin, quote) = match dialect {
        Dialect::DuckDb => ("CREATE OR REPLACE VIEW", '"'),
        Dialect::Spark => ("CREATE OR REPLACE TEMPORARY VIEW", '`'),
    };
    let name = |name: &str| format!("{quote}{name}{quote}");
    let mut select: Vec<String> = Vec::new();
    if held {
        select.push("*".into());
    } else {
        for column in columns(table) {
            select.push(format!(
                "CAST(NULL AS {}) AS {}",
                type_name(dialect, column.kind),
                name(column.name)
            ));
        }
        select.push(format!("CAST(NULL AS {}) AS account_id", type_name(dialect, Kind::Text)));
        select.push("CAST(NULL AS DATE) AS date".into());
    }
    for column in columns(table).iter().filter(|column| !column.codes.is_empty()) {
        let cases: Vec<String> = column
            .codes
            .iter()
            .map(|(code, meaning)| format!("WHEN '{code}' THEN '{}'", meaning.replace('\'', "''")))
            .collect();
        let text = type_name(dialect, Kind::Text);
        let value = if held { name(column.name) } else { "NULL".into() };
        let decoded = name(&format!("{}_text", column.name));
        select.push(format!("CASE CAST({value} AS {text}) {} END AS {decoded}", cases.join(" ")));
    }
    let from = match (held, dialect) {
        (false, _) => "WHERE false".to_owned(),
        (true, Dialect::DuckDb) => format!("FROM {}", read_parquet(out, table.name)),
        (true, Dialect::Spark) => format!("FROM {}", spark_source(table.name)),
    };
    let view = format!("{begin} {} AS\nSELECT {}\n{from};", name(table.name), select.join(",\n  "));
    match (held, dialect) {
        (true, Dialect::Spark) => {
            let path = format!("{out}/{}", table.name).replace('\'', "\\'");
            let source = spark_source(table.name);
            format!(
                "CREATE OR REPLACE TEMPORARY VIEW {source}\nUSING parquet OPTIONS (path '{path}', mergeSchema 'true');\n{view}"
            )
        }
        (false, Dialect::Spark) => view.replace("\nWHERE false", "\nFROM (SELECT 1) WHERE false"),
        _ => view,
    }
}

/// The table's objects as DuckDB reads them: files of all ages, partition columns typed.
pub fn read_parquet(out: &str, table: &str) -> String {
    let glob = format!("{out}/{table}/**/*.parquet").replace('\'', "''");
    format!(
        "read_parquet('{glob}', hive_partitioning = true, union_by_name = true, \
         hive_types = {{'account_id': VARCHAR, 'date': DATE}})"
    )
}

fn spark_source(table: &str) -> String {
    format!("`{table}_objects`")
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
    fn a_view_decodes_codes_beside_them() {
        let sql = ddl(Dialect::DuckDb, "lake/", None);
        assert!(sql.contains("CREATE OR REPLACE VIEW \"agent_activity\" AS\nSELECT *,\n  CASE CAST(\"type\" AS VARCHAR) WHEN '-1' THEN 'unknown'"));
        assert!(
            sql.contains("FROM read_parquet('lake/agent_activity/**/*.parquet', hive_partitioning = true")
        );
        assert_eq!(sql.matches("CREATE OR REPLACE VIEW").count(), TABLES.len());
    }

    #[test]
    fn a_table_without_objects_is_an_empty_view() {
        let none = BTreeSet::new();
        let sql = ddl(Dialect::Spark, "lake", Some(&none));
        assert!(!sql.contains("USING parquet"));
        assert!(sql.contains("CAST(NULL AS ARRAY<BIGINT>) AS `user_profile_ids`"));
        assert!(ddl(Dialect::DuckDb, "lake", Some(&none)).contains("WHERE false"));
    }
}
