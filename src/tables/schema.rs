//! Declarations -> Arrow schemas. Column order: lineage, ids, fields, counts, `extra`.

use std::collections::HashMap;
use std::sync::{Arc, LazyLock, Mutex, PoisonError};

use arrow::datatypes::{DataType, Field, FieldRef, Fields, Schema, SchemaRef, TimeUnit};

use super::catalog::TABLES;
use super::declare::{Kind, Record, Table};
use super::runs::Runs;

/// Every table begins with these: name, type, documentation.
pub const LINEAGE: [(&str, Kind, &str); 7] = [
    ("schema_version", Kind::Text, "schema version of the record, as sent"),
    ("record_start_time", Kind::Time, "metaData.startTime of the record"),
    ("record_end_time", Kind::Time, "metaData.endTime of the record"),
    ("source_file", Kind::Text, "listed name of the file, without .gz"),
    ("source_record", Kind::Int64, "index of the top-level object in the file"),
    ("source_body", Kind::Int64, "index in recordCollection; null for a row of the whole record"),
    ("source_item", Kind::Int64, "index of the row among this table's rows of the body"),
];

/// Every table ends with this.
pub const EXTRA: (&str, Kind, &str) =
    ("extra", Kind::Text, "JSON of every field that is not known or whose value does not fit, else null");

/// A column as documentation and DDL show it.
#[derive(Clone, Debug)]
pub struct ColumnDoc {
    pub name: &'static str,
    pub kind: Kind,
    pub doc: &'static str,
    pub codes: &'static [(&'static str, &'static str)],
}

/// The columns of a table, in their order; unions are spread out.
pub fn columns(table: &Table) -> Vec<ColumnDoc> {
    let plain = |name, kind, doc| ColumnDoc { name, kind, doc, codes: &[] };
    let mut columns: Vec<ColumnDoc> = LINEAGE.iter().map(|(n, k, d)| plain(*n, *k, *d)).collect();
    columns.extend(table.lead.iter().map(|lead| plain(lead.name(), lead.kind(), lead.doc())));
    for field in table.record.fields {
        match field.kind {
            Kind::Union(union) => {
                columns.push(plain(union.tag, Kind::Text, union.tag_doc));
                columns.extend(union.branches.iter().map(|b| plain(b.name, Kind::Struct(b.record), b.doc)));
            }
            kind => columns.push(ColumnDoc { name: field.name, kind, doc: field.doc, codes: field.codes }),
        }
    }
    columns.extend(table.counts.iter().map(|(name, _, doc)| plain(*name, Kind::Int64, *doc)));
    columns.push(plain(EXTRA.0, EXTRA.1, EXTRA.2));
    columns
}

/// Arrow schema of a table (without the partition columns `account_id` and `date`).
pub fn arrow_schema(table: &'static Table) -> SchemaRef {
    static SCHEMAS: LazyLock<Vec<(&'static str, SchemaRef)>> =
        LazyLock::new(|| TABLES.iter().map(|table| (table.name, build(table))).collect());
    let known = SCHEMAS.iter().find(|(name, _)| *name == table.name);
    known.map_or_else(|| build(table), |(_, schema)| schema.clone())
}

fn build(table: &Table) -> SchemaRef {
    let fields = columns(table).into_iter().enumerate().map(|(index, column)| match column.kind {
        // The same for all rows of a file, or nearly so.
        Kind::Text if index < LINEAGE.len() => Field::new(column.name, Runs::data_type(), true),
        kind => nullable(column.name, kind),
    });
    Arc::new(Schema::new(fields.collect::<Vec<_>>()))
}

fn nullable(name: &str, kind: Kind) -> Field {
    Field::new(name, data_type(kind), true)
}

/// Arrow type of a kind; the tag column for a union.
pub fn data_type(kind: Kind) -> DataType {
    match kind {
        Kind::Int32 => DataType::Int32,
        Kind::Int64 => DataType::Int64,
        Kind::Float64 => DataType::Float64,
        Kind::Boolean => DataType::Boolean,
        Kind::Time => DataType::Timestamp(TimeUnit::Millisecond, Some("UTC".into())),
        Kind::Text | Kind::Json | Kind::Union(_) => DataType::Utf8,
        Kind::List(item) => DataType::List(list_item(item)),
        Kind::Struct(record) => DataType::Struct(struct_fields(record)),
    }
}

/// Field of a list's items.
pub fn list_item(item: &Kind) -> FieldRef {
    Arc::new(nullable("element", *item))
}

/// Fields of a record's struct; the same ones each time, so that they are found equal at a glance.
pub fn struct_fields(record: &'static Record) -> Fields {
    static KNOWN: LazyLock<Mutex<HashMap<usize, Fields>>> = LazyLock::new(Mutex::default);
    let place = std::ptr::from_ref(record).addr();
    let known = KNOWN.lock().unwrap_or_else(PoisonError::into_inner).get(&place).cloned();
    known.unwrap_or_else(|| {
        // Not under the lock: a record may hold others.
        let fields: Fields = record.fields.iter().map(|field| nullable(field.name, field.kind)).collect();
        let mut known = KNOWN.lock().unwrap_or_else(PoisonError::into_inner);
        known.entry(place).or_insert(fields).clone()
    })
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    /// `agentID` -> `agent_id`, `iPV4` -> `ipv4`, `userProfileIDs` -> `user_profile_ids`.
    fn snake(json: &str) -> String {
        if let Some(rest) = json.strip_prefix("iPV") {
            return format!("ipv{rest}");
        }
        let json = json.replace("IDs", "Ids").replace("OS", "Os");
        let mut name = String::new();
        let letters: Vec<char> = json.chars().collect();
        for (i, letter) in letters.iter().enumerate() {
            let after_lower = i > 0 && !letters[i - 1].is_uppercase();
            if letter.is_uppercase() && after_lower {
                name.push('_');
            }
            name.extend(letter.to_lowercase());
        }
        name
    }

    fn check(record: &Record) {
        for field in record.fields {
            if !field.json.is_empty() && !matches!(field.kind, Kind::Union(_)) {
                assert_eq!(snake(field.json), field.name);
            }
            match field.kind {
                Kind::Struct(inner) => check(inner),
                Kind::List(Kind::Struct(inner)) => check(inner),
                Kind::Union(union) => {
                    union.branches.iter().for_each(|branch| check(branch.record));
                    let of_branches = union.branches.iter().flat_map(|branch| branch.record.wrappers);
                    assert!(of_branches.eq(union.wrappers), "{}: wrappers", union.tag);
                }
                _ => {}
            }
        }
    }

    #[test]
    fn column_names_follow_the_rule_and_are_unique() {
        for table in TABLES {
            check(&table.record);
            let names: Vec<_> = columns(table).into_iter().map(|column| column.name).collect();
            let unique: HashSet<_> = names.iter().collect();
            assert_eq!(unique.len(), names.len(), "{}", table.name);
            assert_eq!(names.last(), Some(&"extra"));
            for id in table.ids {
                assert!(names.contains(id), "{} has no {id}", table.name);
            }
            for column in table.latest_by().unwrap_or_default() {
                assert!(names.contains(&column), "{} has no {column}", table.name);
            }
            for (_, child) in table.children {
                assert!(TABLES.iter().any(|table| table.name == *child));
            }
            for (name, child, _) in table.counts {
                let same =
                    |other: &&&super::super::Table| other.name == *child && other.stream == table.stream;
                assert!(TABLES.iter().any(|other| same(&other)), "{}: {name} counts {child}", table.name);
            }
        }
    }
}
