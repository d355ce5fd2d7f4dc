//! Tables of the stream `webSession`. Source: data-access-api fact sheet, 8.2.
//!
//! Told again: files are made per visit once it is closed, but a part of the data comes later, and nothing
//! says that a later record of a visit makes the earlier void. So the events of a visit are joined, and only
//! equal ones are one; its place and its device are what was told last.

use super::super::declare::{
    Again, Key, Kind, Lead, OwnTime, Record, Table, boolean, field, int32, int64, list, record, text, time,
};
use super::attributes::ATTRIBUTES;
use super::goals::GOAL_META_DATA;
use crate::model::Stream;

/// Ids of a visit, as every body's header gives them.
pub const IDS: &[Lead] = &[Lead::VisitId, Lead::VisitorId, Lead::ContextId];
const ID_COLUMNS: &[&str] = &["visit_id", "visitor_id"];
const WEB: Option<Stream> = Some(Stream::WebSession);

pub static WEB_SESSIONS: Table = Table {
    name: "web_sessions",
    stream: WEB,
    grain: "envelope of a web session: one visit, as far as one file tells it; ids of the first header met",
    lead: IDS,
    counts: &[
        ("pages", "navigation", "rows of navigation that the envelope made"),
        ("attributes", "engagement_attributes", "rows of engagement_attributes that the envelope made"),
        ("goals", "goals", "rows of goals that the envelope made"),
        ("impressions", "impressions", "rows of impressions that the envelope made"),
    ],
    ids: ID_COLUMNS,
    again: Again::Replaced(Key { ids: &["visit_id"], also: &["record_start_time"] }),
    ..Table::EMPTY
};

pub static GEO: Table = Table {
    name: "geo",
    stream: WEB,
    grain: "place and network of a visitor; the name of this body is not published, its fields tell it",
    lead: IDS,
    record: Record {
        wrappers: &["Geo", "GeoData"],
        fields: &[
            text("iPV4", "ipv4", "IPv4 address (personal data)"),
            text("iPV6", "ipv6", "IPv6 address (personal data)"),
            text("country", "country", "country"),
            text("city", "city", "city"),
            text("state", "state", "state"),
            text("org", "org", "organisation"),
            text("isp", "isp", "internet service provider"),
            text("countryCode", "country_code", "country code"),
        ],
    },
    ids: ID_COLUMNS,
    again: Again::Replaced(Key { ids: &["visit_id"], also: &[] }),
    ..Table::EMPTY
};

pub static SESSION_INFO: Table = Table {
    name: "session_info",
    stream: WEB,
    grain: "device and start of a session; the name of this body is not published, its fields tell it",
    lead: IDS,
    record: Record {
        wrappers: &["SessionInfo", "SessionInfoData"],
        fields: &[
            time("sessionStartTime", "session_start_time", "start of the session"),
            text("userAgent", "user_agent", "the browser's user agent"),
            text("deviceOS", "device_os", "NA, WINDOWS, MAC_OS, LINUX, IOS, ANDROID"),
            text("deviceFamily", "device_family", "NA, DESKTOP, TABLET, MOBILE"),
            text("siteControlGroup", "site_control_group", "NA, CONTROL, TEST"),
            text("searchEngine", "search_engine", "search engine that led here"),
            text("searchEngineKey", "search_engine_key", "words searched for"),
        ],
    },
    own_time: OwnTime::Field("session_start_time"),
    ids: ID_COLUMNS,
    again: Again::Replaced(Key { ids: &["visit_id"], also: &[] }),
    ..Table::EMPTY
};

pub static NAVIGATION: Table = Table {
    name: "navigation",
    stream: WEB,
    grain: "page that a visitor entered",
    lead: IDS,
    record: Record {
        wrappers: &["Navigation", "NavigationData"],
        fields: &[
            time("timestamp", "timestamp", "page entered"),
            text("url", "url", "page; may hold any query string (personal data)"),
            text("referrerUrl", "referrer_url", "previous page, may be empty"),
            list("sections", "sections", &Kind::Text, "sections of the site"),
        ],
    },
    own_time: OwnTime::Field("timestamp"),
    ids: ID_COLUMNS,
    again: Again::Repeated(Key { ids: &["visit_id", "timestamp"], also: &["url", "referrer_url"] }),
    ..Table::EMPTY
};

pub static ENGAGEMENT_ATTRIBUTES: Table = Table {
    name: "engagement_attributes",
    stream: WEB,
    grain: "attribute that the site reported about a visitor",
    lead: IDS,
    record: Record {
        wrappers: &["EngagementAttribute", "EngagementAttributes"],
        fields: &[
            time("timestamp", "timestamp", "time of the report"),
            field("data", "type", Kind::Union(&ATTRIBUTES), "the attribute"),
        ],
    },
    own_time: OwnTime::Field("timestamp"),
    ids: ID_COLUMNS,
    again: Again::Repeated(Key {
        ids: &["visit_id", "timestamp"],
        also: &[
            "type",
            "purchase",
            "cart_status",
            "viewed_product",
            "lead",
            "service_activity",
            "visitor_error",
            "marketing_campaign_info",
            "customer_info",
            "personal_info",
        ],
    }),
    ..Table::EMPTY
};

pub static GOALS: Table = Table {
    name: "goals",
    stream: WEB,
    grain: "goal that a visitor achieved",
    lead: IDS,
    record: Record {
        wrappers: &["AchievedGoal", "GoalAchieved"],
        fields: &[
            text("id", "id", "id of the achievement (UUID)"),
            time("timestamp", "timestamp", "time of the achievement"),
            int64("campaignGoalRevision", "campaign_goal_revision", "revision of the goal"),
            int64("campaignGoalId", "campaign_goal_id", "goal"),
            int32("campaignGoalType", "campaign_goal_type", "type of the goal; no code table is published"),
            field("goalMetaData", "goal_meta_data_type", Kind::Union(&GOAL_META_DATA), "what achieved it"),
        ],
    },
    own_time: OwnTime::Field("timestamp"),
    ids: &["visit_id", "visitor_id", "id"],
    again: Again::Repeated(Key { ids: &["visit_id", "id"], also: &["timestamp", "campaign_goal_id"] }),
    ..Table::EMPTY
};

pub static ELIGIBILITY: Table = Table {
    name: "eligibility",
    stream: WEB,
    grain: "assessment of which campaigns a visitor is eligible for",
    lead: IDS,
    record: Record {
        wrappers: &["Eligibility", "EligibilityData"],
        fields: &[
            time("timestamp", "timestamp", "time of the assessment"),
            list(
                "eligibleCampaigns",
                "eligible_campaigns",
                &Kind::Struct(&ELIGIBLE_CAMPAIGN),
                "campaigns with their engagements and goal, as sent",
            ),
        ],
    },
    own_time: OwnTime::Field("timestamp"),
    ids: ID_COLUMNS,
    again: Again::Repeated(Key { ids: &["visit_id", "timestamp"], also: &["eligible_campaigns"] }),
    ..Table::EMPTY
};

pub static IMPRESSIONS: Table = Table {
    name: "impressions",
    stream: WEB,
    grain: "impression: an engagement shown to, or accepted or closed by a visitor",
    lead: IDS,
    record: Record {
        wrappers: &["Impression", "Impressions"],
        fields: &[
            time("timestamp", "timestamp", "time of the impression; absent in the published example"),
            text("engagementInstanceId", "engagement_instance_id", "instance of the engagement"),
            text("impressionType", "impression_type", "Show, Accept, Close, Timeout"),
            text("state", "state", "content, chatonline, chatoffline; \"0\" and \"1\" are seen as well"),
            record("engagement", "engagement", &ENGAGEMENT, "the engagement"),
            record("campaign", "campaign", &CAMPAIGN, "its campaign"),
            record("goal", "goal", &GOAL, "the campaign's goal"),
            text("controlGroup", "control_group", "control group (schema 1.0.0.35)"),
        ],
    },
    own_time: OwnTime::Field("timestamp"),
    ids: ID_COLUMNS,
    again: Again::Repeated(Key {
        ids: &["visit_id"],
        also: &["timestamp", "engagement_instance_id", "impression_type", "state"],
    }),
    ..Table::EMPTY
};

static ELIGIBLE_CAMPAIGN: Record = Record {
    wrappers: &["EligibleCampaign"],
    fields: &[
        record("campaign", "campaign", &CAMPAIGN, "the campaign"),
        list("engagements", "engagements", &Kind::Struct(&ENGAGEMENT), "its engagements"),
        record("goal", "goal", &GOAL, "its goal"),
        text("controlGroupType", "control_group_type", "NA, TEST, CONTROL"),
    ],
};

pub(super) static CAMPAIGN: Record = Record {
    wrappers: &["Campaign"],
    fields: &[
        int64("id", "id", "campaign id"),
        list("visitorProfiles", "visitor_profiles", &Kind::Struct(&REVISION), "visitor profiles"),
    ],
};

static GOAL: Record = Record {
    wrappers: &["Goal"],
    fields: &[
        int64("id", "id", "goal id"),
        int32("type", "type", "type of the goal"),
        int32("indicatorType", "indicator_type", "type of its indicator"),
    ],
};

pub(super) static ENGAGEMENT: Record = Record {
    wrappers: &["Engagement"],
    fields: &[
        int64("id", "id", "engagement id"),
        text("channel", "channel", "channel; no code table is published, 1 and 100 are seen"),
        text("type", "type", "form of the engagement").coded(&[
            ("0", "peeling corner"),
            ("1", "overlay"),
            ("2", "toaster"),
            ("3", "slide-out"),
            ("5", "embedded"),
            ("6", "sticky"),
        ]),
        list("visitorBehaviors", "visitor_behaviors", &Kind::Struct(&REVISION), "visitor behaviours"),
        int32("skillId", "skill_id", "skill; -1 without one"),
        text("skillName", "skill_name", "name of the skill"),
        list("surveySkills", "survey_skills", &Kind::Struct(&SURVEY_SKILL), "skills of the survey"),
        boolean("isOffsiteEngagement", "is_offsite_engagement", "shown outside the site"),
        text("availabilityPolicy", "availability_policy", "availability policy; no code table is published"),
        int32("interactionType", "interaction_type", "chat or messaging; no code table is published"),
        int32("renderingType", "rendering_type", "type of rendering; no code table is published"),
    ],
};

static REVISION: Record = Record {
    wrappers: &["VisitorProfile", "VisitorBehavior"],
    fields: &[int64("id", "id", "id"), int64("revision", "revision", "revision")],
};

static SURVEY_SKILL: Record = Record {
    wrappers: &["SurveySkill"],
    fields: &[int64("id", "id", "skill id"), text("name", "name", "name of the skill")],
};
