//! Body types: which list of which body makes rows of which table.
//!
//! Published bodies are told by the name of their wrapper, or by their list when they come without one.
//! Geo and session info are described but not named on the pages: they are told by their fields, which
//! may lie in the body itself or one member deeper. Source: data-access-api fact sheet, section 8.

use super::values::find;
use super::{GEO, SESSION_INFO};
use crate::model::Stream;
use crate::records::{Doc, SyntaxError};

/// A published body type.
#[derive(Debug)]
pub struct Body {
    pub stream: Stream,
    /// Short name of its wrapper.
    pub name: &'static str,
    /// Member that holds its items.
    pub list: &'static str,
    /// Table of its items.
    pub table: &'static str,
    /// Table in which the body itself makes a row.
    pub row_of_body: Option<&'static str>,
}

static BODIES: [Body; 8] = [
    Body {
        stream: Stream::AgentActivity,
        name: "AgentActivityData",
        list: "agentSessionsData",
        table: "agent_activity",
        row_of_body: Some("agent_sessions"),
    },
    web("WebSessionEngAttrsData", "engagementAttributes", "engagement_attributes"),
    web("WebSessionNavigationData", "navigationData", "navigation"),
    web("WebSessionGoalAchievedData", "achievedGoals", "goals"),
    web("WebSessionEligibilityData", "eligibilityData", "eligibility"),
    web("WebSessionImpressionData", "impressions", "impressions"),
    Body {
        stream: Stream::Engagement,
        name: "EngagementData",
        list: "engagements",
        table: "conversations",
        row_of_body: None,
    },
    Body { stream: Stream::Survey, name: "SurveyData", list: "surveys", table: "surveys", row_of_body: None },
];

const fn web(name: &'static str, list: &'static str, table: &'static str) -> Body {
    Body { stream: Stream::WebSession, name, list, table, row_of_body: None }
}

impl Body {
    /// Short names that may wrap a body of the stream without a namespace.
    pub fn wrappers(stream: Stream) -> &'static [&'static str] {
        match stream {
            Stream::AgentActivity => &["AgentActivityData"],
            Stream::WebSession => &[
                "WebSessionEngAttrsData",
                "WebSessionNavigationData",
                "WebSessionGoalAchievedData",
                "WebSessionEligibilityData",
                "WebSessionImpressionData",
            ],
            Stream::Engagement => &["EngagementData"],
            Stream::Survey => &["SurveyData"],
        }
    }
}

/// The body of a wrapper's short name.
pub fn body_of_name(stream: Stream, name: &str) -> Option<&'static Body> {
    BODIES.iter().find(|body| body.stream == stream && body.name.eq_ignore_ascii_case(name))
}

/// The body whose list has this key.
pub fn body_of_fields(stream: Stream, key: &[u8]) -> Option<&'static Body> {
    BODIES.iter().find(|body| body.stream == stream && body.list.as_bytes() == key)
}

/// How a body makes rows.
#[derive(Debug)]
pub enum Detected {
    /// Items of a published list.
    List(&'static Body),
    /// The body's own fields make one row of the table.
    Direct(&'static str),
    /// The named member holds a row, or an array of rows.
    Member(&'static str, String),
}

/// Fields that tell a table by themselves; the others (country, state, …) mean something elsewhere too.
const TELLING: &[&str] = &[
    "iPV4",
    "iPV6",
    "isp",
    "countryCode",
    "sessionStartTime",
    "deviceOS",
    "deviceFamily",
    "siteControlGroup",
    "searchEngineKey",
];

/// Recognises geo and session info; the document stands behind the body's opening brace.
pub fn detect(mut doc: Doc<'_>, name: &str) -> Option<Detected> {
    let own = Evidence::of(doc.clone());
    if let Some(table) = own.table(name) {
        return Some(Detected::Direct(table));
    }
    let mut first = true;
    while let Ok(Some(key)) = doc.cursor.next_key(&mut first) {
        let start = doc.cursor.clone();
        if !key.name().eq_ignore_ascii_case(b"header") {
            let key = key.decode_lossy().into_owned();
            if let Some(table) = Evidence::of_member(doc.clone()).table(&format!("{name} {key}")) {
                return Some(Detected::Member(table, key));
            }
        }
        doc.cursor = start;
        doc.cursor.skip_value().ok()?;
    }
    None
}

/// How many fields of each table an object has, and how many of them are telling.
#[derive(Clone, Copy, Debug, Default)]
struct Evidence {
    geo: usize,
    session_info: usize,
    telling_geo: bool,
    telling_session_info: bool,
}

impl Evidence {
    /// Of the members of an object that was entered.
    fn of(mut doc: Doc<'_>) -> Evidence {
        let mut evidence = Evidence::default();
        evidence.read(&mut doc).unwrap_or_default();
        evidence
    }

    /// Of a record, or of the first record of an array.
    fn of_member(mut doc: Doc<'_>) -> Evidence {
        let mut evidence = Evidence::default();
        let mut fields = |doc: &mut Doc<'_>, _: Option<&str>| evidence.read(doc);
        let start = doc.cursor.clone();
        let in_array = doc.array(
            &mut |doc, _| {
                let mut first = true;
                while doc.cursor.next_item(&mut first)? {
                    doc.record(&[], &|_| false, &mut fields, &mut |_, _| {})?;
                }
                Ok::<(), SyntaxError>(())
            },
            &mut |_, _| {},
        );
        if matches!(in_array, Ok(crate::records::Entered::Misfit(_))) {
            doc.cursor = start;
            let _ = doc.record(&["Geo", "GeoData", "SessionInfo"], &|_| false, &mut fields, &mut |_, _| {});
        }
        evidence
    }

    fn read(&mut self, doc: &mut Doc<'_>) -> Result<(), SyntaxError> {
        let (mut first, mut guess) = (true, 0);
        while let Some(key) = doc.cursor.next_key(&mut first)? {
            // No field is of both records, and most often all are of one.
            let geo_first = self.geo >= self.session_info;
            for is_geo in [geo_first, !geo_first] {
                let fields = if is_geo { GEO.record.fields } else { SESSION_INFO.record.fields };
                let Some(index) = find(fields, key, guess) else { continue };
                let telling = fields.get(index).is_some_and(|field| TELLING.contains(&field.json));
                if is_geo {
                    self.geo += 1;
                    self.telling_geo |= telling;
                } else {
                    self.session_info += 1;
                    self.telling_session_info |= telling;
                }
                guess = index + 1;
                break;
            }
            doc.cursor.skip_value()?;
        }
        Ok(())
    }

    /// The table, if the evidence is enough: a telling field, two fields, or one and the body's name.
    fn table(&self, name: &str) -> Option<&'static str> {
        let name = name.to_ascii_lowercase();
        let enough = |count: usize, telling: bool, named: bool| count > 0 && (telling || count > 1 || named);
        let geo = enough(self.geo, self.telling_geo, name.contains("geo"));
        let info = enough(self.session_info, self.telling_session_info, name.contains("info"));
        match (geo, info) {
            (true, true) if self.session_info > self.geo => Some("session_info"),
            (true, _) => Some("geo"),
            (false, true) => Some("session_info"),
            (false, false) => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_field_is_of_geo_and_of_session_info() {
        for field in GEO.record.fields {
            let same = |other: &&super::super::Field| other.json.eq_ignore_ascii_case(field.json);
            assert!(SESSION_INFO.record.fields.iter().find(same).is_none(), "{}", field.json);
        }
        let all = || GEO.record.fields.iter().chain(SESSION_INFO.record.fields);
        assert!(TELLING.iter().all(|telling| all().any(|field| field.json == *telling)));
    }
}
