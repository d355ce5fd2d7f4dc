//! What `config show` prints: every effective value and where it came from. Secrets are
//! `**redacted**` from the start: no [`Effective`] holds one.

use std::fmt::Write as _;

use serde_json::{Value, json};

use super::layers::Effective;

/// One aligned line per value: `archive.memory   512MiB   (default)`.
pub fn show_text(effective: &[Effective]) -> String {
    let width = |text: fn(&Effective) -> &str| effective.iter().map(|e| text(e).len()).max().unwrap_or(0);
    let key_width = width(|e| &e.key);
    let value_width = width(|e| &e.value).min(48);
    let mut text = String::new();
    for Effective { key, value, origin } in effective {
        let _ = writeln!(text, "{key:key_width$}  {value:value_width$}  ({origin})");
    }
    text
}

/// `{"version":1,"settings":[{"key":…,"value":…,"from":…}]}`
pub fn show_json(effective: &[Effective]) -> Value {
    let settings: Vec<Value> = effective
        .iter()
        .map(|e| json!({ "key": e.key, "value": e.value, "from": e.origin.to_string() }))
        .collect();
    json!({ "version": 1, "settings": settings })
}
