//! Goals that a visit achieved, with metadata of every documented type.

use rand::Rng;

use super::envelope::Visitor;
use super::pen::Pen;
use super::{web_attributes, web_campaigns, words};

/// One body: rows of `goals`.
pub(super) fn write(pen: &mut Pen, visitor: &Visitor, start: i64, length: i64) {
    let goals = pen.rng.random_range(1..4_usize);
    pen.body("WebSessionGoalAchievedData", |pen| {
        pen.visitor_header(visitor);
        pen.array("achievedGoals", goals, |pen, _| {
            pen.maybe_null_item();
            goal(pen, start + length / 2);
        });
    });
}

fn goal(pen: &mut Pen, time: i64) {
    let id = words::uuid(&mut pen.rng);
    let goal = pen.rng.random_range(153_250_000..153_260_000_i64);
    pen.row("goals", Some(time));
    pen.counts.sum("goals.campaign_goal_id", goal);
    pen.open();
    pen.string("id", Some(&id));
    pen.long("timestamp", Some(time));
    pen.long("campaignGoalRevision", Some(13));
    pen.long("campaignGoalId", Some(goal));
    pen.int("campaignGoalType", Some((goal % 6) as i32));
    metadata(pen);
    pen.maybe_unknown();
    pen.close();
}

fn metadata(pen: &mut Pen) {
    let kind = pen.rng.random_range(0..7);
    if kind == 6 {
        return pen.null("goalMetaData");
    }
    // The titles of two sections spell the type otherwise than the list of types.
    let titled = pen.odd_once_in(2);
    pen.key("goalMetaData");
    match kind {
        0 => pen.named("UrlGoalMetadata", |pen| {
            let url = words::url(&mut pen.rng);
            pen.raw("{");
            pen.string("url", Some(&url));
            pen.close();
        }),
        1 => pen.named("PurchaseMetadata", |pen| {
            pen.raw("{");
            pen.double("total", Some(99.0));
            pen.string("orderId", Some("ORD-ä-1"));
            pen.record("cartStatus", "CartStatus", web_attributes::cart);
            pen.close();
        }),
        2 => pen.named("ReduceAbandonmentGoalMetadata", |pen| {
            pen.raw("{");
            pen.int("numberOfPages", Some(2));
            pen.close();
        }),
        3 => pen.named("IncreaseInteractionGoalMetadata", |pen| {
            pen.raw("{");
            pen.record("engagement", "Engagement", web_campaigns::engagement);
            pen.record("campaign", "Campaign", web_campaigns::campaign);
            pen.close();
        }),
        4 => pen.named(if titled { "LeadMetaData" } else { "LeadMetadata" }, |pen| {
            pen.raw("{");
            web_attributes::lead(pen);
            pen.close();
        }),
        _ => pen.named(if titled { "ServiceActivityMetaData" } else { "ServiceActivityMetadata" }, |pen| {
            pen.raw("{");
            web_attributes::service_activity(pen);
            pen.close();
        }),
    }
}
