//! Records: framing, wrapped and unwrapped unions, both envelope forms. The forms are made from the
//! published samples, so that each must give the very same rows.

use std::fs;
use std::path::Path;

use serde_json::Value;

use super::program::{compare, convert, gzip, repository};

const FILE: &str = "WebSession.1467288000000.1467291600000.part-00001-0.gz";

fn sample(name: &str) -> Value {
    let text = fs::read_to_string(repository().join("fixtures/samples").join(name)).unwrap();
    serde_json::from_str(&text).unwrap()
}

/// Every union of primitives and arrays without its wrapper; records and enums keep theirs.
fn unwrapped(value: &Value) -> Value {
    match value {
        Value::Object(members) => {
            let single = (members.len() == 1).then(|| members.iter().next()).flatten();
            match single {
                Some((name, inner))
                    if ["string", "long", "int", "double", "boolean", "array"].contains(&name.as_str()) =>
                {
                    unwrapped(inner)
                }
                _ => members.iter().map(|(name, inner)| (name.clone(), unwrapped(inner))).collect(),
            }
        }
        Value::Array(items) => items.iter().map(unwrapped).collect(),
        scalar => scalar.clone(),
    }
}

fn wrapped_envelope(mut document: Value) -> Value {
    let meta = document["metaData"].take();
    document["metaData"] = serde_json::json!({ "com.liveperson.dataaccess.MetaData": meta });
    let collection = document["recordCollection"].take();
    document["recordCollection"] = serde_json::json!({ "array": collection });
    document
}

fn rows_of(folder: &Path, text: &[u8]) -> String {
    let inputs = folder.join("in");
    fs::create_dir_all(&inputs).unwrap();
    fs::write(inputs.join(FILE), gzip(text)).unwrap();
    let lake = folder.join("lake");
    convert(&lake, &[&inputs], &[]).exits(0);
    let rows = compare(&lake, &[&inputs], &[]);
    serde_json::to_string(&rows).unwrap()
}

#[test]
fn every_form_of_the_same_document_gives_the_same_rows() {
    let document = sample("web-session.json");
    let compact = document.to_string();
    let pretty = serde_json::to_string_pretty(&document).unwrap();
    let forms = [
        compact.clone(),
        pretty.clone(),
        unwrapped(&document).to_string(),
        wrapped_envelope(document.clone()).to_string(),
        wrapped_envelope(unwrapped(&document)).to_string(),
        format!("\u{feff}{}", pretty.replace('\n', "\r\n")),
    ];
    let temporary = tempfile::tempdir().unwrap();
    let mut rows = Vec::new();
    for (index, form) in forms.iter().enumerate() {
        rows.push(rows_of(&temporary.path().join(index.to_string()), form.as_bytes()));
    }
    assert!(rows.iter().all(|r| *r == rows[0]), "{rows:#?}");
}

#[test]
fn lines_and_pretty_objects_stand_in_one_file() {
    let document = sample("web-session.json");
    let (compact, pretty) = (document.to_string(), serde_json::to_string_pretty(&document).unwrap());
    let temporary = tempfile::tempdir().unwrap();
    let text = format!("{compact}\n{pretty}{compact}\n\n{pretty}\n");
    let rows = rows_of(temporary.path(), text.as_bytes());
    assert!(rows.contains("\"web_sessions\":4"), "{rows}");
}
