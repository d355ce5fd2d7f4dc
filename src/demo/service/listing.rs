//! The bodies of base resource and listings, with the quirks that are asked for.
//!
//! ```text
//! {"dataAccessFiles":{"@id":"75555851","link":{…},"file":[{"@name":"Survey.1467853200000.1467856800000.part-00000-0.gz",
//!   "@scopeStartDate":"2016-07-06T21:00:00-04:00","@scopeEndDate":…,"@href":"http://…"}]}}
//! ```

use chrono::{DateTime, Datelike, FixedOffset, NaiveDate, TimeZone, Utc, Weekday};
use serde_json::{Value, json};

use crate::model::Stream;

use super::{FileField, Quirks, ServedFile};

/// The base resource; `links` are the streams it names.
pub(super) fn base(account: &str, origin: &str, links: &[Stream]) -> Value {
    let root = format!("{origin}/data_access_le/account/{account}/le");
    let mut all = vec![json!({"@href": root, "@rel": "self"})];
    for stream in links {
        let name = stream.resource();
        all.push(json!({"@href": format!("{root}/{name}"), "@rel": name}));
    }
    all.push(json!({"@href": format!("{root}/schema"), "@rel": "schema"}));
    json!({"le": {"@accountId": account, "link": all}})
}

/// A listing of these files.
pub(super) fn listing(
    account: &str,
    stream: Stream,
    origin: &str,
    files: &[ServedFile],
    quirks: &Quirks,
) -> Value {
    let resource = format!("/data_access_le/account/{account}/le/{}", stream.resource());
    let href_origin = quirks.href_origin.as_deref().unwrap_or(origin);
    let mut entries: Vec<Value> = files
        .iter()
        .enumerate()
        .map(|(i, file)| {
            let name = listed_name(file, quirks);
            let gz = |every: usize| if every > 0 && i % every == 0 { ".gz" } else { "" };
            json!({
                "@name": format!("{name}{}", gz(quirks.gz_in_name_every)),
                "@scopeStartDate": eastern(file.scope.start_ms),
                "@scopeEndDate": eastern(file.scope.end_ms),
                "@href": format!("{href_origin}{resource}/{name}{}", gz(quirks.gz_in_href_every)),
            })
        })
        .collect();
    if quirks.duplicates {
        entries = entries.iter().flat_map(|entry| [entry.clone(), entry.clone()]).collect();
    }
    if quirks.shuffled {
        entries.sort_by_key(|entry| {
            let name = entry["@name"].as_str().unwrap_or_default();
            name.bytes().fold(7u32, |hash, byte| hash.wrapping_mul(16_777_619) ^ u32::from(byte))
        });
    }
    let id = quirks.listing_id.as_deref().unwrap_or(account);
    let mut body = json!({"@id": id, "link": {"@href": format!("{origin}{resource}"), "@rel": "self"}});
    let file = match (entries.as_slice(), quirks.file_field) {
        ([], _) if quirks.no_files_omits_field => None,
        ([], _) => Some(Value::Null),
        ([one], FileField::ObjectWhenOne) => Some(one.clone()),
        _ => Some(Value::Array(entries)),
    };
    if let (Some(file), Some(members)) = (file, body.as_object_mut()) {
        members.insert("file".to_owned(), file);
    }
    json!({ "dataAccessFiles": body })
}

/// The name as listed, without `.gz`.
pub(super) fn listed_name(file: &ServedFile, quirks: &Quirks) -> String {
    if quirks.names_without_scope {
        let part = file.name.rsplit('.').next().unwrap_or_default();
        format!("{}-export-{}-{part}", file.stream.file_prefix(), file.scope.start_ms / 1000)
    } else {
        file.name.clone()
    }
}

/// ISO 8601 with the offset of the US east coast, as every real listing has it.
pub(super) fn eastern(ms: i64) -> String {
    let utc = DateTime::<Utc>::from_timestamp_millis(ms).unwrap_or_default();
    let hours = if is_summer(utc) { -4 } else { -5 };
    match FixedOffset::east_opt(hours * 3600) {
        Some(offset) => offset.from_utc_datetime(&utc.naive_utc()).format("%Y-%m-%dT%H:%M:%S%:z").to_string(),
        None => utc.to_rfc3339(),
    }
}

/// From the second Sunday of March, 02:00 local (07:00 UTC), to the first of November (06:00 UTC).
fn is_summer(utc: DateTime<Utc>) -> bool {
    let sunday = |month, n, hour| {
        NaiveDate::from_weekday_of_month_opt(utc.year(), month, Weekday::Sun, n)
            .and_then(|date| date.and_hms_opt(hour, 0, 0))
    };
    match (sunday(3, 2, 7), sunday(11, 1, 6)) {
        (Some(from), Some(to)) => (from..to).contains(&utc.naive_utc()),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Scope;

    fn file(part: u32) -> ServedFile {
        let scope = Scope { start_ms: 1_467_853_200_000, end_ms: 1_467_856_800_000 };
        let name = format!("Survey.1467853200000.1467856800000.part-{part:05}-0");
        ServedFile::new(Stream::Survey, name, scope, "x")
    }

    fn list(files: &[ServedFile], quirks: &Quirks) -> Value {
        listing("75555851", Stream::Survey, "http://h:1", files, quirks)["dataAccessFiles"].clone()
    }

    #[test]
    fn dates_have_the_offset_of_the_published_examples() {
        assert_eq!(eastern(1_461_387_600_000), "2016-04-23T01:00:00-04:00");
        assert_eq!(eastern(1_467_853_200_000), "2016-07-06T21:00:00-04:00");
        assert_eq!(eastern(1_480_000_000_000), "2016-11-24T10:06:40-05:00");
    }

    #[test]
    fn an_entry_has_the_published_shape() {
        let quirks = Quirks { gz_in_name_every: 1, file_field: FileField::Array, ..Quirks::default() };
        let href = "http://h:1/data_access_le/account/75555851/le/survey/Survey.1467853200000.1467856800000.part-00000-0.gz";
        assert_eq!(
            list(&[file(0)], &quirks),
            json!({
                "@id": "75555851",
                "link": {"@href": "http://h:1/data_access_le/account/75555851/le/survey", "@rel": "self"},
                "file": [{
                    "@name": "Survey.1467853200000.1467856800000.part-00000-0.gz",
                    "@scopeStartDate": "2016-07-06T21:00:00-04:00",
                    "@scopeEndDate": "2016-07-06T22:00:00-04:00",
                    "@href": href,
                }],
            })
        );
    }

    #[test]
    fn quirks_change_what_they_say() {
        let plain = Quirks::default();
        assert!(list(&[file(0)], &plain)["file"].is_object());
        assert!(list(&[], &plain).get("file").is_none());
        let null = Quirks { no_files_omits_field: false, ..plain.clone() };
        assert_eq!(list(&[], &null)["file"], Value::Null);
        let files: Vec<_> = (0..5).map(file).collect();
        let order = |quirks: &Quirks| {
            let entries = list(&files, quirks)["file"].as_array().unwrap().clone();
            entries.iter().map(|e| e["@name"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
        };
        let names = order(&plain);
        assert_eq!(names.iter().filter(|n| n.ends_with(".gz")).count(), 3);
        let shuffled = order(&Quirks { shuffled: true, ..plain.clone() });
        assert_ne!(shuffled, names);
        assert_eq!(order(&Quirks { duplicates: true, ..plain.clone() }).len(), 10);
        let nameless = order(&Quirks { names_without_scope: true, ..plain.clone() });
        assert!(nameless.iter().all(|n| n.starts_with("Survey-export-")));
        let other = Quirks {
            href_origin: Some("http://localhost:1".into()),
            listing_id: Some("28045150".into()),
            ..plain
        };
        let body = list(&[file(0)], &other);
        assert_eq!(body["@id"], "28045150");
        assert!(body["file"]["@href"].as_str().unwrap().starts_with("http://localhost:1/data"));
    }
}
