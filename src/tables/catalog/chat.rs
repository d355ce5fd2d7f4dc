//! Tables of the streams `engagement` and `survey`. Source: data-access-api fact sheet, 8.3 and 8.4.
//!
//! Told again: a conversation and a survey come whole, with all their parts, so that a later one of the same
//! id takes the place of the earlier. A survey's id may be that of its form: it takes conversation and kind to
//! tell one survey. Before June 2017 some conversations had no id; surveys before a chat may have none.

use super::super::declare::{
    Again, Key, Kind, Lead, OwnTime, Parent, Record, Table, boolean, double, int32, int64, json, list,
    record, text, time,
};
use super::web::IDS;
use crate::model::Stream;

const ENGAGEMENT: Option<Stream> = Some(Stream::Engagement);
const SURVEY: Option<Stream> = Some(Stream::Survey);
/// Ids of a row that belongs to a conversation.
const OF_CONVERSATION: &[Lead] =
    &[Lead::VisitId, Lead::VisitorId, Lead::ContextId, Lead::ConversationId, Lead::Seq];
const WITH_CONVERSATION: Again =
    Again::With(Parent { table: "conversations", key: &[("conversation_id", "conversation_id")] });

pub static CONVERSATIONS: Table = Table {
    name: "conversations",
    stream: ENGAGEMENT,
    grain: "conversation (chat)",
    lead: IDS,
    record: Record {
        wrappers: &["Conversation"],
        fields: &[
            text("type", "type", "LIVE_CHAT, MESSAGING"),
            text(
                "conversationId",
                "conversation_id",
                "conversation: account id and number of the chat, joined",
            ),
            time("conversationStartTime", "conversation_start_time", "the visitor entered the queue"),
            time("interactionStartTime", "interaction_start_time", "visitor and agent were connected"),
            time("conversationEndTime", "conversation_end_time", "end"),
            text("consumerId", "consumer_id", "consumer; null for chat"),
            boolean(
                "isInteractive",
                "is_interactive",
                "the visitor wrote a line; after transfers, in the last part only",
            ),
            text("sourceOrigin", "source_origin", "origin, such as Web"),
            text("sourceDevice", "source_device", "NA, DESKTOP, TABLET, MOBILE"),
            int32("endReasonId", "end_reason_id", "why it ended").coded(&[
                ("101", "transfer, representative stopped chat"),
                ("106", "transfer to skill"),
                ("201", "representative stopped"),
                ("202", "representative disconnected"),
                ("205", "visitor disconnected"),
                ("208", "visitor no longer in chat"),
                ("210", "visitor closed"),
            ]),
            int32("startReasonId", "start_reason_id", "why it started").coded(&[
                ("0", "visitor request"),
                ("2", "transfer"),
                ("3", "transfer failed"),
            ]),
            record("campaignData", "campaign_data", &CAMPAIGN_DATA, "campaign that led to it"),
            list("skills", "skills", &Kind::Int32, "skills"),
            int64("skillID", "skill_id", "last skill"),
            text("agentId", "agent_id", "last agent"),
            text("startPage", "start_page", "title of the page where it started"),
            text("startUrl", "start_url", "URL of the page where it started"),
            json("mcs", "mcs", "meaningful connection score; its fields are not published"),
            time("queueStartTime", "queue_start_time", "requested"),
            time("queueEndTime", "queue_end_time", "connected"),
        ],
    },
    children: &[("transcripts", "messages"), ("transfers", "transfers"), ("secureForms", "secure_forms")],
    counts: &[
        ("messages", "messages", "rows of messages that the conversation made"),
        ("transfers", "transfers", "rows of transfers that the conversation made"),
    ],
    own_time: OwnTime::Field("conversation_start_time"),
    ids: &["visit_id", "visitor_id", "conversation_id"],
    again: Again::Replaced(Key { ids: &["conversation_id"], also: &[] }),
    ..Table::EMPTY
};

static CAMPAIGN_DATA: Record = Record {
    wrappers: &["CampaignData"],
    fields: &[
        int64("campaignId", "campaign_id", "campaign"),
        int64("campaignEngagementId", "campaign_engagement_id", "engagement"),
    ],
};

pub static MESSAGES: Table = Table {
    name: "messages",
    stream: ENGAGEMENT,
    grain: "line of a transcript",
    lead: OF_CONVERSATION,
    record: Record {
        wrappers: &["Message", "Transcript"],
        fields: &[
            text("text", "text", "content (personal data)"),
            time("timestamp", "timestamp", "time of the line"),
            text("by", "by", "visitor name, agent nickname, or info for control lines"),
            text("type", "type", "kind of line").coded(&[
                ("0", "VISITOR_LINE"),
                ("1", "REP_LINE"),
                ("2", "CONTROL_LINE"),
                ("3", "REP_URL_LINE"),
                ("4", "REP_HTML_LINE"),
                ("5", "REP_COMMENT_LINE"),
            ]),
            text("controlType", "control_type", "kind of predefined content; no code table is published"),
            text("agentId", "agent_id", "agent; 0 for control lines"),
            text(
                "contentFormat",
                "content_format",
                "NA, TEXT_PLAIN, IMG, TEXT_HTML, LINK, HOSTED_FILE; Text is seen as well",
            ),
            text("messageId", "message_id", "message"),
            text("dialogId", "dialog_id", "dialog"),
            record("fileData", "file_data", &FILE_DATA, "file that was sent"),
            record("linkData", "link_data", &LINK_DATA, "link that was sent"),
            json("mcs", "mcs", "meaningful connection score; its fields are not published"),
        ],
    },
    own_time: OwnTime::Field("timestamp"),
    ids: &["visit_id", "visitor_id", "conversation_id", "message_id"],
    again: WITH_CONVERSATION,
    ..Table::EMPTY
};

static FILE_DATA: Record = Record {
    wrappers: &["FileData"],
    fields: &[
        text("caption", "caption", "caption"),
        text("fileType", "file_type", "JPG, PNG, GIF, TXT, PDF"),
    ],
};

static LINK_DATA: Record = Record {
    wrappers: &["LinkData"],
    fields: &[
        text("externalFileLink", "external_file_link", "link"),
        text("fileType", "file_type", "type of the file"),
        text("caption", "caption", "caption"),
    ],
};

pub static TRANSFERS: Table = Table {
    name: "transfers",
    stream: ENGAGEMENT,
    grain: "transfer of a conversation",
    lead: OF_CONVERSATION,
    record: Record {
        wrappers: &["Transfer"],
        fields: &[
            time("timestamp", "timestamp", "time of the transfer"),
            int64("skillId", "skill_id", "skill it came from"),
            int64("targetSkillId", "target_skill_id", "skill it went to"),
            text("agentId", "agent_id", "agent it came from"),
            text("targetAgentId", "target_agent_id", "agent it went to"),
            int64("reason", "reason", "reason; no code table is published"),
            time("queueStartTime", "queue_start_time", "requested"),
            time("queueEndTime", "queue_end_time", "connected"),
            boolean("isInteractive", "is_interactive", "this part is interactive (schema 1.0.0.34)"),
        ],
    },
    own_time: OwnTime::Field("timestamp"),
    ids: &["visit_id", "visitor_id", "conversation_id"],
    again: WITH_CONVERSATION,
    ..Table::EMPTY
};

pub static SECURE_FORMS: Table = Table {
    name: "secure_forms",
    stream: ENGAGEMENT,
    grain: "secure form of a conversation",
    lead: OF_CONVERSATION,
    record: Record {
        wrappers: &["SecureForm"],
        fields: &[json("", "data", "the form as sent; its fields are not published")],
    },
    whole: true,
    ids: &["visit_id", "visitor_id", "conversation_id"],
    again: WITH_CONVERSATION,
    ..Table::EMPTY
};

pub static SURVEYS: Table = Table {
    name: "surveys",
    stream: SURVEY,
    grain: "survey shown to a visitor or agent",
    lead: IDS,
    record: Record {
        wrappers: &["Survey"],
        fields: &[
            int64("id", "id", "survey"),
            int32("type", "type", "kind of survey").coded(SURVEY_TYPES),
            time("viewTime", "view_time", "shown to the visitor"),
            text("conversationId", "conversation_id", "conversation, as in conversations"),
        ],
    },
    children: &[("contents", "survey_answers")],
    counts: &[("answers", "survey_answers", "rows of survey_answers that the survey made")],
    ids: &["visit_id", "visitor_id", "conversation_id"],
    again: Again::Replaced(Key { ids: &["conversation_id", "id"], also: &["type"] }),
    ..Table::EMPTY
};

const SURVEY_TYPES: &[(&str, &str)] = &[("1", "pre-chat"), ("2", "exit"), ("3", "agent"), ("4", "offline")];

pub static SURVEY_ANSWERS: Table = Table {
    name: "survey_answers",
    stream: SURVEY,
    grain: "answer in a survey; a question that was answered again comes again",
    lead: &[
        Lead::VisitId,
        Lead::VisitorId,
        Lead::ContextId,
        Lead::SurveyId,
        Lead::SurveyType,
        Lead::ConversationId,
        Lead::Seq,
    ],
    record: Record {
        wrappers: &["Content", "Contents", "SurveyContent"],
        fields: &[
            text("question", "question", "question"),
            text("answer", "answer", "answer (personal data)"),
            time("answerSubmitTime", "answer_submit_time", "time of the answer"),
            text("surveyName", "survey_name", "name of the survey"),
            int32("answerType", "answer_type", "type of answer; no code table is published"),
            double("csatThreshold", "csat_threshold", "threshold of customer satisfaction; -1 is seen"),
        ],
    },
    own_time: OwnTime::Field("answer_submit_time"),
    ids: &["visit_id", "visitor_id", "conversation_id"],
    again: Again::With(Parent {
        table: "surveys",
        key: &[("conversation_id", "conversation_id"), ("survey_id", "id"), ("survey_type", "type")],
    }),
    ..Table::EMPTY
};
