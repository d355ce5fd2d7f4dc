//! Campaigns of a visit: what it was eligible for and what it was shown.

use rand::Rng;

use super::envelope::Visitor;
use super::pen::{Pen, SchemaVersion};
use super::words;

/// One body: rows of `eligibility`.
pub(super) fn eligibility(pen: &mut Pen, visitor: &Visitor, start: i64, length: i64) {
    let assessments = pen.rng.random_range(1..4_usize);
    pen.body("WebSessionEligibilityData", |pen| {
        pen.visitor_header(visitor);
        pen.array("eligibilityData", assessments, |pen, i| {
            pen.maybe_null_item();
            let time = start + length * i as i64 / 4;
            pen.row("eligibility", Some(time));
            pen.open();
            let campaigns = pen.rng.random_range(0..3_usize);
            pen.array("eligibleCampaigns", campaigns, |pen, _| {
                pen.open();
                pen.record("campaign", "Campaign", campaign);
                let engagements = pen.rng.random_range(0..3_usize);
                pen.array("engagements", engagements, |pen, _| {
                    pen.open();
                    engagement(pen);
                    pen.close();
                });
                pen.record("goal", "Goal", goal);
                let group = words::pick(&mut pen.rng, &["NA", "TEST", "CONTROL"]);
                pen.symbol("controlGroupType", "ControlGroupEnum", Some(group));
                pen.close();
            });
            pen.long("timestamp", Some(time));
            pen.maybe_unknown();
            pen.close();
        });
    });
}

/// One body: rows of `impressions`. Old files lack the timestamp.
pub(super) fn impressions(pen: &mut Pen, visitor: &Visitor, start: i64, length: i64) {
    let shown = pen.rng.random_range(1..6_usize);
    let timed = pen.style.version >= SchemaVersion::V34;
    pen.body("WebSessionImpressionData", |pen| {
        pen.visitor_header(visitor);
        pen.array("impressions", shown, |pen, i| {
            pen.maybe_null_item();
            let time = timed.then_some(start + length * i as i64 / 6);
            pen.row("impressions", time);
            pen.open();
            if timed {
                pen.long("timestamp", time);
            }
            pen.string("engagementInstanceId", Some(&(i / 2 + 1).to_string()));
            let kind = words::pick(&mut pen.rng, &["Show", "Accept", "Close", "Timeout"]);
            pen.string("impressionType", Some(kind));
            pen.string("state", Some(if i % 2 == 0 { "1" } else { "chatonline" }));
            pen.record("engagement", "Engagement", engagement);
            pen.record("campaign", "Campaign", campaign);
            if pen.once_in(9) {
                pen.null("goal");
            } else {
                pen.record("goal", "Goal", goal);
            }
            if pen.style.version >= SchemaVersion::V35 {
                pen.string("controlGroup", Some("TEST"));
            }
            pen.maybe_unknown();
            pen.close();
        });
    });
}

/// Members of a campaign.
pub(super) fn campaign(pen: &mut Pen) {
    let id = pen.rng.random_range(129_082_910..129_082_990_i64);
    pen.long("id", Some(id));
    revisions(pen, "visitorProfiles", (id % 3) as usize, 156_579_410);
}

fn revisions(pen: &mut Pen, name: &str, len: usize, first: i64) {
    pen.array(name, len, |pen, i| {
        pen.open();
        pen.long("id", Some(first + i as i64));
        pen.long("revision", Some(111));
        pen.close();
    });
}

fn goal(pen: &mut Pen) {
    pen.long("id", Some(126_222_610));
    pen.int("type", Some(4));
    pen.int("indicatorType", Some(3));
}

/// Members of an engagement; the same in eligibility, impressions and goals.
pub(super) fn engagement(pen: &mut Pen) {
    let skill = pen.rng.random_range(-1..12_i32);
    if pen.style.version >= SchemaVersion::V34 {
        pen.long("id", Some(9_000_000_000 + i64::from(skill)));
    }
    pen.string("channel", Some(if skill < 0 { "100" } else { "1" }));
    pen.string("type", Some(["0", "1", "2", "3", "5", "6"].get((skill.max(0) % 6) as usize).unwrap_or(&"0")));
    revisions(pen, "visitorBehaviors", 1, 126_225_110);
    pen.int("skillId", Some(skill));
    pen.string("skillName", (skill >= 0).then_some("Tier1 – «Vertrieb»"));
    if skill % 4 == 3 {
        pen.array("surveySkills", 2, |pen, i| {
            pen.open();
            pen.long("id", Some(i as i64));
            pen.string("name", Some("Sales"));
            pen.close();
        });
    } else {
        pen.null("surveySkills");
    }
    pen.boolean("isOffsiteEngagement", Some(skill % 5 == 0));
    pen.string("availabilityPolicy", (skill >= 0).then_some("1"));
    pen.int("interactionType", Some(if skill < 0 { 1 } else { 5 }));
    pen.int("renderingType", (skill == 2).then_some(1));
}
