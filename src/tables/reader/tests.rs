//! Records of every shape -> the rows that they make.

use arrow::array::TimestampMillisecondArray;
use arrow::util::display::{ArrayFormatter, FormatOptions};

use super::super::*;
use super::MAX_VERSIONS;
use crate::model::{Scope, Stream};

#[path = "habit_tests.rs"]
mod habits;
#[path = "union_tests.rs"]
mod unions;

const AGENT: &str = r#"{"dataType":{"com.liveperson.dataaccess.DataTypeEnum":"AgentActivity"},"metaData":{"accountId":{"string":"7"},"schemaVersion":"1.0.0.4","startTime":{"long":1465992202047},"endTime":null},"recordCollection":[{"body":{"com.liveperson.dataaccess.AgentActivityData":{"header":{"com.liveperson.dataaccess.AgentHeader":{"agentSessionId":{"string":"7-1"}}},"agentSessionsData":{"array":[ITEMS]}}}}]}"#;

fn reader(stream: Stream) -> Reader {
    let scope = Scope { start_ms: 1_465_992_000_000, end_ms: 1_465_995_600_000 };
    Reader::new(Origin { account: "7".into(), stream, file: "F".into(), scope }, 64)
}

/// Rows as `table[body/item] column=value …`, nulls and lineage left out.
fn rows(reader: &mut Reader) -> Vec<String> {
    shown(reader.drain().unwrap())
}

fn shown(rows: Vec<Rows>) -> Vec<String> {
    let options = FormatOptions::default();
    let mut all = Vec::new();
    for Rows { table, day, batch } in rows {
        for row in 0..batch.num_rows() {
            let mut cells = Vec::new();
            for (field, column) in batch.schema().fields().iter().zip(batch.columns()) {
                if column.is_null(row) {
                    continue;
                }
                let text = match column.as_any().downcast_ref::<TimestampMillisecondArray>() {
                    Some(times) => crate::model::format_ms(times.value(row)),
                    None => ArrayFormatter::try_new(column, &options).unwrap().value(row).to_string(),
                };
                cells.push((field.name().clone(), text));
            }
            let of = |name: &str| cells.iter().find(|(n, _)| n == name).map_or("-", |(_, text)| text);
            let place = format!("{}[{}/{}]@{day}", table.name, of("source_body"), of("source_item"));
            let shown = cells.iter().filter(|(name, _)| !LINEAGE.iter().any(|(n, ..)| n == name));
            let shown: Vec<_> = shown.map(|(name, text)| format!("{name}={text}")).collect();
            all.push(format!("{place} {}", shown.join(" ")).trim_end().to_string());
        }
    }
    all
}

fn read(stream: Stream, text: &str) -> Vec<String> {
    let mut reader = reader(stream);
    reader.read(text.as_bytes(), &[], 0).unwrap();
    assert_eq!(reader.records(), 1);
    rows(&mut reader)
}

fn agent(items: &str) -> Vec<String> {
    read(Stream::AgentActivity, &AGENT.replace("ITEMS", items))
}

#[test]
fn items_make_rows_and_bodies_count_them() {
    assert_eq!(
        agent(
            r#"{"agentID":{"long":9},"timestamp":{"long":1465992202047},"userProfileIDs":{"array":[1,2]}},null,{"agentID":8}"#
        ),
        [
            "agent_sessions[0/0]@2016-06-15 agent_session_id=7-1 events=2",
            "agent_activity[0/0]@2016-06-15 agent_session_id=7-1 agent_id=9 timestamp=2016-06-15T12:03:22.047Z user_profile_ids=[1, 2]",
            "agent_activity[0/1]@2016-06-15 agent_session_id=7-1 agent_id=8",
        ]
    );
}

#[test]
fn what_has_no_column_goes_to_extra() {
    for (item, cells) in [
        (r#"{"agentID":"9"}"#, "agent_id=9"),
        (r#"{"agentID":"09"}"#, r#"extra={"agentID":"09"}"#),
        (r#"{"agentID":5.0}"#, "agent_id=5"),
        (r#"{"agentID":12345678901234567890}"#, r#"extra={"agentID":12345678901234567890}"#),
        (r#"{"agentID":{"double":1.5}}"#, r#"extra={"agentID":{"double":1.5}}"#),
        (r#"{"agentUsername":5}"#, "agent_username=5"),
        (r#"{"agentUsername":true}"#, r#"extra={"agentUsername":true}"#),
        (r#"{"agentUsername":{"string":"é\u00e9"}}"#, "agent_username=éé"),
        (r#"{"agentUsername":"a\ud800b"}"#, r#"extra={"agentUsername":"a\\ud800b"}"#),
        (r#"{"AGENTUserName":"x"}"#, "agent_username=x"),
        (r#"{"agentI\u0044":7}"#, "agent_id=7"),
        (r#"{"agentID":1,"agentID":2}"#, r#"agent_id=1 extra={"agentID":2}"#),
        (r#"{"agentID":null,"agentID":2}"#, r#"extra={"agentID":2}"#),
        (r#"{"new":{"a": [1]},"new":2}"#, r#"extra={"new":{"a":[1]},"new#2":2}"#),
        (r#"{"userProfileIDs":[1,"x",null]}"#, r#"user_profile_ids=[1, , ] extra={"userProfileIDs[1]":"x"}"#),
        (r#"{"userProfileIDs":5}"#, r#"extra={"userProfileIDs":5}"#),
        (r#"{"timestamp":9999999999999999}"#, r#"extra={"timestamp":9999999999999999}"#),
    ] {
        let row = agent(item).pop().unwrap();
        let cells = format!("agent_activity[0/0]@2016-06-15 agent_session_id=7-1 {cells}");
        assert_eq!(row, cells, "{item}");
    }
    let rows = agent("5,[1]");
    assert_eq!(
        rows,
        [
            r#"agent_sessions[0/0]@2016-06-15 agent_session_id=7-1 events=0 extra={"$.recordCollection[0].body.agentSessionsData[0]":5,"$.recordCollection[0].body.agentSessionsData[1]":[1]}"#
        ]
    );
}

#[test]
fn what_lies_above_items_goes_to_the_first_row() {
    let text = r#"{"metaData":{"accountId":"8","x":1},"recordCollection":[{"z":2,"body":{"y":[3],"header":{"visitId":"v","w":4},"navigationData":[{"url":"u","q":5}]}}],"k":6}"#;
    assert_eq!(
        read(Stream::WebSession, text),
        [
            r#"web_sessions[-/0]@2016-06-15 visit_id=v pages=1 attributes=0 goals=0 impressions=0 extra={"$.metaData.x":1,"$.recordCollection[0].z":2,"$.recordCollection[0].body.y":[3],"$.recordCollection[0].body.header.w":4,"$.k":6,"$.metaData.accountId":"8"}"#,
            r#"navigation[0/0]@2016-06-15 visit_id=v url=u extra={"q":5}"#,
        ]
    );
}

#[test]
fn rows_lie_under_their_own_day_unless_it_is_out_of_bounds() {
    // Bounds are dates: the last moment of the second day after the scope is within, the next one is not.
    let items = r#"{"timestamp":1465905600000},{"timestamp":0},{"timestamp":1465992000000},{"timestamp":1466207999999},{"timestamp":1466208000000},{"timestamp":1431388800000},{"timestamp":1431388799999}"#;
    let mut reader = reader(Stream::AgentActivity);
    reader.read(AGENT.replace("ITEMS", items).as_bytes(), &[], 0).unwrap();
    let days: Vec<_> = rows(&mut reader).iter().map(|row| row[..30].to_string()).collect();
    assert_eq!(
        days,
        [
            "agent_sessions[0/0]@2016-06-15",
            "agent_activity[0/5]@2015-05-12",
            "agent_activity[0/0]@2016-06-14",
            "agent_activity[0/1]@2016-06-15",
            "agent_activity[0/2]@2016-06-15",
            "agent_activity[0/4]@2016-06-15",
            "agent_activity[0/6]@2016-06-15",
            "agent_activity[0/3]@2016-06-17",
        ]
    );
    assert_eq!(reader.findings().0.misdated, 3);
}

/// Only rows may grow with the records.
#[test]
fn of_many_schema_versions_some_are_noted() {
    let mut reader = reader(Stream::AgentActivity);
    for record in 0..300 {
        let version = format!(
            r#"{{"metaData":{{"schemaVersion":"v{record}{}"}},"recordCollection":[]}}"#,
            if record == 0 { "x".repeat(5000) } else { String::new() }
        );
        reader.read(version.as_bytes(), &[], record).unwrap();
    }
    let (_, versions) = reader.findings();
    assert_eq!((versions.len(), versions.first().map(String::as_str)), (MAX_VERSIONS, Some("v1")));
    assert_eq!(reader.records(), 300);
}

#[test]
fn a_broken_record_leaves_nothing() {
    let mut reader = reader(Stream::AgentActivity);
    let sound = AGENT.replace("ITEMS", r#"{"agentID":1,"new":1}"#);
    reader.read(sound.as_bytes(), &[], 0).unwrap();
    for (text, path) in [
        (
            sound.replace("\"agentID\":1", "\"agentID\":1,\"userProfileIDs\":[1,tru]"),
            "$.recordCollection[0].body.agentSessionsData[0].userProfileIDs[1]",
        ),
        (sound.replace("]}}}}]}", "]}}}}],5}"), "$"),
        (sound.replace("\"AgentActivity\"", "\"Survey\""), "$.dataType"),
        ("{\"recordCollection\":7}".into(), "$.recordCollection"),
    ] {
        let broken = reader.read(text.as_bytes(), &[], 1).unwrap_err();
        assert_eq!(broken.path, path, "{text}");
        assert_eq!(broken.wrong_type, path == "$.dataType");
    }
    assert_eq!(reader.findings().0.unknown_fields, 1);
    reader.read(sound.as_bytes(), &[], 2).unwrap();
    assert_eq!(reader.records(), 2);
    let rows = rows(&mut reader);
    assert_eq!(rows.len(), 4);
    assert_eq!(rows[2], rows[3]);
}

#[test]
fn conversations_lead_their_lines() {
    let text = r#"{"metaData":{},"recordCollection":[{"body":{"com.x.EngagementData":{"engagements":{"array":[{"com.x.Conversation":{
        "transcripts":{"array":[{"text":{"string":"a"}},null,{"text":"b"}]},"secureForms":[{"f":1},null],"transfers":[{"reason":5}],
        "mcs":{"com.x.MCS":{"score":{"int":3}}},"campaignData":{"campaignId":1,"odd":2},"conversationId":"c1"}},
        {"conversationId":"c2","transcripts":[7]}]},"header":{"com.x.VisitorHeader":{"visitId":{"string":""}}}}}}]}"#;
    assert_eq!(
        read(Stream::Engagement, text),
        [
            r#"conversations[0/0]@2016-06-15 visit_id= conversation_id=c1 campaign_data={campaign_id: 1, campaign_engagement_id: } mcs={"com.x.MCS":{"score":{"int":3}}} messages=2 transfers=1 extra={"campaignData.odd":2}"#,
            r#"conversations[0/1]@2016-06-15 visit_id= conversation_id=c2 messages=0 transfers=0 extra={"transcripts[0]":7}"#,
            "messages[0/0]@2016-06-15 visit_id= conversation_id=c1 seq=0 text=a",
            "messages[0/1]@2016-06-15 visit_id= conversation_id=c1 seq=2 text=b",
            "transfers[0/0]@2016-06-15 visit_id= conversation_id=c1 seq=0 reason=5",
            r#"secure_forms[0/0]@2016-06-15 visit_id= conversation_id=c1 seq=0 data={"f":1}"#,
        ]
    );
}

#[test]
fn surveys_lead_their_answers() {
    let text = r#"{"metaData":{},"recordCollection":[{"body":{"surveys":[{"contents":[{"answer":"yes","csatThreshold":{"double":-1}}],"id":{"long":5},"type":{"int":3},"conversationId":"c"}]}}]}"#;
    assert_eq!(
        read(Stream::Survey, text),
        [
            "surveys[0/0]@2016-06-15 id=5 type=3 conversation_id=c answers=1",
            "survey_answers[0/0]@2016-06-15 survey_id=5 survey_type=3 conversation_id=c seq=0 answer=yes csat_threshold=-1.0",
        ]
    );
}

fn web(body: &str) -> Vec<String> {
    let text = format!("{{\"metaData\":{{}},\"recordCollection\":[{{\"body\":{body}}}]}}");
    let mut rows = read(Stream::WebSession, &text);
    rows.remove(0);
    rows
}

#[test]
fn unions_of_records() {
    let goal = |data: &str| {
        let rows = web(&format!(
            "{{\"com.x.WebSessionGoalAchievedData\":{{\"achievedGoals\":[{{\"goalMetaData\":{data}}}]}}}}"
        ));
        rows.first().cloned().unwrap_or_default()
    };
    for (data, cells) in [
        (
            r#"{"com.x.UrlGoalMetadata":{"url":{"string":"u"}}}"#,
            "goal_meta_data_type=UrlGoalMetadata url_goal_metadata={url: u}",
        ),
        (
            r#"{"com.x.LEADMETADATA":{"topic":"t","n":1}}"#,
            r#"goal_meta_data_type=LeadMetadata lead_metadata={topic: t, lead_id: , value: } extra={"goalMetaData.n":1}"#,
        ),
        (
            r#"{"numberOfPages":2}"#,
            "goal_meta_data_type=ReduceAbandonmentGoalMetadata reduce_abandonment_goal_metadata={number_of_pages: 2}",
        ),
        (
            r#"{"com.x.NewMetadata":{"a":1}}"#,
            r#"goal_meta_data_type=NewMetadata extra={"goalMetaData":{"com.x.NewMetadata":{"a":1}}}"#,
        ),
        (r#"{"a":1}"#, r#"extra={"goalMetaData":{"a":1}}"#),
        ("null", ""),
        ("5", r#"extra={"goalMetaData":5}"#),
    ] {
        assert_eq!(goal(data), format!("goals[0/0]@2016-06-15 {cells}").trim_end(), "{data}");
    }
}

#[test]
fn bodies_without_a_published_name() {
    let geo = "geo[0/0]@2016-06-15 visit_id=v ipv4=1.2.3.4 country=NL";
    let fields = r#""iPV4":{"string":"1.2.3.4"},"country":"NL""#;
    let header = r#""header":{"visitId":"v"}"#;
    for body in [
        format!("{{\"com.x.Whatever\":{{{header},{fields}}}}}"),
        format!("{{\"com.x.Whatever\":{{{header},\"geo\":{{{fields}}}}}}}"),
        format!("{{\"com.x.Whatever\":{{\"geo\":{{\"com.x.Geo\":{{{fields}}}}},{header}}}}}"),
        format!("{{\"com.x.Whatever\":{{{header},\"geo\":{{\"array\":[{{{fields}}}]}}}}}}"),
        format!("{{{header},{fields}}}"),
    ] {
        assert_eq!(web(&body), [geo], "{body}");
    }
    let info = web(
        r#"{"com.x.Info":{"deviceOS":{"com.x.DeviceOs":"LINUX"},"search Engine":"g","sessionStartTime":1465992000000}}"#,
    );
    assert_eq!(
        info,
        [
            "session_info[0/0]@2016-06-15 session_start_time=2016-06-15T12:00:00Z device_os=LINUX search_engine=g"
        ]
    );
}

#[test]
fn an_id_of_another_streams_header_is_kept() {
    let text =
        AGENT.replace("ITEMS", "").replace("\"agentSessionId\"", "\"visitId\":\"v\",\"agentSessionId\"");
    assert_eq!(
        read(Stream::AgentActivity, &text),
        [
            r#"agent_sessions[0/0]@2016-06-15 agent_session_id=7-1 events=0 extra={"$.recordCollection[0].body.header.visitId":"v"}"#
        ]
    );
}

#[test]
fn an_unknown_body_that_came_encrypted_is_kept_as_its_plaintext() {
    let text = r#"{"metaData":{},"recordCollection":[{"body":"{\"com.x.New\":{\"a\":1}}"}]}"#;
    let mut reader = reader(Stream::Survey);
    let quote = text.find("\"{").unwrap();
    reader.read(text.as_bytes(), &[quote], 0).unwrap();
    assert_eq!(
        rows(&mut reader),
        [r#"unrecognized[0/0]@2016-06-15 body_type=com.x.New body={"com.x.New":{"a":1}}"#]
    );
}

#[test]
fn what_has_no_table_is_unrecognized() {
    assert_eq!(
        web(r#"{"com.x.NewData":{"header":{"visitId":"v"},"items":[{"a": 1}]}}"#),
        [
            r#"unrecognized[0/0]@2016-06-15 body_type=com.x.NewData body={"com.x.NewData":{"header":{"visitId":"v"},"items":[{"a":1}]}}"#
        ]
    );
    // A body without rows whose header only it tells.
    let body = r#"{"com.x.EngagementData":{"header":{"visitId":"v"},"engagements":[]}}"#;
    let text = format!("{{\"metaData\":{{}},\"recordCollection\":[{{\"body\":{body}}}]}}");
    assert_eq!(
        read(Stream::Engagement, &text),
        [format!("unrecognized[0/0]@2016-06-15 body_type=com.x.EngagementData body={body}")]
    );
    // Rows of a later body tell the same header, so only the other one is untold.
    let bodies = r#"{"body":{"header":{"visitId":"v"},"engagements":[]}},{"body":{"header":{"visitId":"w"},"engagements":[]}},{"body":{"header":{"visitId":"v"},"engagements":[{"conversationId":"c"}]}}"#;
    assert_eq!(
        read(Stream::Engagement, &format!("{{\"recordCollection\":[{bodies}]}}")),
        [
            "conversations[2/0]@2016-06-15 visit_id=v conversation_id=c messages=0 transfers=0",
            r#"unrecognized[1/0]@2016-06-15 body={"header":{"visitId":"w"},"engagements":[]}"#,
        ]
    );
    // An envelope without anything.
    assert_eq!(
        read(Stream::Survey, r#"{"metaData":{"a":1},"recordCollection":[null,{"body":null}]}"#),
        [r#"unrecognized[-/0]@2016-06-15 extra={"$.metaData.a":1}"#]
    );
    assert_eq!(web("null"), [""; 0]);
}

#[test]
fn a_header_that_comes_again_says_the_same_again() {
    let body = |header: &str, url: &str| {
        format!(
            r#"{{"body":{{"com.liveperson.dataaccess.WebSessionNavigationData":{{"header":{header},"navigationData":[{{"url":"{url}"}}]}}}}}}"#
        )
    };
    let record = |bodies: &[(&str, &str)]| {
        let bodies: Vec<String> = bodies.iter().map(|(header, url)| body(header, url)).collect();
        format!(r#"{{"metaData":{{}},"recordCollection":[{}]}}"#, bodies.join(","))
    };
    let (known, other) = (r#"{"visitId":"v1","visitorId":"w"}"#, r#"{"visitId":"v2"}"#);
    let odd = r#"{"visitId":"v3","more":1}"#;
    let mut reader = reader(Stream::WebSession);
    for text in [
        record(&[(known, "a"), (known, "b"), (other, "c"), (known, "d")]),
        record(&[(known, "e"), ("null", "f"), ("null", "g")]),
        record(&[(odd, "h"), (odd, "i"), (r#" {"visitId":"v3","more":1}"#, "j")]),
    ] {
        reader.read(text.as_bytes(), &[], 0).unwrap();
    }
    let extra = r#"extra={"$.recordCollection[0].body.header.more":1,"$.recordCollection[1].body.header.more":1,"$.recordCollection[2].body.header.more":1}"#;
    assert_eq!(
        rows(&mut reader).iter().map(|row| row.split_once("@2016-06-15 ").unwrap()).collect::<Vec<_>>(),
        [
            (
                "web_sessions[-/0]",
                "visit_id=v1 visitor_id=w pages=4 attributes=0 goals=0 impressions=0".to_owned()
            ),
            (
                "web_sessions[-/0]",
                "visit_id=v1 visitor_id=w pages=3 attributes=0 goals=0 impressions=0".to_owned()
            ),
            ("web_sessions[-/0]", format!("visit_id=v3 pages=3 attributes=0 goals=0 impressions=0 {extra}")),
            ("navigation[0/0]", "visit_id=v1 visitor_id=w url=a".to_owned()),
            ("navigation[1/0]", "visit_id=v1 visitor_id=w url=b".to_owned()),
            ("navigation[2/0]", "visit_id=v2 url=c".to_owned()),
            ("navigation[3/0]", "visit_id=v1 visitor_id=w url=d".to_owned()),
            ("navigation[0/0]", "visit_id=v1 visitor_id=w url=e".to_owned()),
            ("navigation[1/0]", "url=f".to_owned()),
            ("navigation[2/0]", "url=g".to_owned()),
            ("navigation[0/0]", "visit_id=v3 url=h".to_owned()),
            ("navigation[1/0]", "visit_id=v3 url=i".to_owned()),
            ("navigation[2/0]", "visit_id=v3 url=j".to_owned()),
        ]
        .iter()
        .map(|(place, cells)| (*place, cells.as_str()))
        .collect::<Vec<_>>()
    );
}
