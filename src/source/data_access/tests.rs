use std::collections::BTreeSet;
use std::io::Read;
use std::sync::Mutex;
use std::time::Duration;

use super::*;
use crate::model::{AuthOptions, Event, PartId, RetryOptions, Scope, Secret, Window};
use crate::source::stand_in::{Asked, Reply, StandIn, reply, serve};

const HOUR: i64 = 3_600_000;

#[derive(Default)]
struct Recorder(Mutex<Vec<Event>>);

impl EventSink for Recorder {
    fn emit(&self, event: Event) {
        self.0.lock().unwrap().push(event);
    }
}

impl Recorder {
    fn retries(&self) -> usize {
        self.0.lock().unwrap().iter().filter(|event| matches!(event, Event::Retrying { .. })).count()
    }
}

fn oauth1() -> AuthOptions {
    AuthOptions::Oauth1 {
        consumer_key: Secret::new("consumer-key"),
        consumer_secret: Secret::new("consumer-secret"),
        token: Secret::new("token-value"),
        token_secret: Secret::new("token-secret"),
    }
}

fn oauth2(base: &str) -> AuthOptions {
    AuthOptions::Oauth2 {
        client_id: Secret::new("client-id"),
        client_secret: Secret::new("client-secret"),
        token_url: None,
        domain_api_url: base.to_owned(),
    }
}

fn options(base: &str, auth: AuthOptions) -> ServiceOptions {
    ServiceOptions {
        account: AccountId::parse("1").unwrap(),
        base_url: base.to_owned(),
        streams: None,
        auth,
        retry: RetryOptions {
            first_pause: Duration::from_millis(1),
            max_pause: Duration::from_millis(5),
            max_tries: 3,
            total_timeout: Duration::from_secs(20),
            read_timeout: Duration::from_millis(400),
        },
        max_requests: 3,
        max_memory_part_bytes: 1000,
        spool: None,
        max_listing_bytes: 1 << 20,
    }
}

fn source(stand_in: &StandIn) -> (DataAccess, Arc<Recorder>) {
    let events = Arc::new(Recorder::default());
    (DataAccess::new(options(&stand_in.base, oauth1()), events.clone()).unwrap(), events)
}

fn part(base: &str, path: &str) -> Part {
    let name = "Survey.10.20.part-00000-0".to_owned();
    let id = PartId { account: AccountId::parse("1").unwrap(), stream: Stream::Survey, name };
    Part { id, scope: Scope { start_ms: 10, end_ms: 20 }, location: format!("{base}{path}"), bytes: None }
}

async fn fetched(
    answer: impl Fn(&Asked, usize) -> Reply + Send + Sync + 'static,
) -> (Result<Vec<u8>, Fault>, usize, usize) {
    let stand_in = serve(answer).await;
    let (source, events) = source(&stand_in);
    let result = source.fetch(&part(&stand_in.base, "/file")).await.map(|payload| bytes_of(&payload));
    (result, stand_in.asked().len(), events.retries())
}

fn bytes_of(payload: &Payload) -> Vec<u8> {
    let mut bytes = Vec::new();
    payload.reader().read_to_end(&mut bytes).unwrap();
    bytes
}

fn short_body() -> Reply {
    Reply::Bytes(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhalf".to_vec())
}

#[tokio::test]
async fn a_part_is_fetched_whole_and_signed() {
    let (body, asked, retries) = fetched(|asked, _| {
        assert!(asked.authorization().starts_with("OAuth oauth_consumer_key=\"consumer-key\""));
        assert_eq!(asked.method, "GET");
        assert_eq!(asked.headers.get("accept").map(String::as_str), Some("*/*"));
        assert!(!asked.headers.contains_key("accept-encoding"));
        assert!(asked.headers["user-agent"].starts_with("lp-archive/"));
        reply(200, &[("Content-Encoding", "gzip")], b"\x1f\x8bnot unpacked")
    })
    .await;
    assert_eq!(body.unwrap(), b"\x1f\x8bnot unpacked");
    assert_eq!((asked, retries), (1, 0));
}

#[tokio::test]
async fn large_parts_go_to_an_unlinked_file() {
    let spool = tempfile::tempdir().unwrap();
    let stand_in = serve(|_, _| reply(200, &[], vec![7; 100_000])).await;
    let mut options = options(&stand_in.base, oauth1());
    options.spool = Some(spool.path().to_owned());
    let source = DataAccess::new(options.clone(), Arc::new(Recorder::default())).unwrap();
    let payload = source.fetch(&part(&stand_in.base, "/file")).await.unwrap();
    assert!(matches!(payload, Payload::File(_, 100_000)));
    assert_eq!(bytes_of(&payload), vec![7; 100_000]);
    assert_eq!(std::fs::read_dir(spool.path()).unwrap().count(), 0);

    options.spool = Some(spool.path().join("none"));
    let source = DataAccess::new(options, Arc::new(Recorder::default())).unwrap();
    assert_eq!(
        source.fetch(&part(&stand_in.base, "/file")).await.err().unwrap().kind,
        FaultKind::Destination
    );
}

#[tokio::test]
async fn what_may_pass_is_tried_again() {
    for (name, first) in [
        ("503", (|| reply(503, &[], "")) as fn() -> Reply),
        ("429", || reply(429, &[("Retry-After", "0")], "slow down")),
        ("short", short_body),
        ("stalled", || Reply::Stall(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhalf".to_vec())),
        ("silent", || Reply::Stall(Vec::new())),
        ("reset", || Reply::Bytes(Vec::new())),
        ("garbage", || Reply::Bytes(b"garbage\r\n\r\n".to_vec())),
        ("cut chunk", || {
            Reply::Bytes(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n9\r\nhalf".to_vec())
        }),
    ] {
        let (body, asked, retries) =
            fetched(move |_, nth| if nth == 0 { first() } else { reply(200, &[], "body") }).await;
        assert_eq!(body.unwrap(), b"body", "{name}");
        assert_eq!((asked, retries), (2, 1), "{name}");
    }
}

#[tokio::test]
async fn what_does_not_pass_is_told() {
    for (status, kind, tries) in [
        (500, FaultKind::Unavailable, 3),
        (429, FaultKind::Unavailable, 3),
        (404, FaultKind::Gone, 1),
        (410, FaultKind::Gone, 1),
        (403, FaultKind::Forbidden, 1),
        (400, FaultKind::Forbidden, 1),
        (418, FaultKind::Forbidden, 1),
    ] {
        let (body, asked, _) =
            fetched(move |_, _| reply(status, &[], "<e><message>Told why</message></e>")).await;
        let fault = body.unwrap_err();
        assert_eq!((fault.kind, asked), (kind, tries), "{status}");
        assert!(fault.message.contains("Told why") && fault.message.contains(&status.to_string()), "{fault}");
        assert_eq!(fault.unit.as_deref(), Some("1/survey/Survey.10.20.part-00000-0"));
    }
    let (body, asked, _) = fetched(|_, _| short_body()).await;
    assert_eq!((body.unwrap_err().kind, asked), (FaultKind::Unavailable, 3));
    // A wait beyond the total timeout is not begun.
    let (body, asked, _) = fetched(|_, _| reply(503, &[("Retry-After", "3600")], "")).await;
    let fault = body.unwrap_err();
    assert_eq!(asked, 1);
    assert!(fault.message.contains("3600 s"), "{fault}");
}

#[tokio::test]
async fn refused_sign_ins_say_all_and_hide_secrets() {
    for status in [401, 200] {
        let (body, asked, _) = fetched(move |asked, _| {
            let text = format!(
                "<error><message>Unauthorized request: {} consumer-secret&amp;token-secret</message></error>",
                asked.authorization()
            );
            reply(status, &[("Date", "Thu, 01 Jan 2026 00:00:00 GMT")], text)
        })
        .await;
        let fault = body.unwrap_err();
        assert_eq!((fault.kind, asked), (FaultKind::SignIn, 1), "{fault}");
        let text = fault.to_string();
        for wanted in ["oauth1", "127.0.0.1", "Unauthorized request", "clock is", "ahead", "oauth2", "bearer"]
        {
            assert!(text.contains(wanted), "{wanted}: {text}");
        }
        for secret in ["consumer-key", "consumer-secret", "token-value", "token-secret"] {
            assert!(!text.contains(secret), "{secret}: {text}");
        }
    }
}

#[tokio::test]
async fn redirects_are_signed_anew_and_stay_at_home() {
    let (body, asked, _) = fetched(|asked, _| match asked.path.as_str() {
        "/file" => reply(302, &[("Location", "/two?x=1")], ""),
        "/two" => reply(307, &[("Location", "three")], ""),
        _ => reply(200, &[], asked.authorization()),
    })
    .await;
    assert!(body.unwrap().starts_with(b"OAuth"));
    assert_eq!(asked, 3);

    let stranger = serve(|_, _| reply(200, &[], "stranger")).await;
    let target = format!("{}/file?secret", stranger.base);
    let (body, asked, _) = fetched(move |_, _| reply(301, &[("Location", &target)], "")).await;
    let fault = body.unwrap_err();
    assert_eq!((fault.kind, asked), (FaultKind::Untrusted, 1));
    assert!(!fault.to_string().contains("secret"), "{fault}");
    assert!(stranger.asked().is_empty());

    let (body, asked, _) = fetched(|_, _| reply(302, &[("Location", "/file")], "")).await;
    assert_eq!((body.unwrap_err().kind, asked), (FaultKind::Untrusted, 6));
}

/// Gives token-1, token-2, …; accepts those from `first_good` on.
fn sentinel(
    base: &Arc<Mutex<String>>,
    first_good: usize,
) -> impl Fn(&Asked, usize) -> Reply + Send + Sync + 'static {
    let base = base.clone();
    move |asked, nth| match asked.path.as_str() {
        "/api/account/1/service/sentinel/baseURI.json" => {
            let host = base.lock().unwrap().trim_start_matches("http://").to_owned();
            reply(200, &[], format!(r#"{{"baseURI":"{host}"}}"#))
        }
        "/sentinel/api/v2/account/1/app/token" => {
            assert_eq!(
                asked.body,
                "client_id=client-id&client_secret=client-secret&grant_type=client_credentials"
            );
            reply(200, &[], format!(r#"{{"access_token":"token-{}","expires_in":3600}}"#, nth + 1))
        }
        _ => match asked.authorization().strip_prefix("Bearer token-") {
            Some(n) if n.parse::<usize>().unwrap() >= first_good => reply(200, &[], "body"),
            _ => reply(401, &[], format!("bad {}", asked.authorization())),
        },
    }
}

#[tokio::test]
async fn a_token_is_renewed_once_after_a_401() {
    for (first_good, good, tokens) in [(1, true, 1), (2, true, 2), (9, false, 2)] {
        let base = Arc::new(Mutex::new(String::new()));
        let stand_in = serve(sentinel(&base, first_good)).await;
        stand_in.base.clone_into(&mut base.lock().unwrap());
        let source =
            DataAccess::new(options(&stand_in.base, oauth2(&stand_in.base)), Arc::new(Recorder::default()))
                .unwrap();
        let result = source.fetch(&part(&stand_in.base, "/file")).await;
        assert_eq!(result.is_ok(), good, "{first_good}");
        if let Err(fault) = result {
            assert_eq!(fault.kind, FaultKind::SignIn);
            assert!(!fault.to_string().contains("token-2"), "{fault}");
        }
        let asked = stand_in.asked().iter().filter(|asked| asked.path.ends_with("/token")).count();
        assert_eq!(asked, tokens, "{first_good}");
    }
}

#[tokio::test]
async fn one_token_serves_requests_at_once() {
    let base = Arc::new(Mutex::new(String::new()));
    let stand_in = serve(sentinel(&base, 2)).await;
    stand_in.base.clone_into(&mut base.lock().unwrap());
    let source =
        DataAccess::new(options(&stand_in.base, oauth2(&stand_in.base)), Arc::new(Recorder::default()))
            .unwrap();
    let parts: Vec<Part> = (0..12).map(|n| part(&stand_in.base, &format!("/file{n}"))).collect();
    let fetches = parts.iter().map(|part| source.fetch(part));
    assert!(futures::future::join_all(fetches).await.iter().all(Result::is_ok));
    let tokens = stand_in.asked().iter().filter(|asked| asked.path.ends_with("/token")).count();
    assert_eq!(tokens, 2);
    assert!((2..=3).contains(&stand_in.busiest()), "{}", stand_in.busiest());
}

#[tokio::test]
async fn a_refused_client_is_a_refused_sign_in() {
    for (status, kind, tries) in
        [(400, FaultKind::SignIn, 1), (401, FaultKind::SignIn, 1), (503, FaultKind::Unavailable, 3)]
    {
        let stand_in = serve(move |asked, _| reply(status, &[], format!("refused: {}", asked.body))).await;
        let mut options = options(&stand_in.base, oauth2(&stand_in.base));
        if let AuthOptions::Oauth2 { token_url, .. } = &mut options.auth {
            *token_url = Some(format!("{}/token", stand_in.base));
        }
        let source = DataAccess::new(options, Arc::new(Recorder::default())).unwrap();
        let fault = source.fetch(&part(&stand_in.base, "/file")).await.err().unwrap();
        assert_eq!(
            (fault.kind, fault.stage, stand_in.asked().len()),
            (kind, Stage::SignIn, tries),
            "{fault}"
        );
        assert!(!fault.to_string().contains("client-secret"), "{fault}");
    }
}

#[tokio::test]
async fn a_token_file_is_read_again() {
    let folder = tempfile::tempdir().unwrap();
    let token_file = folder.path().join("token");
    std::fs::write(&token_file, "old").unwrap();
    let renewed = token_file.clone();
    let stand_in = serve(move |asked, _| {
        if asked.authorization() == "Bearer new" {
            return reply(200, &[], "body");
        }
        std::fs::write(&renewed, "new\n").unwrap();
        reply(401, &[], "")
    })
    .await;
    let options = options(&stand_in.base, AuthOptions::Bearer { token_file });
    let source = DataAccess::new(options, Arc::new(Recorder::default())).unwrap();
    assert!(source.fetch(&part(&stand_in.base, "/file")).await.is_ok());
    assert_eq!(stand_in.asked().len(), 2);
}

fn now_ms() -> i64 {
    Utc::now().timestamp_millis()
}

/// A window that begins `hours` ago and has no end.
fn since(hours: i64) -> Window {
    Window { from_ms: now_ms() - hours * HOUR, to_ms: i64::MAX }
}

/// Lists a file per hour of generation within the bounds asked for, a single object for one.
fn hourly(asked: &Asked) -> Reply {
    let bound = |name: &str| asked.query[name].parse::<i64>().unwrap();
    let (start, end) = (bound("startTime"), bound("endTime"));
    let hours: Vec<i64> =
        (start / HOUR..=end / HOUR).filter(|h| (start..=end).contains(&(h * HOUR))).collect();
    let entry = |hour: &i64| {
        let name = format!("WebSession.{}.{}.part-00000-0", (hour - 1) * HOUR, hour * HOUR);
        format!(r#"{{"@name":"{name}.gz","@href":"{}/{name}"}}"#, asked.path)
    };
    let entries: Vec<String> = hours.iter().rev().map(entry).collect();
    match entries.as_slice() {
        [] => reply(404, &[], "No Available Files"),
        [one] => reply(200, &[], format!(r#"{{"dataAccessFiles":{{"@id":"1","file":{one}}}}}"#)),
        all => reply(200, &[], format!(r#"{{"dataAccessFiles":{{"@id":"1","file":[{}]}}}}"#, all.join(","))),
    }
}

fn width(asked: &Asked) -> i64 {
    asked.query["endTime"].parse::<i64>().unwrap() - asked.query["startTime"].parse::<i64>().unwrap()
}

async fn listed(
    answer: impl Fn(&Asked, usize) -> Reply + Send + Sync + 'static,
    scopes: Window,
) -> (Result<Listing, Fault>, StandIn) {
    let stand_in = serve(answer).await;
    let listing = source(&stand_in)
        .0
        .list(Stream::WebSession, Wanted { generated_from_ms: scopes.from_ms, scopes })
        .await;
    (listing, stand_in)
}

#[tokio::test]
async fn slices_are_joined() {
    let scopes = since(100);
    let (listing, stand_in) = listed(|asked, _| hourly(asked), scopes).await;
    let listing = listing.unwrap();
    let starts: BTreeSet<i64> = listing.parts.iter().map(|part| part.scope.start_ms).collect();
    let expected: BTreeSet<i64> = (0..)
        .map(|n| (scopes.from_ms / HOUR + 1 + n) * HOUR)
        .take_while(|ms| ms + HOUR <= now_ms())
        .collect();
    assert_eq!(starts, expected);
    assert_eq!(listing.parts.len(), starts.len());
    assert!(listing.parts.is_sorted_by_key(|part| part.scope.start_ms));
    let asked = stand_in.asked();
    assert_eq!(asked.len(), 5);
    assert!(asked.iter().all(|asked| asked.path == "/data_access_le/account/1/le/webSession" && width(asked) <= 24 * HOUR));
}

#[tokio::test]
async fn slices_are_halved_when_refused_stalled_or_too_large() {
    let whole = listed(|asked, _| hourly(asked), since(30)).await.0.unwrap();
    for (name, refuse) in [
        ("400", (|| reply(400, &[], "window too large")) as fn() -> Reply),
        ("413", || reply(413, &[], "")),
        ("500", || reply(500, &[], "")),
        ("504", || reply(504, &[], "")),
        ("silent", || Reply::Stall(Vec::new())),
        ("large", || reply(200, &[], vec![b' '; 2 << 20])),
    ] {
        let answer = move |asked: &Asked, _| if width(asked) > 7 * HOUR { refuse() } else { hourly(asked) };
        let (listing, _) = listed(answer, since(30)).await;
        assert_eq!(listing.unwrap().parts.len(), whole.parts.len(), "{name}");
    }
}

#[tokio::test]
async fn a_partial_listing_is_an_error() {
    for (name, status, kind) in [
        ("refused", 400, FaultKind::BadListing),
        ("down", 503, FaultKind::Unavailable),
        ("forbidden", 403, FaultKind::Forbidden),
        ("sign-in", 401, FaultKind::SignIn),
    ] {
        let bad = now_ms() - 40 * HOUR;
        let answer = move |asked: &Asked, _| {
            let start: i64 = asked.query["startTime"].parse().unwrap();
            let end: i64 = asked.query["endTime"].parse().unwrap();
            if (start..=end).contains(&bad) { reply(status, &[], "No") } else { hourly(asked) }
        };
        let (listing, _) = listed(answer, since(72)).await;
        let fault = listing.unwrap_err();
        assert_eq!(fault.kind, kind, "{name}: {fault}");
        assert_eq!(fault.unit.as_deref(), Some("1/webSession"));
    }
}

#[tokio::test]
async fn a_service_that_asks_to_wait_is_left_alone() {
    let (listing, stand_in) = listed(|_, _| reply(503, &[("Retry-After", "3600")], ""), since(20)).await;
    assert_eq!(listing.unwrap_err().kind, FaultKind::Unavailable);
    assert_eq!(stand_in.asked().len(), 1);
}

#[tokio::test]
async fn no_available_files_with_any_status_but_two() {
    for status in [200, 400, 404, 500, 503] {
        let (listing, stand_in) =
            listed(move |_, _| reply(status, &[], "No Available Files"), since(1)).await;
        assert_eq!(listing.unwrap(), Listing::default(), "{status}");
        assert_eq!(stand_in.asked().len(), 1, "{status}");
    }
    for (status, kind) in [(401, FaultKind::SignIn), (403, FaultKind::Forbidden)] {
        let (listing, _) = listed(move |_, _| reply(status, &[], "No Available Files"), since(1)).await;
        assert_eq!(listing.unwrap_err().kind, kind);
    }
}

#[tokio::test]
async fn a_page_that_cannot_be_read_is_asked_for_once_more() {
    let (listing, _) =
        listed(|asked, nth| if nth == 0 { reply(200, &[], "<html>") } else { hourly(asked) }, since(3)).await;
    assert_eq!(listing.unwrap().parts.len(), 2);
    let (listing, stand_in) = listed(|_, _| reply(200, &[], "<html><title>Sorry</title>"), since(3)).await;
    let fault = listing.unwrap_err();
    assert_eq!((fault.kind, stand_in.asked().len()), (FaultKind::BadListing, 2));
    assert!(fault.message.contains("Sorry"), "{fault}");
}

#[tokio::test]
async fn empty_windows_ask_nothing() {
    let now = now_ms();
    for scopes in [Window { from_ms: now, to_ms: now }, Window { from_ms: now + HOUR, to_ms: i64::MAX }] {
        let (listing, stand_in) = listed(|_, _| reply(500, &[], ""), scopes).await;
        assert_eq!(listing.unwrap(), Listing::default());
        assert!(stand_in.asked().is_empty());
    }
}

#[tokio::test]
async fn streams_are_configured_or_linked() {
    let body =
        r#"{"le":{"@accountId":"1","link":[{"@rel":"self"},{"@rel":"survey"},{"@rel":"webSession"}]}}"#;
    let stand_in = serve(move |asked, _| match asked.path.as_str() {
        "/data_access_le/account/1/le" => reply(200, &[], body),
        _ => reply(404, &[], ""),
    })
    .await;
    assert_eq!(source(&stand_in).0.streams().await.unwrap(), [Stream::WebSession, Stream::Survey]);
    let mut configured = options("https://va.da.liveperson.net", oauth1());
    configured.streams = Some(vec![Stream::Engagement]);
    let source = DataAccess::new(configured, Arc::new(Recorder::default())).unwrap();
    assert_eq!(source.streams().await.unwrap(), [Stream::Engagement]);
}

#[tokio::test]
async fn no_connection_is_told_in_one_line() {
    let closed = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let base = format!("http://{}", closed.local_addr().unwrap());
    drop(closed);
    let source = DataAccess::new(options(&base, oauth1()), Arc::new(Recorder::default())).unwrap();
    let fault = source.fetch(&part(&base, "/file?query-secret")).await.err().unwrap();
    assert_eq!(fault.kind, FaultKind::Unavailable);
    let text = fault.to_string();
    assert!(text.contains("127.0.0.1") && text.contains("3 tries"), "{text}");
    assert!(!text.contains("query-secret") && !text.contains('\n'), "{text}");
}

#[test]
fn plain_http_is_for_loopback() {
    let refused = DataAccess::new(options("http://da.example", oauth1()), Arc::new(Recorder::default()));
    assert_eq!(refused.err().unwrap().kind, FaultKind::Config);
}
