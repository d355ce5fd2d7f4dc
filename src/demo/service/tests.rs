use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::Duration;

use super::*;
use crate::model::{Scope, Stream};

const ACCOUNT: &str = "75555851";
const NAME: &str = "Survey.1467853200000.1467856800000.part-00000-0";
const SCOPE: Scope = Scope { start_ms: 1_467_853_200_000, end_ms: 1_467_856_800_000 };

fn start(options: StandInOptions) -> StandIn {
    let file = ServedFile::new(Stream::Survey, NAME, SCOPE, &b"\x1f\x8b0123456789"[..]);
    StandIn::start(options, vec![file]).unwrap()
}

/// Sends a request as text and returns the whole answer as text.
fn ask(service: &StandIn, request: &str) -> String {
    let mut stream = TcpStream::connect(service.address()).unwrap();
    stream.set_read_timeout(Some(Duration::from_millis(1500))).unwrap();
    stream.write_all(request.as_bytes()).unwrap();
    let mut answer = Vec::new();
    // A stall or a cut is part of what is tested: what arrived before it counts.
    let _ = stream.read_to_end(&mut answer);
    String::from_utf8_lossy(&answer).into_owned()
}

fn get(service: &StandIn, path: &str, headers: &str) -> String {
    let host = service.address();
    ask(service, &format!("GET {path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n{headers}\r\n"))
}

fn bearer(service: &StandIn) -> String {
    format!("Authorization: Bearer {}\r\n", service.credentials().bearer)
}

fn list_path(from: i64, to: i64) -> String {
    format!("/data_access_le/account/{ACCOUNT}/le/survey?startTime={from}&endTime={to}")
}

fn file_path() -> String {
    format!("/data_access_le/account/{ACCOUNT}/le/survey/{NAME}.gz")
}

fn status(answer: &str) -> u16 {
    answer.split(' ').nth(1).and_then(|code| code.parse().ok()).unwrap_or(0)
}

fn body(answer: &str) -> &str {
    answer.split_once("\r\n\r\n").map_or("", |(_, body)| body)
}

const GENERATED: i64 = SCOPE.end_ms + 9_000_000;

#[test]
fn base_listing_file_and_schema() {
    let service = start(StandInOptions::default());
    let sign = bearer(&service);
    let base = get(&service, &format!("/data_access_le/account/{ACCOUNT}/le"), &sign);
    let base: serde_json::Value = serde_json::from_str(body(&base)).unwrap();
    assert_eq!(base["le"]["link"].as_array().unwrap().len(), 6);

    let answer = get(&service, &list_path(GENERATED, GENERATED + 1), &sign);
    let listing: serde_json::Value = serde_json::from_str(body(&answer)).unwrap();
    let href = listing["dataAccessFiles"]["file"]["@href"].as_str().unwrap();
    assert_eq!(href, format!("{}{}", service.base_url(), file_path()));

    let answer = get(&service, &file_path(), &sign);
    assert!(!answer.to_lowercase().contains("content-encoding"));
    assert!(body(&answer).ends_with("0123456789"));

    let schema = |id: &str| format!("/data_access_le/account/{ACCOUNT}/le/schema{id}");
    assert!(body(&get(&service, &schema("?schemaId=latest"), &sign)).contains("\"AgentActivityData\""));
    assert_eq!(status(&get(&service, &schema("?schemaId=1.0.0.22"), &sign)), 200);
    assert_eq!(status(&get(&service, &schema(""), &sign)), 400);
    assert_eq!(service.request_counts()[&RequestKind::Schema], 3);
}

#[test]
fn windows_bound_the_time_of_generation() {
    let service = start(StandInOptions { max_window_ms: Some(1000), ..StandInOptions::default() });
    let sign = bearer(&service);
    for (path, code) in [
        (list_path(GENERATED, GENERATED + 1000), 200),
        (list_path(GENERATED, GENERATED + 1001), 400),
        (list_path(SCOPE.start_ms, SCOPE.start_ms + 1000), 404),
        (list_path(1, 0), 400),
        (format!("/data_access_le/account/{ACCOUNT}/le/survey"), 400),
        (list_path(0, 1).replace("survey", "Survey"), 404),
        (list_path(0, 1).replace(ACCOUNT, "1"), 400),
    ] {
        let answer = get(&service, &path, &sign);
        assert_eq!(status(&answer), code, "{path}");
    }
    assert_eq!(body(&get(&service, &list_path(0, 1), &sign)), "No Available Files");
}

#[test]
fn strangers_and_streams_not_enabled_are_refused() {
    let options = StandInOptions { forbidden: vec![Stream::Survey], ..StandInOptions::default() };
    let service = start(options);
    assert_eq!(status(&get(&service, &file_path(), "")), 401);
    assert_eq!(status(&get(&service, &file_path(), "Authorization: Bearer x\r\n")), 401);
    let answer = get(&service, &list_path(0, 1), "Authorization: OAuth a=\"b\"\r\n");
    assert!(body(&answer).starts_with("oauth_problem=parameter_absent&oauth_problem_advice="), "{answer}");
    assert_eq!(status(&get(&service, &file_path(), &bearer(&service))), 403);
    let accept = format!("{}Accept: application/gzip\r\n", bearer(&service));
    assert!(body(&get(&service, &file_path(), &accept)).contains("<internalCode>5</internalCode>"));
}

#[test]
fn tokens_are_issued_expire_and_can_be_revoked() {
    let post = |service: &StandIn, form: &str| {
        let path = service.token_url(ACCOUNT).replace(&service.base_url(), "");
        let form_type = "Content-Type: application/x-www-form-urlencoded";
        let length = form.len();
        ask(
            service,
            &format!(
                "POST {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n{form_type}\r\nContent-Length: {length}\r\n\r\n{form}"
            ),
        )
    };
    let service = start(StandInOptions::default());
    let known = service.credentials();
    let form = url::form_urlencoded::Serializer::new(String::new())
        .append_pair("client_id", &known.client_id)
        .append_pair("client_secret", &known.client_secret)
        .append_pair("grant_type", "client_credentials")
        .finish();
    assert_eq!(status(&post(&service, &form.replace("client_credentials", "password"))), 400);
    assert_eq!(status(&post(&service, "grant_type=client_credentials&client_id=x")), 400);
    let answer = post(&service, &form);
    let answer: serde_json::Value = serde_json::from_str(body(&answer)).unwrap();
    assert_eq!(answer["expires_in"], 3600);
    let sign = format!("Authorization: Bearer {}\r\n", answer["access_token"].as_str().unwrap());
    assert_eq!(status(&get(&service, &file_path(), &sign)), 200);
    service.revoke_tokens();
    assert_eq!(status(&get(&service, &file_path(), &sign)), 401);
    let domain =
        get(&service, &format!("/api/account/{ACCOUNT}/service/sentinel/baseURI.json?version=1.0"), "");
    assert!(body(&domain).contains(&format!("\"baseURI\":\"{}\"", service.address())));
}

#[test]
fn faults_happen_as_often_as_asked() {
    let service = start(StandInOptions::default());
    let sign = bearer(&service);
    let file = || Match::Kind(RequestKind::File);
    let once = |act| {
        service.set_faults(Faults::none().next(1, file(), act));
        get(&service, &file_path(), &sign)
    };
    let retry_after = Some("7".to_owned());
    let busy = once(FaultAct::Status { code: 429, retry_after });
    assert_eq!(status(&busy), 429);
    assert!(busy.to_lowercase().contains("retry-after: 7"));
    assert_eq!(status(&get(&service, &file_path(), &sign)), 200);
    assert_eq!(once(FaultAct::Reset { after_bytes: None }), "");
    assert_eq!(once(FaultAct::Stall { after_bytes: None }), "");
    for act in [
        FaultAct::Reset { after_bytes: Some(4) },
        FaultAct::Stall { after_bytes: Some(4) },
        FaultAct::Truncate { keep_bytes: 4, declare_full: true },
    ] {
        let cut = once(act.clone());
        assert!(cut.to_lowercase().contains("content-length: 12"), "{act:?}: {cut}");
        assert!(body(&cut).ends_with("01") && !body(&cut).contains("23"), "{act:?}: {cut}");
    }
    let short = once(FaultAct::Truncate { keep_bytes: 4, declare_full: false });
    assert!(short.to_lowercase().contains("content-length: 4"));
    assert!(body(&once(FaultAct::FlipByte { at: 11 })).ends_with("45678l"));
    let moved = once(FaultAct::Redirect { to: "http://localhost:1/x".into() });
    assert!(status(&moved) == 302 && moved.contains("http://localhost:1/x"));
    assert!(body(&once(FaultAct::HtmlPage)).starts_with("<!DOCTYPE html>"));
    assert!(once(FaultAct::DeclareLength { bytes: 1 << 60 }).contains("1152921504606846976"));
}

#[test]
fn a_signed_request_is_accepted_once_and_only_as_signed() {
    use super::oauth1::{Signed, base_string, encode, parse_header};
    use aws_lc_rs::hmac;
    use base64::Engine;

    let service = start(StandInOptions::default());
    let known = service.credentials();
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_secs();
    let path = list_path(GENERATED, GENERATED + 1);
    let unsigned = format!(
        r#"OAuth oauth_consumer_key="{}",oauth_nonce="n-1",oauth_signature_method="HMAC-SHA1",oauth_timestamp="{now}",oauth_token="{}""#,
        encode(&known.consumer_key),
        encode(&known.token),
    );
    let (bare, query) = path.split_once('?').unwrap();
    let origin = service.base_url();
    let signed = Signed { method: "GET", origin: &origin, path: bare, query, authorization: &unsigned };
    let key = format!("{}&{}", encode(&known.consumer_secret), encode(&known.token_secret));
    let key = hmac::Key::new(hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY, key.as_bytes());
    let tag = hmac::sign(&key, base_string(&signed, &parse_header(&unsigned).unwrap()).as_bytes());
    let signature = encode(&base64::engine::general_purpose::STANDARD.encode(tag));
    let header = format!("Authorization: {unsigned},oauth_signature=\"{signature}\"\r\n");
    let elsewhere = get(&service, &list_path(GENERATED, GENERATED + 2), &header);
    assert!(body(&elsewhere).starts_with("oauth_problem=signature_invalid"), "{elsewhere}");
    assert_eq!(status(&get(&service, &path, &header)), 200);
    assert!(body(&get(&service, &path, &header)).starts_with("oauth_problem=nonce_used"));
}
