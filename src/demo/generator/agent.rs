//! Agent activity: sessions of agents with their logins, state changes and chats.

use rand::Rng;

use crate::model::Stream;

use super::pen::{Pen, SchemaVersion};
use super::words;

/// One envelope: rows of `agent_sessions` and `agent_activity`.
pub(super) fn write(pen: &mut Pen, account: &str) {
    let start = pen.scope.start_ms + pen.rng.random_range(0..3_600_000) - long_shift(pen);
    let null_alone = pen.odd_once_in(300);
    // tap-liveperson expects an end here, the documentation shows none.
    let end = pen.style.wrapped_envelope.then_some(start + 1_800_000);
    pen.envelope(Stream::AgentActivity, account, Some(start), end, |pen| {
        if null_alone {
            pen.null_body();
            return;
        }
        body(pen, account, start);
        if pen.odd_once_in(60) {
            pen.null_body();
        }
        if pen.once_in(40) {
            body(pen, account, start + 60_000);
        }
    });
    if null_alone {
        pen.row("unrecognized", None);
    }
}

/// Some sessions are closed long after they began, a few on the next day.
fn long_shift(pen: &mut Pen) -> i64 {
    match pen.rng.random_range(0..40) {
        0 => 25 * 3_600_000,
        1..10 => 8 * 3_600_000,
        _ => 0,
    }
}

fn body(pen: &mut Pen, account: &str, start: i64) {
    let agent = pen.rng.random_range(1..60_i64);
    let session = format!("{account}-{}", pen.rng.random_range(100_000_000..999_999_999));
    let events = pen.rng.random_range(2..14_usize);
    pen.row("agent_sessions", None);
    pen.body("AgentActivityData", |pen| {
        pen.record("header", "AgentHeader", |pen| pen.string("agentSessionId", Some(&session)));
        let mut time = start;
        let mut state = 1;
        let mut load = 0;
        pen.array("agentSessionsData", events, |pen, i| {
            pen.maybe_null_item();
            event(pen, agent, i == 0, i + 1 == events, &mut time, &mut state, &mut load);
        });
    });
}

fn event(
    pen: &mut Pen,
    agent: i64,
    login: bool,
    logout: bool,
    time: &mut i64,
    state: &mut i64,
    load: &mut i64,
) {
    let name = words::agent_name(agent);
    let (kind, next) = match (login, logout) {
        (true, _) => (3, 0),
        (_, true) => (4, 0),
        _ => (1, pen.rng.random_range(-1..5_i64)),
    };
    let next_load = if kind == 1 { pen.rng.random_range(0..5_i64) } else { 0 };
    pen.row("agent_activity", Some(*time));
    pen.counts.sum("agent_activity.agent_id", agent);
    pen.counts.sum("agent_activity.timestamp", *time);
    pen.open();
    pen.long("agentID", Some(agent));
    pen.long("type", Some(kind));
    pen.long("state", Some(next));
    pen.long("timestamp", Some(*time));
    pen.long("prevState", Some(*state));
    let employee = if agent % 3 == 0 { "" } else { "E-0042" };
    pen.string("agentEmployeeId", Some(employee));
    pen.string("agentUsername", Some(name));
    pen.string("agentNickname", if agent % 7 == 0 { None } else { Some(name) });
    let login_name = format!("{}{agent}@example.invalid", name.replace(' ', "."));
    pen.text("agentLoginname", Some(&login_name));
    pen.long("prevConcurrentEng", Some(*load));
    pen.long("concurrentEng", Some(next_load));
    pen.long("maxConcurrentEng", Some(if kind == 1 { 4 } else { -9 }));
    pen.long("agentGroupID", Some(if agent % 2 == 0 { -1 } else { 3_000_000_000 + agent }));
    if pen.style.version > SchemaVersion::V4 {
        pen.array("userProfileIDs", (agent % 4) as usize, |pen, i| {
            if i > 0 {
                pen.raw(",");
            }
            pen.number(2_438_730_212 + 100 * i as i64);
        });
    }
    pen.maybe_unknown();
    pen.close();
    // Two events of one agent may fall into one millisecond.
    *time += if pen.once_in(30) { 0 } else { pen.rng.random_range(50..400_000) };
    *state = next;
    *load = next_load;
}
