//! `schema`: tables and columns, or views for an engine.

use std::collections::BTreeSet;
use std::io::Write;
use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use super::print_result;
use crate::cli::{CommonArgs, Engine, SchemaArgs};
use crate::exit::Exit;
use crate::lake::{Access, Lake};
use crate::model::{Fault, LakeOptions};
use crate::tables::{Dialect, TABLES, Table, columns, duckdb_views, reference, spark_views, type_name};

/// Runs `schema`.
pub fn run(args: SchemaArgs, common: CommonArgs) -> Exit {
    let out = args.out.as_deref().unwrap_or(".");
    let (place, note) = if args.ddl.is_some() { place(out) } else { (out.to_owned(), None) };
    if let Some(note) = note.as_ref().filter(|_| !common.quiet) {
        let _ = writeln!(std::io::stderr(), "note: {note}");
    }
    let text = match args.ddl {
        Some(Engine::Duckdb) => duckdb_views(&place, note.as_deref()),
        Some(Engine::Spark) => match present(out) {
            Ok(present) => {
                tell_empty(present.as_ref(), out, &common);
                spark_views(&place, present.as_ref(), note.as_deref())
            }
            Err(fault) => return Exit::because(&fault, &common),
        },
        None if args.markdown => reference(),
        None if common.json => format!("{}\n", Value::Array(TABLES.iter().map(|t| as_json(t)).collect())),
        None => TABLES.iter().map(|table| as_text(table)).collect(),
    };
    print_result(text, Exit::Done, &common)
}

/// Where the engine finds the lake, and what must be said of it: a folder's path counts from the root, so that it does not
/// matter where the engine runs. A folder that holds no lake may be meant to be elsewhere and stays as told.
fn place(out: &str) -> (String, Option<String>) {
    let folder = Path::new(out);
    if out.contains("://") || (folder.is_absolute() && is_lake(folder)) {
        return (out.to_owned(), None);
    }
    match std::path::absolute(folder).ok().filter(|folder| is_lake(folder)) {
        Some(folder) => {
            let whole: PathBuf = folder.components().collect();
            (whole.display().to_string(), None)
        }
        None => {
            // One line: it becomes a comment.
            let shown: String =
                out.chars().map(|c| if c.is_control() || c == ';' { '?' } else { c }).collect();
            let from = if folder.is_absolute() { "" } else { ", the path counts from where the engine runs" };
            (out.to_owned(), Some(format!("no lake yet in the folder {shown}{from}")))
        }
    }
}

fn is_lake(folder: &Path) -> bool {
    let mut names = TABLES.iter().map(|table| table.name).chain(["_lp_archive"]);
    names.any(|name| folder.join(name).is_dir())
}

/// The tables that the lake holds; `None` when that cannot be known.
fn present(out: &str) -> Result<Option<BTreeSet<String>>, Fault> {
    let runtime = match tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build() {
        Ok(runtime) => runtime,
        Err(_) => return Ok(None),
    };
    let lake = Lake::open(out, LakeOptions::default(), Access::Read, runtime.handle().clone())?;
    lake.tables().map(Some)
}

/// Spark cannot read a folder that is not there, so that views made too early stay empty: better said than found.
fn tell_empty(present: Option<&BTreeSet<String>>, out: &str, common: &CommonArgs) {
    let Some(present) = present.filter(|_| !common.quiet) else { return };
    let absent: Vec<&str> =
        TABLES.iter().map(|table| table.name).filter(|name| !present.contains(*name)).collect();
    let what = match absent.len() {
        0 => return,
        all if all == TABLES.len() => format!("no table of lp-archive in {out}: all views are"),
        _ => format!("no rows yet of {}: these views are", absent.join(", ")),
    };
    let _ = writeln!(std::io::stderr(), "note: {what} empty; write them again once there are some");
}

fn as_text(table: &'static Table) -> String {
    let mut text = format!("{}: one row per {}\n", table.name, table.grain);
    let columns = columns(table);
    let width = columns.iter().map(|column| column.name.len()).max().unwrap_or_default();
    for column in columns {
        let kind = short_type(&type_name(Dialect::DuckDb, column.kind));
        text.push_str(&format!("  {:<width$}  {kind:<9}  {}\n", column.name, column.doc));
    }
    if let Some(by) = table.latest_by() {
        text.push_str(&format!(
            "  {}_latest, a view of --ddl: each once per account_id, {}\n",
            table.name,
            by.join(", ")
        ));
    }
    text.push('\n');
    text
}

/// Structs in one word: their fields are in `--json`.
fn short_type(name: &str) -> String {
    let list = if name.ends_with("[]") { "[]" } else { "" };
    match name {
        "TIMESTAMP WITH TIME ZONE" => "TIME".into(),
        _ if name.starts_with("STRUCT") => format!("STRUCT{list}"),
        _ => name.into(),
    }
}

fn as_json(table: &'static Table) -> Value {
    let columns: Vec<Value> = columns(table)
        .into_iter()
        .map(|column| {
            let codes: serde_json::Map<String, Value> =
                column.codes.iter().map(|(code, text)| ((*code).to_owned(), json!(text))).collect();
            json!({
                "name": column.name,
                "type": type_name(Dialect::DuckDb, column.kind),
                "spark_type": type_name(Dialect::Spark, column.kind),
                "doc": column.doc,
                "codes": codes,
            })
        })
        .collect();
    json!({
        "table": table.name,
        "row": table.grain,
        "stream": table.stream.map(|stream| stream.resource()),
        "columns": columns,
        "latest": table.latest_by(),
    })
}
