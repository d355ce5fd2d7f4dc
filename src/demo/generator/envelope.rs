//! The envelope around bodies: data type, metadata, record collection, in both published forms.
//!
//! ```text
//! docs form:           "metaData":{…},                                       "recordCollection":[…]
//! tap-liveperson form: "metaData":{"com.liveperson.dataaccess.MetaData":{…}}, "recordCollection":{"array":[…]}
//! ```

use crate::model::Stream;

use super::pen::Pen;

/// Ids of a visit as its header tells them.
pub(super) struct Visitor {
    pub visit_id: Option<String>,
    pub visitor_id: Option<String>,
    pub context_id: Option<String>,
}

impl Visitor {
    /// Chats and surveys carry empty ids.
    pub fn empty() -> Visitor {
        Visitor {
            visit_id: Some(String::new()),
            visitor_id: Some(String::new()),
            context_id: Some(String::new()),
        }
    }
}

impl Pen<'_> {
    /// Writes one envelope; `bodies` writes the elements of the collection.
    pub fn envelope(
        &mut self,
        stream: Stream,
        account: &str,
        start: Option<i64>,
        end: Option<i64>,
        bodies: impl FnOnce(&mut Self),
    ) {
        self.counts.records += 1;
        self.record_start = start;
        let mixed = self.odd_once_in(10);
        let wrap_meta = self.style.wrapped_envelope;
        let wrap_collection = wrap_meta != mixed;
        self.raw("{");
        self.symbol("dataType", "DataTypeEnum", Some(stream.data_type()));
        self.key("metaData");
        let version = self.style.version.text();
        let meta = |pen: &mut Self| {
            pen.raw("{");
            pen.string("accountId", Some(account));
            pen.key("schemaVersion");
            pen.quoted(version);
            pen.long("startTime", start);
            pen.long("endTime", end);
            pen.close();
        };
        if wrap_meta {
            self.named("MetaData", meta)
        } else {
            meta(self)
        }
        self.key("recordCollection");
        self.raw(if wrap_collection { "{\"array\":[" } else { "[" });
        bodies(self);
        self.raw(if wrap_collection { "]}" } else { "]" });
        self.close();
    }

    /// `{"body":{"com.liveperson.dataaccess.<type>":{…}}}`, or with an encrypted message in the place of
    /// the body (bare or as a wrapped string) or of the record inside its wrapper.
    pub fn body(&mut self, type_name: &str, members: impl FnOnce(&mut Self)) {
        self.open();
        self.key("body");
        let start = self.out.len();
        let place = self.seal_place(3);
        self.named(type_name, |pen| {
            let inner = pen.out.len();
            pen.sealing(place.is_some(), |pen| {
                pen.raw("{");
                members(pen);
                pen.close();
            });
            if place == Some(2) {
                pen.seal_from(inner, false);
            }
        });
        if let Some(place @ (0 | 1)) = place {
            self.seal_from(start, place == 1);
        }
        self.close();
    }

    pub fn null_body(&mut self) {
        self.open();
        self.null("body");
        self.close();
    }

    /// A body under a name that no page documents: a row of the table `unrecognized`.
    pub fn unknown_body(&mut self, visitor: &Visitor) {
        self.counts.unknown_bodies += 1;
        self.row("unrecognized", None);
        let text = super::words::phrase(&mut self.rng);
        self.open();
        self.key("body");
        self.named("FutureThingData", |pen| {
            pen.raw("{");
            pen.visitor_header(visitor);
            pen.array("things", 2, |pen, i| {
                pen.open();
                pen.string("what", Some(&text));
                pen.long("howMany", Some(i as i64));
                pen.close();
            });
            pen.close();
        });
        self.close();
    }

    pub fn visitor_header(&mut self, visitor: &Visitor) {
        self.record("header", "VisitorHeader", |pen| {
            pen.string("visitId", visitor.visit_id.as_deref());
            pen.string("visitorId", visitor.visitor_id.as_deref());
            pen.string("contextId", visitor.context_id.as_deref());
        });
    }

    /// A null in the place of an array item, now and then.
    pub fn maybe_null_item(&mut self) {
        if self.odd_once_in(500) {
            if !matches!(self.out.last(), Some(b'[')) {
                self.raw(",");
            }
            self.raw("null");
        }
    }
}
