//! Declarations -> SQL: one view per table, for DuckDB and Spark.
//!
//! A coded column `state` gets a sibling `state_text` with the published meaning, so that the codes
//! themselves stay as sent. A table that the lake does not hold yet is an empty view of the same columns,
//! because neither engine can read a folder without files. DuckDB finds out by itself each time the file
//! is loaded; for Spark it must be known when the file is made.

use std::collections::BTreeSet;

use super::catalog::TABLES;
use super::declare::{Kind, Table};
use super::schema::columns;

/// Dialect of SQL.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Dialect {
    DuckDb,
    Spark,
}

/// Statements that make a view per table of the lake at `out`, to be loaded at the start of a DuckDB
/// session: `duckdb -init views.sql`.
pub fn duckdb_views(out: &str) -> String {
    let mut sql = format!(
        "-- Views over a lake of lp-archive, one per table. Load them with: duckdb -init views.sql\n\
         SET VARIABLE lp_lake = '{}';\n",
        quoted(root(out))
    );
    for table in TABLES {
        let name = table.name;
        let glob = format!("getvariable('lp_lake') || '/{name}/**/*.parquet'");
        // The lake's place stays a variable, so that one line tells it.
        let read = quoted(&format!("SELECT * FROM {}", read_parquet("<lake>", name)));
        let read = read.replace("<lake>", "' || replace(getvariable('lp_lake'), '''', '''''') || '");
        sql.push_str(&format!(
            "\n-- one row per {}\n\
             SET VARIABLE lp_has_{name} = (SELECT count(*) > 0 FROM glob({glob}));\n\
             CREATE OR REPLACE VIEW \"{name}\" AS\nSELECT *{}\n\
             FROM query(CASE WHEN getvariable('lp_has_{name}')\n  THEN '{read}'\n  ELSE '{}' END);\n",
            table.grain,
            decoded(Dialect::DuckDb, table),
            quoted(&empty(Dialect::DuckDb, table)),
        ));
    }
    sql
}

/// Statements that make a temporary view per table of the lake at `out`. `present`: the tables that have
/// objects; `None` when that is not known (then all of them are taken to have some).
pub fn spark_views(out: &str, present: Option<&BTreeSet<String>>) -> String {
    let mut sql = "-- Views over a lake of lp-archive, one per table.\n".to_owned();
    for table in TABLES {
        let name = table.name;
        sql.push_str(&format!("\n-- one row per {}\n", table.grain));
        let from = if present.is_none_or(|present| present.contains(name)) {
            let path = format!("{}/{name}", root(out)).replace('\'', "\\'");
            sql.push_str(&format!(
                "CREATE OR REPLACE TEMPORARY VIEW `{name}_objects`\n\
                 USING parquet OPTIONS (path '{path}', mergeSchema 'true');\n"
            ));
            format!("`{name}_objects`")
        } else {
            format!("({})", empty(Dialect::Spark, table))
        };
        let decoded = decoded(Dialect::Spark, table);
        sql.push_str(&format!(
            "CREATE OR REPLACE TEMPORARY VIEW `{name}` AS\nSELECT *{decoded}\nFROM {from};\n"
        ));
    }
    sql
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
    format!("SELECT {} FROM (SELECT 1) WHERE false", select.join(", "))
}

/// `, CASE … END AS state_text` for each coded column.
fn decoded(dialect: Dialect, table: &Table) -> String {
    let text = type_name(dialect, Kind::Text);
    let coded = columns(table).into_iter().filter(|column| !column.codes.is_empty());
    coded
        .map(|column| {
            let case = |(code, meaning): &(&str, &str)| format!("WHEN '{code}' THEN '{}'", quoted(meaning));
            let cases: Vec<String> = column.codes.iter().map(case).collect();
            let value = name_of(dialect, column.name);
            let decoded = name_of(dialect, &format!("{}_text", column.name));
            format!(",\n  CASE CAST({value} AS {text}) {} END AS {decoded}", cases.join(" "))
        })
        .collect()
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
        assert_eq!(sql.matches("CREATE OR REPLACE VIEW").count(), TABLES.len());
    }

    #[test]
    fn a_table_without_objects_is_an_empty_view() {
        let present = BTreeSet::from(["geo".to_owned()]);
        let sql = spark_views("lake", Some(&present));
        assert_eq!(sql.matches("USING parquet").count(), 1);
        assert!(sql.contains("OPTIONS (path 'lake/geo', mergeSchema 'true')"));
        assert!(sql.contains("CAST(NULL AS ARRAY<BIGINT>) AS `user_profile_ids`"));
        assert_eq!(spark_views("lake", None).matches("USING parquet").count(), TABLES.len());
    }
}
