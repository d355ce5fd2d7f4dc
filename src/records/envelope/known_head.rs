//! The head of an envelope, as it came last.
//!
//! ```text
//! {"dataType":…,"metaData":{…,"startTime":{"long":   5   },"endTime":{"long":   6   }},"recordCollection":[
//! compared                                        read  compared             read  compared
//! ```
//! Two records of a file differ in their times and in what is in their collections. A head is learned from a record that
//! was read token by token and brought nothing odd; see `opening` for why the same bytes mean the same.

use super::{Head, Parts, Seen};
use crate::records::avro_json::Doc;
use crate::records::opening::{Content, Met, Opening};

/// What stood before the bodies of the last record: but for two times, nearly every record of a file repeats it.
#[derive(Debug)]
pub struct KnownHead {
    /// From the record's brace to `startTime`, from there to `endTime`, and to the collection.
    start: Opening,
    end: Opening,
    collection: Opening,
    /// What they say, with the times of the last record that came so.
    pub(super) head: Head,
    pub(super) seen: Seen,
    /// Key of a body.
    pub(super) body: Opening,
    /// Of the last record that came in another way.
    pub(super) other: Head,
}

impl Default for KnownHead {
    fn default() -> Self {
        KnownHead {
            start: Opening::UNKNOWN,
            end: Opening::UNKNOWN,
            collection: Opening::UNKNOWN,
            head: Head::default(),
            seen: Seen::default(),
            body: Opening::UNKNOWN,
            other: Head::default(),
        }
    }
}

impl KnownHead {
    /// Learns from an envelope whose collection is about to be read, if it brought nothing but what is known.
    pub(super) fn learn(
        &mut self,
        doc: &Doc<'_>,
        record: usize,
        collection: usize,
        head: &Head,
        seen: &Seen,
    ) {
        let (Some(start), Some(end)) = (seen.start, seen.end) else { return };
        if doc.is_encrypted() || start.1 > end.0 || end.1 > collection {
            return;
        }
        self.start.learn(doc, record, start.0, true, Content::Word);
        self.end.learn(doc, start.1, end.0, false, Content::Word);
        self.collection.learn(doc, end.1, collection, false, Content::Any);
        (self.head, self.seen) = (head.clone(), seen.clone());
    }

    /// Passes what stands before the items of the collection, if it is as in the last record; else nothing.
    pub(super) fn pass(&mut self, doc: &mut Doc<'_>, parts: &dyn Parts) -> bool {
        let record = doc.cursor.at();
        let mut pass = || {
            let start_ms = plain_time(doc, &self.start, true, parts)?;
            let end_ms = plain_time(doc, &self.end, false, parts)?;
            let is_array = doc.pass(&self.collection, false) != Met::Nothing && doc.cursor.eat(b"[");
            (is_array && !doc.is_encrypted()).then_some((start_ms, end_ms))
        };
        let Some(times) = pass() else {
            doc.cursor.rewind(record);
            return false;
        };
        (self.head.start_ms, self.head.end_ms) = times;
        true
    }
}

/// A time, or null, behind its opening.
fn plain_time(doc: &mut Doc<'_>, opening: &Opening, first: bool, parts: &dyn Parts) -> Option<Option<i64>> {
    let before = doc.cursor.at();
    let met = doc.pass(opening, first);
    if met == Met::All
        && let Some(ms) = doc.plain_integer(&opening.closing)
    {
        return parts.is_time(ms).then_some(Some(ms));
    }
    if met == Met::Nothing {
        return None;
    }
    doc.cursor.rewind(before + opening.key());
    doc.plain_null().then_some(None)
}
