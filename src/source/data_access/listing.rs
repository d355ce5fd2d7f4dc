//! Reads listing and base-resource bodies, with all their quirks. Pure.
//!
//! ```text
//! {"dataAccessFiles":{"@id":"1","file":[{"@name":"Agent.1461387600000.1461391200000.part-00001-0",
//!    "@scopeStartDate":"2016-04-23T01:00:00-04:00","@scopeEndDate":…,"@href":"https://…part-00001-0.gz"}]}}
//!   -> Part { name: "Agent.1461387600000.1461391200000.part-00001-0", scope, location: "https://…" }
//! ```
//!
//! The bodies are XML mapped to JSON, so that a list may come as array, single object, empty text,
//! null or not at all. A body that cannot be read is a `BadListing`; an entry that cannot be used is a
//! fault of its own. A name is data: what could be taken for a path or fool a terminal is refused.

use std::borrow::Cow;
use std::collections::{HashMap, HashSet};

use chrono::DateTime;
use serde::Deserialize;
use serde_json::value::RawValue;
use url::Url;

use crate::model::{
    AccountId, Fault, FaultKind, Part, PartId, Scope, Stage, Stream, Window, counted, parse_part_name,
};
use crate::source::Listing;
use crate::source::origin::Origins;
use crate::source::part_name;
use crate::source::refusal::{is_markup, says_no_files, service_text};

/// A listing without files.
pub(super) const EMPTY: &[u8] = br#"{"dataAccessFiles":{}}"#;

/// Gathers the parts of all slices of one listing.
pub(super) struct Gathering<'a> {
    account: &'a AccountId,
    stream: Stream,
    scopes: Window,
    origins: &'a Origins,
    parts: HashMap<String, Part>,
    faults: Vec<Fault>,
    seen_faults: HashSet<String>,
    foreign_ids: HashSet<String>,
    /// Names met with another href than the first.
    two_hrefs: HashSet<String>,
}

#[derive(Deserialize)]
struct Root<'a> {
    #[serde(borrow, rename = "dataAccessFiles")]
    files: Option<&'a RawValue>,
}

#[derive(Deserialize)]
struct Files<'a> {
    #[serde(borrow, rename = "@id", default)]
    id: Option<&'a RawValue>,
    #[serde(borrow, default)]
    file: Option<&'a RawValue>,
}

#[derive(Deserialize)]
struct Entry<'a> {
    #[serde(borrow, rename = "@name")]
    name: Option<Cow<'a, str>>,
    #[serde(borrow, rename = "@scopeStartDate", default)]
    start: Option<&'a RawValue>,
    #[serde(borrow, rename = "@scopeEndDate", default)]
    end: Option<&'a RawValue>,
    #[serde(borrow, rename = "@href", default)]
    href: Option<&'a RawValue>,
}

#[derive(Deserialize)]
struct BaseRoot<'a> {
    #[serde(borrow)]
    le: Base<'a>,
}

#[derive(Deserialize)]
struct Base<'a> {
    #[serde(borrow, default)]
    link: Option<&'a RawValue>,
}

#[derive(Deserialize)]
struct Link {
    #[serde(rename = "@rel")]
    rel: Option<String>,
}

impl<'a> Gathering<'a> {
    pub(super) fn new(
        account: &'a AccountId,
        stream: Stream,
        scopes: Window,
        origins: &'a Origins,
    ) -> Gathering<'a> {
        Gathering {
            account,
            stream,
            scopes,
            origins,
            parts: HashMap::new(),
            faults: Vec::new(),
            seen_faults: HashSet::new(),
            foreign_ids: HashSet::new(),
            two_hrefs: HashSet::new(),
        }
    }

    /// Adds the body of one slice, as `url` gave it.
    ///
    /// # Errors
    /// `BadListing`, when the body is not a listing.
    pub(super) fn add(&mut self, body: &[u8], url: &Url) -> Result<(), Fault> {
        if !check_listing(body)? {
            return Ok(());
        }
        // A documentation page prints the object twice, one after the other: all of them count.
        for root in serde_json::Deserializer::from_slice(body).into_iter::<&RawValue>() {
            let root = root.map_err(|e| bad_json(&e))?.get();
            if !root.starts_with('{') {
                return Err(bad("the JSON is not an object"));
            }
            let root: serde_json::Result<Root> = serde_json::from_str(root);
            let files = root.map_err(|e| bad_json(&e))?.files;
            let files = files.ok_or_else(|| bad("it has no dataAccessFiles"))?;
            for entry in entries(files, &mut |id| self.note_id(id))? {
                self.add_entry(entry, url);
            }
        }
        Ok(())
    }

    /// The listing, sorted.
    pub(super) fn finish(self) -> Listing {
        let mut parts: Vec<Part> = self.parts.into_values().collect();
        parts.sort_by(|a, b| (a.scope.start_ms, &a.id.name).cmp(&(b.scope.start_ms, &b.id.name)));
        let mut warnings = Vec::new();
        if let Some(first) = self.foreign_ids.iter().min() {
            warnings.push(format!(
                "the listing of {} names account {first} instead of {}; the account asked for counts",
                self.stream, self.account
            ));
        }
        if let Some(first) = self.two_hrefs.iter().min() {
            warnings.push(format!(
                "{} of {} listed with more than one href, {first} among them; the first href counts",
                counted(self.two_hrefs.len() as u64, "part"),
                self.stream
            ));
        }
        Listing { parts, entry_faults: self.faults, warnings }
    }

    fn note_id(&mut self, id: &str) {
        if id != self.account.as_str() {
            self.foreign_ids.insert(part_name::shown(id));
        }
    }

    fn add_entry(&mut self, entry: &RawValue, url: &Url) {
        match self.part(entry, url) {
            Ok(None) => {}
            Ok(Some(part)) => {
                let first = self.parts.entry(part.id.name.clone()).or_insert_with(|| part.clone());
                if first.location != part.location {
                    self.two_hrefs.insert(part.id.name);
                }
            }
            Err(fault) => {
                // Slices overlap: the same entry comes again.
                if self.seen_faults.insert(fault.to_string()) {
                    self.faults.push(fault);
                }
            }
        }
    }

    /// The part of an entry; `None` when its scope starts outside of the window.
    fn part(&self, entry: &RawValue, url: &Url) -> Result<Option<Part>, Fault> {
        if !entry.get().starts_with('{') {
            return Err(self.unusable("", FaultKind::BadListing, "it is no object"));
        }
        let entry: Entry = serde_json::from_str(entry.get())
            .map_err(|e| self.unusable("", FaultKind::BadListing, &format!("it is no entry ({e})")))?;
        let Some(listed) = entry.name.as_deref() else {
            return Err(self.unusable("", FaultKind::BadListing, "it has no @name"));
        };
        let name = listed.strip_suffix(".gz").unwrap_or(listed);
        let refuse = |kind, why: &str| self.unusable(listed, kind, why);
        part_name::check(name).map_err(|why| refuse(FaultKind::BadListing, why))?;
        let scope = match parse_part_name(name) {
            Some((stream, _)) if stream != self.stream => {
                return Err(refuse(FaultKind::WrongType, &format!("it is a file of {stream}")));
            }
            Some((_, scope)) => scope,
            None => scope_of_dates(&entry).ok_or_else(|| {
                refuse(FaultKind::BadListing, "neither its name nor its scope dates tell its scope")
            })?,
        };
        if !self.scopes.contains(scope.start_ms) {
            return Ok(None);
        }
        let href = entry.href.and_then(text).filter(|href| !href.is_empty());
        let href = href.ok_or_else(|| refuse(FaultKind::BadListing, "it has no @href"))?;
        let href = url.join(&href).map_err(|_| refuse(FaultKind::BadListing, "its @href is not a URL"))?;
        self.origins.check(&href).map_err(|why| refuse(FaultKind::Untrusted, &format!("its @href {why}")))?;
        let id = PartId { account: self.account.clone(), stream: self.stream, name: name.to_owned() };
        Ok(Some(Part { id, scope, location: href.into(), bytes: None }))
    }

    fn unusable(&self, name: &str, kind: FaultKind, why: &str) -> Fault {
        let unit = match name {
            "" => format!("an entry of {}/{}", self.account, self.stream),
            name => format!("{}/{}/{}", self.account, self.stream, part_name::shown(name)),
        };
        Fault::new(kind, Stage::List, why)
            .of(unit)
            .advise("it is left out and the other entries go on: report it to LivePerson")
    }
}

/// Reads one listing's body alone, all scopes of it, as a service at `base_url` gave it.
///
/// # Errors
/// `Config`: a base URL or account that cannot be; `BadListing`: a body that is no listing.
pub fn read_listing(base_url: &str, account: &str, stream: Stream, body: &[u8]) -> Result<Listing, Fault> {
    let config = |why: String| Fault::new(FaultKind::Config, Stage::Configure, why);
    let origins = Origins::new(base_url)?;
    let account = AccountId::parse(account).map_err(config)?;
    let url = Url::parse(base_url).map_err(|e| config(e.to_string()))?;
    let ever = Window { from_ms: i64::MIN, to_ms: i64::MAX };
    let mut gathering = Gathering::new(&account, stream, ever, &origins);
    gathering.add(body, &url)?;
    Ok(gathering.finish())
}

/// The streams that a base resource links to, in our own order.
///
/// # Errors
/// `BadListing`, when the body is not a base resource or links to none.
pub(super) fn linked_streams(body: &[u8]) -> Result<Vec<Stream>, Fault> {
    if is_markup(body) {
        return Err(markup(body));
    }
    let root: BaseRoot = serde_json::from_slice(body).map_err(|e| bad_json(&e))?;
    let links = root.le.link.map(many).transpose()?.unwrap_or_default();
    let rels: HashSet<String> =
        links.into_iter().filter_map(|link| serde_json::from_str::<Link>(link.get()).ok()?.rel).collect();
    let streams: Vec<Stream> = Stream::ALL.into_iter().filter(|s| rels.contains(s.resource())).collect();
    if streams.is_empty() {
        return Err(
            bad("the base resource links to no data type").advise("name `streams` in the configuration")
        );
    }
    Ok(streams)
}

/// True for a body to read, false for the words of an empty window.
fn check_listing(body: &[u8]) -> Result<bool, Fault> {
    if is_markup(body) {
        return if says_no_files(body) { Ok(false) } else { Err(markup(body)) };
    }
    if body.trim_ascii().is_empty() {
        return Err(bad("the body is empty"));
    }
    let first = serde_json::Deserializer::from_slice(body).into_iter::<Root>().next();
    let is_listing = matches!(first, Some(Ok(Root { files: Some(_) })));
    Ok(is_listing || !says_no_files(body))
}

/// The entries of one `dataAccessFiles`; tells `note_id` its account.
fn entries<'a>(files: &'a RawValue, note_id: &mut dyn FnMut(&str)) -> Result<Vec<&'a RawValue>, Fault> {
    if is_nothing(files) {
        return Ok(Vec::new());
    }
    // An array would be taken for the values of the fields, in order, and pass for an empty listing.
    if !files.get().starts_with('{') {
        return Err(bad("dataAccessFiles is not an object"));
    }
    let files: Files = serde_json::from_str(files.get()).map_err(|e| bad_json(&e))?;
    if let Some(id) = files.id {
        note_id(text(id).as_deref().unwrap_or(id.get()));
    }
    files.file.map(many).transpose().map(Option::unwrap_or_default)
}

/// A list in any of its forms.
fn many(value: &RawValue) -> Result<Vec<&RawValue>, Fault> {
    match value.get().bytes().next() {
        Some(b'[') => serde_json::from_str(value.get()).map_err(|e| bad_json(&e)),
        Some(b'{') => Ok(vec![value]),
        _ if is_nothing(value) => Ok(Vec::new()),
        _ => Err(bad("a list is neither an array nor an object")),
    }
}

/// Null and empty text stand for an empty element.
fn is_nothing(value: &RawValue) -> bool {
    matches!(value.get(), "null" | "\"\"")
}

fn text(value: &RawValue) -> Option<Cow<'_, str>> {
    serde_json::from_str::<String>(value.get()).ok().map(Cow::Owned)
}

fn scope_of_dates(entry: &Entry) -> Option<Scope> {
    let ms = |value: Option<&RawValue>| parse_date(&text(value?)?);
    let scope = Scope { start_ms: ms(entry.start)?, end_ms: ms(entry.end)? };
    (0 <= scope.start_ms && scope.start_ms <= scope.end_ms).then_some(scope)
}

/// ISO 8601 with an offset, with or without its colon.
fn parse_date(text: &str) -> Option<i64> {
    let text = text.trim();
    DateTime::parse_from_rfc3339(text)
        .or_else(|_| DateTime::parse_from_str(text, "%Y-%m-%dT%H:%M:%S%.f%#z"))
        .ok()
        .map(|date| date.timestamp_millis())
}

fn markup(body: &[u8]) -> Fault {
    let said = service_text(body).unwrap_or_default();
    bad(&format!("HTML or XML came instead of JSON: \"{said}\""))
}

fn bad_json(error: &serde_json::Error) -> Fault {
    // serde_json's own text can quote the body.
    let (line, column) = (error.line(), error.column());
    let what = if error.is_eof() { "the JSON ends early" } else { "the JSON is not that of a listing" };
    bad(&format!("{what} (line {line}, column {column})"))
}

fn bad(why: &str) -> Fault {
    Fault::new(FaultKind::BadListing, Stage::List, why)
        .advise("run again later, then report it to LivePerson")
}

#[cfg(test)]
mod tests;
