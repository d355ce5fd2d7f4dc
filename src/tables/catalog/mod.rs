//! The tables of the lake: every column is declared here and nowhere else.

mod agent;
mod attributes;
mod chat;
mod goals;
mod web;

use super::declare::{Record, Table, json, text};

pub use agent::{AGENT_ACTIVITY, AGENT_SESSIONS};
pub use chat::{CONVERSATIONS, MESSAGES, SECURE_FORMS, SURVEY_ANSWERS, SURVEYS, TRANSFERS};
pub use web::{
    ELIGIBILITY, ENGAGEMENT_ATTRIBUTES, GEO, GOALS, IMPRESSIONS, NAVIGATION, SESSION_INFO, WEB_SESSIONS,
};

/// Where everything goes that has no table of its own.
pub static UNRECOGNIZED: Table = Table {
    name: "unrecognized",
    grain: "body of unknown type; known body that makes no row and whose header no other row tells; \
            envelope that makes no other row",
    record: Record {
        wrappers: &[],
        fields: &[
            text("", "body_type", "name of the body's wrapper, as sent"),
            json("", "body", "the body, as sent"),
        ],
    },
    ..Table::EMPTY
};

/// Every table, in the order of the documentation.
pub static TABLES: [&Table; 17] = [
    &AGENT_SESSIONS,
    &AGENT_ACTIVITY,
    &WEB_SESSIONS,
    &GEO,
    &SESSION_INFO,
    &NAVIGATION,
    &ENGAGEMENT_ATTRIBUTES,
    &GOALS,
    &ELIGIBILITY,
    &IMPRESSIONS,
    &CONVERSATIONS,
    &MESSAGES,
    &TRANSFERS,
    &SECURE_FORMS,
    &SURVEYS,
    &SURVEY_ANSWERS,
    &UNRECOGNIZED,
];
