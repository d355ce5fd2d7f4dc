//! A file of settings as a flat list: TOML text -> (`account[0].auth.method`, value, line).
//!
//! Texts of errors name keys and lines, never the line's own text: it may hold a secret.

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use crate::model::{Fault, FaultKind, Stage};

/// A value as written in the file, the environment or a flag.
#[derive(Clone, Debug, PartialEq)]
pub enum Raw {
    Text(String),
    Whole(i64),
    Flag(bool),
    List(Vec<String>),
    /// A kind of value that no setting has, by name.
    Other(&'static str),
}

/// One key of the file.
#[derive(Clone, Debug, PartialEq)]
pub struct Entry {
    /// `account[0].auth.method`, `archive.memory`
    pub path: String,
    pub value: Raw,
    /// Line in the file, from 1.
    pub line: usize,
}

/// The file as read.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct FileText {
    pub entries: Vec<Entry>,
    /// Number of `[[account]]` tables.
    pub accounts: usize,
}

/// Parses the text of a file of settings; `name` is how errors call it.
///
/// # Errors
/// Text that is not TOML, with its line.
pub fn parse(name: &str, text: &str) -> Result<FileText, Fault> {
    let document = DeTable::parse(text).map_err(|error| {
        let unit = match error.span() {
            Some(span) => format!("{name}, line {}", line_of(text, span.start)),
            None => name.to_owned(),
        };
        Fault::new(
            FaultKind::Config,
            Stage::Configure,
            format!("not valid TOML: {}", first_line(error.message())),
        )
        .of(unit)
        .advise("compare it with the file that `lp-archive config init` writes")
    })?;
    let mut file = FileText::default();
    flatten(text, "", document.get_ref(), &mut file);
    Ok(file)
}

fn flatten(text: &str, prefix: &str, table: &DeTable<'_>, file: &mut FileText) {
    for (key, value) in table.iter() {
        let path = format!("{prefix}{}", key.get_ref());
        let line = line_of(text, key.span().start);
        match value.get_ref() {
            DeValue::Table(inner) => flatten(text, &format!("{path}."), inner, file),
            DeValue::Array(items) if path == "account" => {
                file.accounts = items.len();
                for (index, item) in items.iter().enumerate() {
                    match item.get_ref() {
                        DeValue::Table(inner) => {
                            flatten(text, &format!("account[{index}]."), inner, file);
                        }
                        _ => file.entries.push(Entry { path: path.clone(), value: raw(item), line }),
                    }
                }
            }
            _ => file.entries.push(Entry { path, value: raw(value), line }),
        }
    }
}

fn raw(value: &Spanned<DeValue<'_>>) -> Raw {
    match value.get_ref() {
        DeValue::String(text) => Raw::Text(text.to_string()),
        DeValue::Integer(number) => match i64::from_str_radix(number.as_str(), number.radix()) {
            Ok(number) => Raw::Whole(number),
            Err(_) => Raw::Other("a number too large"),
        },
        DeValue::Boolean(flag) => Raw::Flag(*flag),
        DeValue::Array(items) => {
            let texts: Option<Vec<String>> = items
                .iter()
                .map(|item| match item.get_ref() {
                    DeValue::String(text) => Some(text.to_string()),
                    _ => None,
                })
                .collect();
            texts.map_or(Raw::Other("a list of other things than texts"), Raw::List)
        }
        DeValue::Float(_) => Raw::Other("a decimal number"),
        DeValue::Datetime(_) => Raw::Other("a time"),
        DeValue::Table(_) => Raw::Other("a table"),
    }
}

fn line_of(text: &str, offset: usize) -> usize {
    text.bytes().take(offset).filter(|byte| *byte == b'\n').count() + 1
}

fn first_line(text: &str) -> &str {
    text.lines().next().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_becomes_a_flat_list() {
        let file = parse(
            "f",
            "[[account]]\nid = \"1\"\n[account.auth]\nmethod = \"bearer\"\n[[account]]\nstreams = [\"survey\"]\n[archive]\nthreads = 0x10\nstrict = true\n",
        )
        .unwrap();
        assert_eq!(file.accounts, 2);
        let shown: Vec<_> = file.entries.iter().map(|e| (e.path.as_str(), e.line, e.value.clone())).collect();
        assert_eq!(
            shown,
            [
                ("account[0].auth.method", 4, Raw::Text("bearer".into())),
                ("account[0].id", 2, Raw::Text("1".into())),
                ("account[1].streams", 6, Raw::List(vec!["survey".into()])),
                ("archive.strict", 9, Raw::Flag(true)),
                ("archive.threads", 8, Raw::Whole(16)),
            ]
        );
    }

    #[test]
    fn a_broken_file_names_the_line_and_not_its_text() {
        let text = parse("my.toml", "[archive]\nclient_secret = hunter2 hunter2\n").unwrap_err().to_string();
        assert!(
            text.starts_with("failed to read the configuration my.toml, line 2: not valid TOML: "),
            "{text}"
        );
        assert!(!text.contains("hunter2"), "{text}");
    }
}
