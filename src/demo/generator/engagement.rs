//! Engagements: conversations with their transcripts, transfers and secure forms.

use rand::Rng;

use crate::model::Stream;

use super::envelope::Visitor;
use super::pen::{Pen, SchemaVersion};
use super::words;

const END_REASONS: [i32; 7] = [101, 106, 201, 202, 205, 208, 210];
const DEVICES: [Option<&str>; 5] = [None, Some("NA"), Some("DESKTOP"), Some("TABLET"), Some("MOBILE")];
const FORMATS: [&str; 4] = ["Text", "TEXT_PLAIN", "TEXT_HTML", "LINK"];

/// Account id followed by the chat id. The same for the same hour, part and index, so that surveys can
/// name conversations of another file.
pub(super) fn conversation_id(account: &str, hour_ms: i64, part: u32, index: u64) -> String {
    let chat = 4_295_000_000 + (hour_ms / 3_600_000 % 100_000) * 100_000_000;
    format!("{account}{}", chat + i64::from(part) * 1_000_000 + (index % 1_000_000) as i64)
}

/// One envelope: rows of `conversations`, `messages`, `transfers`, `secure_forms`, or of `unrecognized`
/// when it holds no conversation.
pub(super) fn write(pen: &mut Pen, account: &str, part: u32, index: u64) {
    let shift = if pen.once_in(25) { 20 * 3_600_000 } else { 0 };
    let start = pen.scope.start_ms + pen.rng.random_range(0..3_600_000) - shift;
    let conversations = match pen.rng.random_range(0..100) {
        0 => 0,
        1..5 => 2,
        _ => 1,
    };
    let end = start + 700_000;
    pen.envelope(Stream::Engagement, account, Some(start), Some(end), |pen| {
        if conversations == 0 {
            pen.row("unrecognized", None);
        }
        pen.body("EngagementData", |pen| {
            pen.visitor_header(&Visitor::empty());
            pen.array("engagements", conversations, |pen, i| {
                pen.maybe_null_item();
                // Before June 2017 some records lacked the id.
                let missing = pen.style.version < SchemaVersion::V34 && pen.once_in(100);
                let id = conversation_id(account, pen.scope.start_ms, part, index * 2 + i as u64);
                let id = (!missing).then_some(id.as_str());
                pen.named("Conversation", |pen| pen.item(|pen| conversation(pen, id, start)));
            });
        });
        if pen.odd_once_in(80) {
            pen.null_body();
        }
        if pen.odd_once_in(400) && conversations > 0 {
            pen.unknown_body(&Visitor::empty());
        }
    });
}

fn conversation(pen: &mut Pen, id: Option<&str>, start: i64) {
    let start_time = Some(start).filter(|t| t % 211 != 0);
    let connected = start + pen.rng.random_range(1_000..90_000);
    let skill = pen.rng.random_range(1..20_i64);
    let agent = pen.rng.random_range(1..60_i64);
    let messaging = pen.once_in(20);
    pen.row("conversations", start_time);
    pen.counts.sum("conversations.conversation_start_time", start_time.unwrap_or_default());
    pen.symbol("type", "ConversationType", Some(if messaging { "MESSAGING" } else { "LIVE_CHAT" }));
    pen.string("conversationId", id);
    pen.long("conversationStartTime", start_time);
    pen.long("interactionStartTime", Some(connected));
    pen.long("conversationEndTime", Some(start + 650_000));
    pen.string("consumerId", messaging.then_some("c0ffee00-consumer"));
    let interactive = pen.once_in(2);
    pen.boolean("isInteractive", Some(interactive));
    pen.string("sourceOrigin", Some("Web"));
    let device = DEVICES.get(pen.rng.random_range(0..5_usize)).copied().flatten();
    pen.symbol("sourceDevice", "DeviceType", device);
    let reason = END_REASONS.get(pen.rng.random_range(0..7_usize)).copied();
    pen.int("endReasonId", reason);
    if pen.once_in(2) {
        pen.null("campaignData");
    } else {
        pen.record("campaignData", "CampaignData", |pen| {
            pen.long("campaignId", Some(129_082_910));
            pen.long("campaignEngagementId", Some(1_290_829_109_999));
        });
    }
    pen.array("skills", 1 + (skill % 2) as usize, |pen, i| {
        if i > 0 {
            pen.raw(",");
        }
        pen.number(skill + i as i64);
    });
    // In the table of the page but not in its example: some files have them.
    if pen.style.version >= SchemaVersion::V34 {
        pen.long("skillID", Some(skill));
        pen.string("agentId", Some(&agent.to_string()));
    }
    pen.int("startReasonId", Some([0, 2, 3].get((skill % 3) as usize).copied().unwrap_or_default()));
    let page = words::url(&mut pen.rng);
    pen.string("startPage", if interactive { Some("Boots – Shop «Winter»") } else { None });
    pen.string("startUrl", interactive.then_some(&page));
    let lines = pen.rng.random_range(0..16_usize);
    let visitor = words::person(&mut pen.rng);
    let mut time = start;
    pen.array("transcripts", lines, |pen, i| {
        pen.maybe_null_item();
        time += if i == 0 { 1 } else { pen.rng.random_range(0..40_000) };
        pen.item(|pen| message(pen, i, time, visitor, agent));
    });
    let transfers = if pen.once_in(6) { pen.rng.random_range(1..3_usize) } else { 0 };
    pen.array("transfers", transfers, |pen, i| transfer(pen, start + 60_000 * (i as i64 + 1), skill, agent));
    secure_forms(pen, start);
    score(pen);
    pen.long("queueStartTime", Some(start));
    pen.long("queueEndTime", Some(connected));
    pen.maybe_unknown();
}

/// `secureForms` and `mcs` have no published fields: those here are guesses.
fn secure_forms(pen: &mut Pen, start: i64) {
    let forms = if pen.once_in(12) { pen.rng.random_range(1..3_usize) } else { 0 };
    pen.array("secureForms", forms, |pen, i| {
        pen.row("secure_forms", None);
        pen.open();
        pen.string("formId", Some(&format!("form-{i}")));
        pen.long("submitTime", Some(start + 90_000));
        pen.string("title", Some("Card – données sécurisées"));
        pen.close();
    });
}

fn score(pen: &mut Pen) {
    if pen.once_in(3) {
        pen.record("mcs", "MCS", |pen| {
            pen.int("score", Some(72));
            pen.string("rank", Some("positive"));
        });
    } else {
        pen.null("mcs");
    }
}

fn message(pen: &mut Pen, position: usize, time: i64, visitor: &str, agent: i64) {
    let kind = if position == 0 { 2 } else { pen.rng.random_range(0..6_u8) };
    let phrase = words::phrase(&mut pen.rng);
    let text = match kind {
        2 => Some("Welcome to LivePerson! A representative will be with you shortly."),
        _ if pen.once_in(300) => None,
        _ => Some(phrase.as_str()),
    };
    let own = Some(time).filter(|t| t % 307 != 0);
    pen.row("messages", own);
    pen.counts.sum("messages.text", text.map_or(0, |t| t.len() as i64));
    pen.counts.sum("messages.timestamp", own.unwrap_or_default());
    pen.text("text", text);
    pen.long("timestamp", own);
    pen.text(
        "by",
        Some(match kind {
            0 => visitor,
            2 => "info",
            _ => words::agent_name(agent),
        }),
    );
    pen.string("type", Some(&kind.to_string()));
    pen.string("controlType", (kind == 2).then_some("4"));
    let agent = agent.to_string();
    pen.string("agentId", Some(if kind == 2 { "0" } else { agent.as_str() }));
    let format = words::pick(&mut pen.rng, &FORMATS);
    pen.string("contentFormat", Some(format));
    let id = words::id22(&mut pen.rng);
    pen.string("messageId", Some(&id));
    pen.string("dialogId", None);
    if pen.once_in(60) {
        pen.record("fileData", "FileData", |pen| {
            pen.text("caption", Some("photo 📷.jpg"));
            pen.string("fileType", Some("JPG"));
        });
    } else {
        pen.null("fileData");
    }
    if pen.once_in(60) {
        pen.record("linkData", "LinkData", |pen| {
            pen.string("externalFileLink", Some("https://files.example.com/a?x=1"));
            pen.string("fileType", Some("PDF"));
            pen.string("caption", None);
        });
    } else {
        pen.null("linkData");
    }
    score(pen);
    pen.maybe_unknown();
}

fn transfer(pen: &mut Pen, time: i64, skill: i64, agent: i64) {
    pen.row("transfers", Some(time));
    pen.open();
    pen.long("timestamp", Some(time));
    pen.long("skillId", Some(skill));
    pen.long("targetSkillId", Some(skill + 1));
    pen.string("agentId", Some(&agent.to_string()));
    pen.string("targetAgentId", if skill % 2 == 0 { None } else { Some("12") });
    pen.long("reason", Some(1));
    pen.long("queueStartTime", Some(time));
    pen.long("queueEndTime", Some(time + 2_500));
    if pen.style.version >= SchemaVersion::V34 {
        pen.boolean("isInteractive", Some(skill % 3 == 0));
    }
    pen.close();
}
