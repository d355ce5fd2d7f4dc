//! Declarations -> the reference of all tables, as Markdown (`docs/tables.md`).
//!
//! ```text
//! int32("endReasonId", "end_reason_id", "why it ended").coded([("101", "transfer…"), …])
//!   -> | `end_reason_id` | INTEGER | why it ended: 101 transfer…, 106 … | `endReasonId` |
//! ```

use std::fmt::Write as _;

use super::catalog::TABLES;
use super::ddl::VIEWS;
use super::declare::{Kind, Lead, OwnTime, Record, Table};
use super::schema::{EXTRA, LINEAGE};

const HEAD: &str = "# Tables

Written by `lp-archive schema --markdown` from the declarations of the columns; `schema --json` tells the same to machines.

Columns keep LivePerson's names in snake_case and its codes as sent. The last column of each table below names the JSON field: `header.…` is the
header of the body, `…[]` each element of a list. A field of a struct is written behind a dot.

| type | DuckDB | Spark | is |
| --- | --- | --- | --- |
| VARCHAR | VARCHAR | STRING | text, UTF-8 |
| JSON | VARCHAR | STRING | text that is JSON |
| INTEGER, BIGINT | the same | INT, BIGINT | 32 and 64 bits, signed |
| DOUBLE, BOOLEAN | the same | the same | |
| TIME | TIMESTAMP WITH TIME ZONE | TIMESTAMP | a moment, in milliseconds, UTC |
| STRUCT, …[] | STRUCT, LIST | STRUCT, ARRAY | fields by name; a list |

Every column may be null: LivePerson leaves fields out, and a value that does not fit goes to `extra`.

## In every table

";

/// The whole reference.
pub fn reference() -> String {
    let mut text = HEAD.to_owned();
    text.push_str("| column | type | meaning |\n| --- | --- | --- |\n");
    let partitions = [
        ("account_id", Kind::Text, "the account; a folder of the path, not in the files"),
        ("date", Kind::Text, "UTC date of the row's own time; a folder of the path, not in the files"),
    ];
    for (name, kind, doc) in partitions.into_iter().chain(LINEAGE).chain([EXTRA]) {
        let kind = if name == "date" { "DATE".to_owned() } else { type_word(kind) };
        let _ = writeln!(text, "| `{name}` | {kind} | {} |", cell(doc));
    }
    text.push_str(
        "\nThe four `source_…` columns together are unique in a table. `extra` stands last, the others before a table's own columns.\n",
    );
    for table in TABLES {
        table_section(&mut text, table);
    }
    views(&mut text);
    text
}

/// What `schema --ddl` makes of the tables.
fn views(text: &mut String) {
    text.push_str(
        "\n## Views for analysts\n\nMade by `schema --ddl`, beside a view of each table and its `_latest`; times in milliseconds.\n",
    );
    for view in &VIEWS {
        let _ = write!(
            text,
            "\n### {}\n\nOne row per {}.\n\n| column | type | meaning |\n| --- | --- | --- |\n",
            view.name, view.grain
        );
        for (name, kind, doc) in view.columns {
            let _ = writeln!(text, "| `{name}` | {kind} | {} |", cell(doc));
        }
    }
}

fn table_section(text: &mut String, table: &Table) {
    let files = match table.stream {
        Some(stream) => format!("files of `{stream}`"),
        None => "files of every stream".to_owned(),
    };
    let time = match table.own_time {
        OwnTime::Field(name) => name,
        OwnTime::Record => "record_start_time",
    };
    let _ = write!(
        text,
        "\n## {}\n\nOne row per {}. From {files}; under the date of `{time}`.\n\n\
         | column | type | meaning | JSON |\n| --- | --- | --- | --- |\n",
        table.name,
        cell(table.grain),
    );
    for lead in table.lead {
        row(text, lead.name(), &type_word(lead.kind()), lead.doc(), &lead_source(*lead));
    }
    if table.name == "unrecognized" || table.whole {
        for field in table.record.fields {
            row(text, field.name, &type_word(field.kind), field.doc, "");
        }
    } else {
        fields(text, &table.record, "", "");
    }
    for (name, of, doc) in table.counts {
        row(text, name, "BIGINT", doc, &format!("counted in `{of}`"));
    }
    if let Some(by) = table.latest_by() {
        let by: Vec<String> = by.iter().map(|column| format!("`{column}`")).collect();
        let _ = writeln!(
            text,
            "\nThe view `{}_latest` shows each once per `account_id`, {}.",
            table.name,
            by.join(", ")
        );
    }
}

/// The fields of a record, those of its structs behind it.
fn fields(text: &mut String, record: &Record, column: &str, json: &str) {
    for field in record.fields {
        let source = format!("{json}{}", field.json);
        let meaning = match field.codes {
            [] => field.doc.to_owned(),
            codes => {
                let codes: Vec<String> = codes.iter().map(|(code, word)| format!("{code} {word}")).collect();
                format!("{}: {}", field.doc, codes.join("; "))
            }
        };
        let name = format!("{column}{}", field.name);
        if let Kind::Union(union) = field.kind {
            row(text, union.tag, "VARCHAR", union.tag_doc, &format!("name of the record in `{source}`"));
            for branch in union.branches {
                row(text, branch.name, "STRUCT", branch.doc, &format!("`{source}`"));
                fields(text, branch.record, &format!("{}.", branch.name), &format!("{source}."));
            }
            continue;
        }
        row(text, &name, &type_word(field.kind), &meaning, &format!("`{source}`"));
        match field.kind {
            Kind::Struct(inner) => fields(text, inner, &format!("{name}."), &format!("{source}.")),
            Kind::List(Kind::Struct(inner)) => {
                fields(text, inner, &format!("{name}[]."), &format!("{source}[]."));
            }
            _ => {}
        }
    }
}

fn row(text: &mut String, name: &str, kind: &str, meaning: &str, json: &str) {
    let _ = writeln!(text, "| `{name}` | {kind} | {} | {json} |", cell(meaning));
}

fn lead_source(lead: Lead) -> String {
    match lead {
        Lead::VisitId => "`header.visitId`",
        Lead::VisitorId => "`header.visitorId`",
        Lead::ContextId => "`header.contextId`",
        Lead::AgentSessionId => "`header.agentSessionId`",
        Lead::ConversationId => "`conversationId` of what it belongs to",
        Lead::SurveyId => "`id` of the survey",
        Lead::SurveyType => "`type` of the survey",
        Lead::Seq => "counted",
    }
    .to_owned()
}

fn type_word(kind: Kind) -> String {
    match kind {
        Kind::Int32 => "INTEGER",
        Kind::Int64 => "BIGINT",
        Kind::Float64 => "DOUBLE",
        Kind::Boolean => "BOOLEAN",
        Kind::Time => "TIME",
        Kind::Text | Kind::Union(_) => "VARCHAR",
        Kind::Json => "JSON",
        Kind::Struct(_) => "STRUCT",
        Kind::List(item) => return format!("{}[]", type_word(*item)),
    }
    .to_owned()
}

/// Text that cannot end a cell.
fn cell(text: &str) -> String {
    text.replace('|', "\\|")
}

#[cfg(test)]
mod tests {
    use super::super::schema::columns;
    use super::*;

    #[test]
    fn every_column_has_its_line() {
        let text = reference();
        for table in TABLES {
            let section = text.split(&format!("\n## {}\n", table.name)).nth(1).unwrap();
            let section = section.split("\n## ").next().unwrap();
            for column in columns(table) {
                let common = LINEAGE.iter().chain([&EXTRA]).any(|(name, ..)| *name == column.name);
                let place = if common { &text } else { section };
                assert!(
                    place.contains(&format!("\n| `{}` | ", column.name)),
                    "{}.{}",
                    table.name,
                    column.name
                );
            }
        }
        for line in text.lines().filter(|line| line.starts_with("| `")) {
            let cells = line.replace("\\|", "").matches('|').count();
            assert!(cells == 4 || cells == 5, "{line}");
            assert!(
                !line.contains("|  |") || line.contains("| `data` |") || line.contains("| `body"),
                "{line}"
            );
        }
    }

    #[test]
    fn nested_fields_and_codes() {
        let text = reference();
        for line in [
            "| `state` | BIGINT | state after the event: -1 unknown; 0 irrelevant; 1 offline; 2 online; 3 back soon; 4 away | `state` |",
            "| `customer_info.last_payment_date.year` | INTEGER | year | `data.lastPaymentDate.year` |",
            "| `eligible_campaigns[].campaign.visitor_profiles[].id` | BIGINT | id | `eligibleCampaigns[].campaign.visitorProfiles[].id` |",
        ] {
            assert!(text.contains(line), "{line}\n{text}");
        }
    }
}
