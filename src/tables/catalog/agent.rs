//! Tables of the stream `agentActivity`. Source: data-access-api fact sheet, 8.1.
//!
//! Told again: the published example itself holds one and the same record twice. Files are made per session
//! once it is closed, but a part of the data comes later, so that a session may be told by several records
//! and a later one does not make the earlier void: events are joined, and only equal ones are one.

use super::super::declare::{Again, Key, Kind, Lead, OwnTime, Record, Table, int64, list, text, time};
use crate::model::Stream;

const STATES: &[(&str, &str)] = &[
    ("-1", "unknown"),
    ("0", "irrelevant"),
    ("1", "offline"),
    ("2", "online"),
    ("3", "back soon"),
    ("4", "away"),
];

pub static AGENT_SESSIONS: Table = Table {
    name: "agent_sessions",
    stream: Some(Stream::AgentActivity),
    grain: "body of agent activity: one agent session",
    lead: &[Lead::AgentSessionId],
    counts: &[("events", "agent_activity", "rows of agent_activity that the body made")],
    ids: &["agent_session_id"],
    again: Again::Replaced(Key { ids: &["agent_session_id"], also: &["record_start_time", "source_body"] }),
    ..Table::EMPTY
};

pub static AGENT_ACTIVITY: Table = Table {
    name: "agent_activity",
    stream: Some(Stream::AgentActivity),
    grain: "event of an agent: a change of state, a login, a chat",
    lead: &[Lead::AgentSessionId],
    record: Record {
        wrappers: &["AgentSessionData", "AgentSessionsData"],
        fields: &[
            int64("agentID", "agent_id", "agent id"),
            int64("type", "type", "kind of event").coded(&[
                ("-1", "unknown"),
                ("1", "chat"),
                ("3", "login"),
                ("4", "logout"),
            ]),
            int64("state", "state", "state after the event").coded(STATES),
            time("timestamp", "timestamp", "time of the change"),
            int64("prevState", "prev_state", "state before the event").coded(STATES),
            text("agentEmployeeId", "agent_employee_id", "employee id, empty when unset"),
            text("agentUsername", "agent_username", "user name"),
            text("agentNickname", "agent_nickname", "nickname"),
            text("agentLoginname", "agent_loginname", "login name"),
            int64("prevConcurrentEng", "prev_concurrent_eng", "concurrent chats before the change"),
            int64("concurrentEng", "concurrent_eng", "concurrent chats at the change"),
            int64(
                "maxConcurrentEng",
                "max_concurrent_eng",
                "limit of concurrent chats; -9 at login and logout",
            ),
            int64("agentGroupID", "agent_group_id", "group id; -1 is the main group"),
            list("userProfileIDs", "user_profile_ids", &Kind::Int64, "profile ids; absent in older files"),
        ],
    },
    own_time: OwnTime::Field("timestamp"),
    ids: &["agent_session_id", "agent_id"],
    again: Again::Repeated(Key {
        ids: &["agent_session_id", "timestamp"],
        also: &["agent_id", "type", "state", "prev_state", "concurrent_eng", "prev_concurrent_eng"],
    }),
    ..Table::EMPTY
};
