use super::*;

const URL: &str = "https://va.da.liveperson.net/data_access_le/account/1/le/agentActivity?startTime=1";
const GOOD: &str = "Agent.1461387600000.1461391200000.part-00001-0";
const EVER: Window = Window { from_ms: 0, to_ms: i64::MAX };

fn read(stream: Stream, scopes: Window, bodies: &[&str]) -> Result<Listing, Fault> {
    let account = AccountId::parse("1").unwrap();
    let origins = Origins::new("https://va.da.liveperson.net").unwrap();
    let mut gathering = Gathering::new(&account, stream, scopes, &origins);
    for body in bodies {
        gathering.add(body.as_bytes(), &Url::parse(URL).unwrap())?;
    }
    Ok(gathering.finish())
}

fn agent(file: &str) -> Listing {
    read(Stream::AgentActivity, EVER, &[&format!(r#"{{"dataAccessFiles":{{"@id":"1","file":{file}}}}}"#)])
        .unwrap()
}

fn entry(name: &str, href: &str) -> String {
    serde_json::json!({"@name": name, "@href": href}).to_string()
}

fn names(listing: &Listing) -> Vec<&str> {
    listing.parts.iter().map(|part| part.id.name.as_str()).collect()
}

/// As the agent-activity example of the vendor's page: hrefs with and without `.gz`, a foreign `@id`.
#[test]
fn the_published_form() {
    let base = "https://va-a.da.liveperson.net/data_access_le/account/2/le/agentActivity";
    let body = format!(
        r#"{{"dataAccessFiles":{{"@id":"2","link":{{"@href":"{base}","@rel":"self"}},"file":[
          {{"@name":"Agent.1461391200000.1461394800000.part-00001-0","@scopeStartDate":"2016-04-23T02:00:00-04:00",
            "@scopeEndDate":"2016-04-23T03:00:00-04:00","@href":"{base}/Agent.1461391200000.1461394800000.part-00001-0.gz"}},
          {{"@name":"{GOOD}","@scopeStartDate":"2016-04-23T01:00:00-04:00",
            "@scopeEndDate":"2016-04-23T02:00:00-04:00","@href":"{base}/{GOOD}"}}]}}}}"#
    );
    let listing = read(Stream::AgentActivity, EVER, &[&body, &body]).unwrap();
    assert_eq!(names(&listing), [GOOD, "Agent.1461391200000.1461394800000.part-00001-0"]);
    assert_eq!(listing.parts[0].scope, Scope { start_ms: 1_461_387_600_000, end_ms: 1_461_391_200_000 });
    assert_eq!(listing.parts[0].location, format!("{base}/{GOOD}"));
    assert_eq!(listing.entry_faults, []);
    assert_eq!(listing.warnings.len(), 1, "{:?}", listing.warnings);
    assert!(listing.warnings[0].contains("names account 2 instead of 1"));
}

#[test]
fn every_form_of_a_list() {
    let one = entry(&format!("{GOOD}.gz"), "/x.gz");
    for (file, count) in [
        (format!("[{one},{one}]"), 1),
        (one.clone(), 1),
        ("[]".to_owned(), 0),
        ("null".to_owned(), 0),
        ("\"\"".to_owned(), 0),
    ] {
        assert_eq!(agent(&file).parts.len(), count, "{file}");
    }
    assert_eq!(agent(&one).parts[0].location, "https://va.da.liveperson.net/x.gz");
    for (body, count) in [
        (r#"{"dataAccessFiles":{"@id":"1"}}"#.to_owned(), 0),
        (r#"{"dataAccessFiles":""}"#.to_owned(), 0),
        ("No Available Files".to_owned(), 0),
        (r#"{"message":"No Available Files"}"#.to_owned(), 0),
        ("<error><message>No Available Files</message></error>".to_owned(), 0),
        (format!("{{\"dataAccessFiles\":{{\"file\":{one}}}}}\n{{\"dataAccessFiles\":{{\"file\":[]}}}}"), 1),
        (format!(r#"{{"x":"No Available Files","dataAccessFiles":{{"@id":1,"file":{one}}}}}"#), 1),
    ] {
        assert_eq!(read(Stream::AgentActivity, EVER, &[&body]).unwrap().parts.len(), count, "{body}");
    }
}

#[test]
fn what_is_no_listing_is_an_error() {
    let one = entry(GOOD, "/x");
    for body in [
        "",
        " ",
        "<html><title>Maintenance</title>",
        "{}",
        "[]",
        "null",
        r#"{"dataAccessFiles":7}"#,
        r#"{"dataAccessFiles":{"file":7}}"#,
        &format!(r#"{{"dataAccessFiles":{{"file":[{one},"#),
        &format!(r#"{{"dataAccessFiles":{{"file":[{one}]}}}} trailing"#),
        r#"{"error":"secret content"}"#,
    ] {
        let fault = read(Stream::AgentActivity, EVER, &[body]).unwrap_err();
        assert_eq!(fault.kind, FaultKind::BadListing, "{body}");
        assert!(!fault.to_string().contains("secret"), "{fault}");
    }
}

#[test]
fn bad_entries_fail_alone() {
    let good = entry(GOOD, "/good");
    let long = "x".repeat(201);
    for (bad, kind) in [
        ("7".to_owned(), FaultKind::BadListing),
        ("null".to_owned(), FaultKind::BadListing),
        ("{}".to_owned(), FaultKind::BadListing),
        (r#"{"@name":7,"@href":"/x"}"#.to_owned(), FaultKind::BadListing),
        (entry("", "/x"), FaultKind::BadListing),
        (entry(".gz", "/x"), FaultKind::BadListing),
        (entry("../../etc/passwd", "/x"), FaultKind::BadListing),
        (entry("/etc/passwd", "/x"), FaultKind::BadListing),
        (entry("a\\b", "/x"), FaultKind::BadListing),
        (entry("..", "/x"), FaultKind::BadListing),
        (entry("a\0b", "/x"), FaultKind::BadListing),
        (entry("a\u{1b}[31m", "/x"), FaultKind::BadListing),
        (entry("a\u{202e}b", "/x"), FaultKind::BadListing),
        (entry(&long, "/x"), FaultKind::BadListing),
        (entry("no-scope", "/x"), FaultKind::BadListing),
        (entry("Survey.1461387600000.1461391200000.part-00001-0", "/x"), FaultKind::WrongType),
        (entry("Agent.1.2.part-00000-0", ""), FaultKind::BadListing),
        (r#"{"@name":"Agent.1.2.part-00000-0"}"#.to_owned(), FaultKind::BadListing),
        (entry("Agent.1.2.part-00000-0", "https://"), FaultKind::BadListing),
        (entry("Agent.1.2.part-00000-0", "https://evil.example/?secret"), FaultKind::Untrusted),
        (entry("Agent.1.2.part-00000-0", "http://va.da.liveperson.net/x"), FaultKind::Untrusted),
        (entry("Agent.1.2.part-00000-0", "//evil.example/x"), FaultKind::Untrusted),
        (entry("Agent.1.2.part-00000-0", "file:///etc/passwd"), FaultKind::Untrusted),
    ] {
        let listing = agent(&format!("[{bad},{good},{bad}]"));
        assert_eq!(names(&listing), [GOOD], "{bad}");
        assert_eq!(listing.entry_faults.len(), 1, "{bad}");
        let fault = &listing.entry_faults[0];
        assert_eq!(fault.kind, kind, "{bad}: {fault}");
        let text = fault.to_string();
        assert!(
            !text.contains("secret") && !text.chars().any(char::is_control) && text.len() < 400,
            "{text}"
        );
    }
}

#[test]
fn scopes_of_other_names_come_from_their_dates() {
    let dated = |start: &str, end: &str| {
        serde_json::json!({"@name": "odd name.gz", "@href": "/x", "@scopeStartDate": start, "@scopeEndDate": end})
            .to_string()
    };
    for (start, end) in [
        ("2016-04-23T01:00:00-04:00", "2016-04-23T02:00:00-04:00"),
        ("2016-04-23T05:00:00Z", "2016-04-23T06:00:00.000Z"),
        ("2016-04-23T01:00:00.000-0400", "2016-04-23T02:00:00-0400"),
    ] {
        let listing = agent(&dated(start, end));
        assert_eq!(names(&listing), ["odd name"], "{start} {:?}", listing.entry_faults);
        assert_eq!(listing.parts[0].scope, Scope { start_ms: 1_461_387_600_000, end_ms: 1_461_391_200_000 });
    }
    for (start, end) in [
        ("2016-04-23T01:00:00", "2016-04-23T02:00:00"),
        ("2016-04-23T02:00:00Z", "2016-04-23T01:00:00Z"),
        ("yesterday", "today"),
    ] {
        assert_eq!(agent(&dated(start, end)).entry_faults.len(), 1, "{start}");
    }
}

#[test]
fn only_scopes_within_the_window_count() {
    let scopes = Window { from_ms: 10, to_ms: 20 };
    let names_in: Vec<String> = [9, 10, 19, 20].map(|ms| format!("Survey.{ms}.30.part-00000-0")).into();
    let entries: Vec<String> = names_in.iter().map(|name| entry(name, "/x")).collect();
    let body = format!(r#"{{"dataAccessFiles":{{"file":[{}]}}}}"#, entries.join(","));
    let listing = read(Stream::Survey, scopes, &[&body]).unwrap();
    assert_eq!(names(&listing), [&names_in[1], &names_in[2]]);
}

#[test]
fn a_second_href_of_a_part_is_told() {
    let listing = agent(&format!("[{},{}]", entry(GOOD, "/one"), entry(&format!("{GOOD}.gz"), "/two")));
    assert_eq!(listing.parts.len(), 1);
    assert!(listing.parts[0].location.ends_with("/one"));
    assert_eq!(listing.warnings.len(), 1);
}

#[test]
fn linked_streams_in_every_form() {
    let link = |rel: &str| format!(r#"{{"@href":"https://x/{rel}","@rel":"{rel}"}}"#);
    for (link, expected) in [
        (
            format!("[{},{},{},{}]", link("self"), link("survey"), link("agentActivity"), link("schema")),
            vec![Stream::AgentActivity, Stream::Survey],
        ),
        (link("webSession"), vec![Stream::WebSession]),
        (format!("[7,{{}},{}]", link("webSession")), vec![Stream::WebSession]),
    ] {
        let body = format!(r#"{{"le":{{"@accountId":"1","link":{link}}}}}"#);
        assert_eq!(linked_streams(body.as_bytes()).unwrap(), expected, "{body}");
    }
    for body in ["", "<html>", "{}", r#"{"le":{}}"#, r#"{"le":{"link":[]}}"#, r#"{"le":{"link":7}}"#] {
        assert_eq!(linked_streams(body.as_bytes()).unwrap_err().kind, FaultKind::BadListing, "{body}");
    }
}

proptest::proptest! {
    #[test]
    fn no_body_makes_it_panic(body in proptest::collection::vec(proptest::prelude::any::<u8>(), 0..200)) {
        let text = String::from_utf8_lossy(&body);
        let _ = read(Stream::AgentActivity, EVER, &[&text]);
        let _ = linked_streams(&body);
    }

    /// Whatever the name, the entry is a part under that name or a fault, and never both or neither.
    #[test]
    fn each_name_is_a_part_or_a_fault(name in ".{0,300}") {
        let entry = serde_json::json!({
            "@name": name, "@href": "/x",
            "@scopeStartDate": "2016-04-23T01:00:00-04:00", "@scopeEndDate": "2016-04-23T02:00:00-04:00",
        });
        let listing = agent(&entry.to_string());
        proptest::prop_assert_eq!(listing.parts.len() + listing.entry_faults.len(), 1);
        if let Some(part) = listing.parts.first() {
            let listed = name.strip_suffix(".gz").unwrap_or(&name);
            proptest::prop_assert_eq!(part.id.name.as_str(), listed);
            proptest::prop_assert!(!listed.contains(['/', '\\', '\0']) && !listed.contains(".."));
        }
    }
}

/// Arrays must not pass for objects: an empty listing would prove coverage that is not there.
#[test]
fn arrays_are_no_listings() {
    for body in [
        r#"{"dataAccessFiles":[[[1]]]}"#,
        r#"{"dataAccessFiles":["1",null]}"#,
        r#"[{"dataAccessFiles":{}}]"#,
        r#"[null]"#,
        "[]",
    ] {
        assert_eq!(read(Stream::Survey, EVER, &[body]).unwrap_err().kind, FaultKind::BadListing, "{body}");
    }
    assert_eq!(agent(r#"[["Agent.1461387600000.1461391200000.part-00001-0"]]"#).entry_faults.len(), 1);
}
