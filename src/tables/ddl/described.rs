//! The views for analysts as the reference tells them: what `agents.sql` and `visits.sql` make.
//!
//! ```text
//! ("time_ms", "BIGINT", "length") -> | `time_ms` | BIGINT | length |
//! ```
//! `tests/views/check.py` compares names, order and types with those that DuckDB gives the views.

/// A view for analysts.
pub struct View {
    pub name: &'static str,
    /// What one row stands for.
    pub grain: &'static str,
    /// Name, type as in the reference, meaning.
    pub columns: &'static [(&'static str, &'static str, &'static str)],
}

const ACCOUNT: (&str, &str, &str) = ("account_id", "VARCHAR", "the account");
const DAY: (&str, &str, &str) = ("date", "DATE", "day, UTC");
const AGENT: (&str, &str, &str) = ("agent_id", "BIGINT", "agent; names may be shared, ids are not");
const USERNAME: (&str, &str, &str) = ("agent_username", "VARCHAR", "user name of the agent");
const STATE: (&str, &str, &str) =
    ("state", "BIGINT", "-1 unknown; 1 offline; 2 online; 3 back soon; 4 away; others as sent");
const STATE_TEXT: (&str, &str, &str) = ("state_text", "VARCHAR", "the state in words");
const VISIT: (&str, &str, &str) = ("visit_id", "VARCHAR", "visit");
const VISITOR: (&str, &str, &str) = ("visitor_id", "VARCHAR", "visitor");

pub static VIEWS: [View; 5] = [
    View {
        name: "agent_state_intervals",
        grain: "time of an agent in one state with one load of chats, cut at midnight UTC",
        columns: &[
            ACCOUNT,
            DAY,
            AGENT,
            USERNAME,
            ("agent_session_id", "VARCHAR", "agent session"),
            STATE,
            STATE_TEXT,
            ("concurrent_eng", "BIGINT", "chats at once"),
            ("max_concurrent_eng", "BIGINT", "limit of chats at once"),
            ("started_at", "TIME", "begin, or midnight"),
            ("ended_at", "TIME", "end, or midnight"),
            ("time_ms", "BIGINT", "from begin to end, in milliseconds, as all `…_ms`"),
        ],
    },
    View {
        name: "agent_state_daily",
        grain: "account, day, agent and state",
        columns: &[
            ACCOUNT,
            DAY,
            AGENT,
            USERNAME,
            STATE,
            STATE_TEXT,
            ("time_ms", "BIGINT", "time in the state; sessions that overlap add up"),
        ],
    },
    View {
        name: "agent_utilisation_daily",
        grain: "account, day and agent",
        columns: &[
            ACCOUNT,
            DAY,
            AGENT,
            USERNAME,
            ("sessions", "BIGINT", "agent sessions"),
            ("first_at", "TIME", "begin of the first interval of the day"),
            ("last_at", "TIME", "end of the last one"),
            ("logged_in_ms", "BIGINT", "time in all states but offline"),
            ("online_ms", "BIGINT", "time online"),
            ("back_soon_ms", "BIGINT", "time back soon"),
            ("away_ms", "BIGINT", "time away"),
            ("offline_ms", "BIGINT", "time offline, between a login and its end"),
            ("unknown_ms", "BIGINT", "time in any other state; part of `logged_in_ms`"),
            ("busy_ms", "BIGINT", "time logged in with at least one chat"),
            ("chat_ms", "BIGINT", "time of all chats together while logged in"),
            ("capacity_ms", "BIGINT", "time logged in, times the limit of chats, where a limit is told"),
            ("online_share", "DOUBLE", "`online_ms` of `logged_in_ms`"),
            ("busy_share", "DOUBLE", "`busy_ms` of `logged_in_ms`"),
            ("load_share", "DOUBLE", "time of chats of `capacity_ms`, where a limit is told"),
        ],
    },
    View {
        name: "visitor_journey",
        grain: "account and visit",
        columns: &[
            ACCOUNT,
            VISIT,
            VISITOR,
            ("started_at", "TIME", "first event of the visit"),
            ("ended_at", "TIME", "last event of the visit"),
            ("duration_ms", "BIGINT", "from first to last event"),
            ("pages", "BIGINT", "pages entered"),
            ("first_url", "VARCHAR", "first page"),
            ("last_url", "VARCHAR", "last page"),
            ("first_referrer", "VARCHAR", "first referrer told"),
            ("campaigns_eligible", "BIGINT[]", "ids of the campaigns that the visitor was eligible for"),
            ("campaigns_shown", "BIGINT[]", "ids of the campaigns shown"),
            ("engagements_shown", "BIGINT", "impressions shown"),
            ("engagements_accepted", "BIGINT", "impressions accepted"),
            ("engagements_closed", "BIGINT", "impressions closed"),
            ("engagements_timed_out", "BIGINT", "impressions timed out"),
            ("chats", "BIGINT", "chats"),
            ("conversation_ids", "VARCHAR[]", "their ids"),
            ("goals", "BIGINT", "goals achieved, each as often as achieved"),
            ("goal_ids", "BIGINT[]", "which goals"),
            ("country", "VARCHAR", "country, as told last"),
            ("city", "VARCHAR", "city, as told last"),
            ("device_family", "VARCHAR", "kind of device, as told last"),
            ("device_os", "VARCHAR", "its operating system"),
            ("search_engine", "VARCHAR", "search engine, as told last"),
        ],
    },
    View {
        name: "visitor_journey_events",
        grain: "event of a visit",
        columns: &[
            ACCOUNT,
            VISIT,
            VISITOR,
            ("step", "BIGINT", "place of the event in the visit, from 1; what has no time comes last"),
            ("happened_at", "TIME", "time of the event"),
            (
                "event",
                "VARCHAR",
                "visit, page, attribute, eligible, engagement shown, engagement accepted, engagement closed, \
                 engagement timed out, engagement (another impression), chat, goal",
            ),
            ("url", "VARCHAR", "page, or page where the chat began"),
            ("campaign_id", "BIGINT", "campaign"),
            ("engagement_id", "BIGINT", "engagement"),
            ("goal_id", "BIGINT", "goal"),
            ("conversation_id", "VARCHAR", "chat"),
            (
                "detail",
                "VARCHAR",
                "referrer of a page, kind of an attribute, a goal or a chat, instance of an engagement",
            ),
        ],
    },
];
