//! Answers that are not what was asked for: the service's own words, and the fault they make.
//!
//! ```text
//! 403 <error><message>Unauthorized request</message><internalCode>10</internalCode></error>
//!   -> Refusal { status: 403, text: "Unauthorized request" }
//!   -> Fault Forbidden: HTTP 403 from va.da.liveperson.net: "Unauthorized request"; ask …
//! ```
//!
//! Error bodies come as XML, JSON or plain text, whatever was asked for (source: public issues of
//! the service's clients), so that each form is read.

use std::time::Duration;

use chrono::{DateTime, Utc};
use reqwest::Response;
use reqwest::header::{DATE, HeaderMap, HeaderName, RETRY_AFTER};
use serde_json::Value;

use super::receive;
use super::retry::{Cause, Failure, parse_retry_after};
use crate::model::{Fault, FaultKind, Stage};

/// Bytes of an error body that are looked at.
pub(super) const MAX_ERROR_BYTES: usize = 64 << 10;
/// Characters of the service's text in a message.
const MAX_TEXT: usize = 300;
/// Differences of the clocks that no answer needs to mention, in seconds.
const SAME_CLOCK_S: i64 = 5;
/// Differences that may be why a sign-in is refused, in seconds.
const USUAL_CLOCK_S: i64 = 60;

/// An answer that refuses, in the parts that a fault tells.
pub(super) struct Refusal {
    pub(super) status: u16,
    host: String,
    /// The service's own words, clean and short.
    text: Option<String>,
    /// Seconds by which the service's clock is ahead of this machine's.
    clock_ahead_s: Option<i64>,
    wait: Option<Duration>,
    no_files: bool,
}

impl Refusal {
    /// Reads what the answer says. A body that breaks off says what it said until then.
    pub(super) async fn read(response: Response) -> Refusal {
        let head = Refusal::head(response.status().as_u16(), &response);
        let body = receive::at_most(response, MAX_ERROR_BYTES).await;
        head.saying(&body)
    }

    /// An answer with status 200 whose body is the XML of a 401.
    pub(super) fn disguised(host: &str, clock_ahead_s: Option<i64>, body: &[u8]) -> Refusal {
        let text = None;
        let refusal =
            Refusal { status: 401, host: host.to_owned(), text, clock_ahead_s, wait: None, no_files: false };
        refusal.saying(body)
    }

    /// `No Available Files`: the service's way to say that a window is empty.
    pub(super) fn says_no_files(&self) -> bool {
        self.no_files && !matches!(self.status, 401 | 403)
    }

    /// Takes secrets out of the service's text, which may echo what it was sent.
    pub(super) fn redacted(mut self, redact: impl Fn(String) -> String) -> Refusal {
        self.text = self.text.map(redact);
        self
    }

    /// The refusal of a sign-in with `method`.
    pub(super) fn sign_in(&self, method: &str, advice: String) -> Failure {
        let message = format!("{method} was refused: {}; {}", self.words(), self.clock());
        let advice = match self.clock_ahead_s {
            Some(s) if s.abs() > USUAL_CLOCK_S => {
                format!("set this machine's clock (turn on NTP); if that does not help, {advice}")
            }
            _ => advice,
        };
        let fault = Fault::new(FaultKind::SignIn, Stage::SignIn, message).advise(advice);
        Failure::new(Cause::Status(self.status), fault)
    }

    /// The refusal of data that `stage` asked for.
    pub(super) fn of_data(&self, stage: Stage) -> Failure {
        let part = stage == Stage::Fetch;
        let (kind, advice) = match self.status {
            403 => (
                FaultKind::Forbidden,
                "it is not enabled for this account or the key lacks the permission: ask LivePerson to enable it, \
                 or give the key the Data Access permission",
            ),
            404 | 410 if part => {
                (FaultKind::Gone, "nothing to do: it is asked for again while the service lists it")
            }
            404 | 410 => (FaultKind::Forbidden, "check account id and region"),
            408 | 429 | 500..=599 => (FaultKind::Unavailable, "run again later"),
            400 | 413 | 414 if !part => (FaultKind::BadListing, "check account id, --from and base_url"),
            451 => (FaultKind::Forbidden, "LivePerson support has blocked the account or user: open a case"),
            _ => (FaultKind::Forbidden, "tell LivePerson the status and text"),
        };
        let fault = Fault::new(kind, stage, self.words()).advise(advice);
        Failure::new(Cause::Status(self.status), fault).after(self.wait)
    }

    /// `HTTP 403 from host: "text"`.
    pub(super) fn words(&self) -> String {
        match &self.text {
            Some(text) => format!("HTTP {} from {}: \"{}\"", self.status, self.host, oauth_words(text)),
            None => format!("HTTP {} from {} without a reason", self.status, self.host),
        }
    }

    fn clock(&self) -> String {
        match self.clock_ahead_s {
            None => "the service did not tell its time".to_owned(),
            Some(s) if s.abs() <= SAME_CLOCK_S => "the clocks agree".to_owned(),
            Some(s) if s > 0 => format!("this machine's clock is {s} s behind the service's"),
            Some(s) => format!("this machine's clock is {} s ahead of the service's", s.unsigned_abs()),
        }
    }

    fn head(status: u16, response: &Response) -> Refusal {
        let now_ms = Utc::now().timestamp_millis();
        let wait = header(response.headers(), RETRY_AFTER).and_then(|v| parse_retry_after(v, now_ms));
        Refusal {
            status,
            host: response.url().host_str().unwrap_or_default().to_owned(),
            text: None,
            clock_ahead_s: clock_ahead_s(response.headers(), now_ms),
            wait,
            no_files: false,
        }
    }

    fn saying(mut self, body: &[u8]) -> Refusal {
        self.no_files = says_no_files(body);
        self.text = service_text(body);
        self
    }
}

/// Seconds by which the `Date` of an answer is ahead of `now_ms`.
pub(super) fn clock_ahead_s(headers: &HeaderMap, now_ms: i64) -> Option<i64> {
    let date = DateTime::parse_from_rfc2822(header(headers, DATE)?).ok()?;
    Some((date.timestamp_millis() - now_ms).div_euclid(1000))
}

/// True when a body holds the service's words for an empty window.
pub(super) fn says_no_files(body: &[u8]) -> bool {
    contains(body, b"No Available Files")
}

/// True for a markup body that says that the request was not authorized.
pub(super) fn is_disguised_401(body: &[u8]) -> bool {
    is_markup(body) && contains(body, b"Unauthorized request")
}

/// True when a body begins like XML or HTML, after blanks and a byte order mark.
pub(super) fn is_markup(body: &[u8]) -> bool {
    body.strip_prefix(b"\xef\xbb\xbf").unwrap_or(body).trim_ascii_start().first() == Some(&b'<')
}

/// What an error body says: `<message>` or `<title>` of markup, the message fields of JSON, else the
/// text itself. One line without control characters, at most 300 characters.
pub(super) fn service_text(body: &[u8]) -> Option<String> {
    let head = body.get(..MAX_ERROR_BYTES).unwrap_or(body);
    let text = String::from_utf8_lossy(head);
    let said = if is_markup(head) {
        ["message", "title"]
            .iter()
            .find_map(|tag| element(&text, tag))
            .unwrap_or("a page of markup")
            .to_owned()
    } else {
        serde_json::from_str(&text).ok().as_ref().and_then(json_message).unwrap_or_else(|| text.into_owned())
    };
    let clean = clean(&said);
    (!clean.is_empty()).then_some(clean)
}

/// One line of at most 300 characters, without control characters.
fn clean(text: &str) -> String {
    let plain: String = text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
    let line = plain.split_whitespace().collect::<Vec<_>>().join(" ");
    match line.char_indices().nth(MAX_TEXT) {
        Some((end, _)) => format!("{}…", line.get(..end).unwrap_or_default()),
        None => line,
    }
}

/// OAuth 1.0's `oauth_problem=…&oauth_problem_advice=…` as words. For texts without secrets only: what this
/// decodes would not be found any more.
fn oauth_words(text: &str) -> String {
    match text.strip_prefix("oauth_problem=") {
        Some(problem) => problem.replacen("&oauth_problem_advice=", ": ", 1).replace("%20", " "),
        None => text.to_owned(),
    }
}

fn element<'a>(text: &'a str, tag: &str) -> Option<&'a str> {
    let (_, rest) = text.split_once(&format!("<{tag}>"))?;
    rest.split_once("</").map(|(inside, _)| inside)
}

fn json_message(value: &Value) -> Option<String> {
    let field = |name: &str| value.get(name);
    if let Some(nested) = field("error").filter(|error| error.is_object()) {
        return json_message(nested);
    }
    let words: Vec<&str> =
        ["message", "error", "error_description"].iter().filter_map(|name| field(name)?.as_str()).collect();
    (!words.is_empty()).then(|| words.join(": "))
}

fn contains(body: &[u8], needle: &[u8]) -> bool {
    let head = body.get(..MAX_ERROR_BYTES).unwrap_or(body);
    memchr::memmem::find(head, needle).is_some()
}

fn header(headers: &HeaderMap, name: HeaderName) -> Option<&str> {
    headers.get(name)?.to_str().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_text_of_every_form_of_error() {
        for (body, expected) in [
            (
                "<error><time>1</time><message>Unauthorized request</message><internalCode>10</internalCode></error>",
                Some("Unauthorized request"),
            ),
            ("\u{feff}\n<html><head><title>502 Bad\nGateway</title></head>", Some("502 Bad Gateway")),
            ("<html>", Some("a page of markup")),
            (r#"{"time":1,"message":"invalid account id","internalCode":6}"#, Some("invalid account id")),
            (r#"{"error":{"message":"bad csrf"}}"#, Some("bad csrf")),
            (
                r#"{"error":"invalid_client","error_description":"no such client"}"#,
                Some("invalid_client: no such client"),
            ),
            (
                "oauth_problem=signature_invalid&oauth_problem_advice=x",
                Some("oauth_problem=signature_invalid&oauth_problem_advice=x"),
            ),
            ("No\u{1b}[31m Available\r\nFiles\0", Some("No [31m Available Files")),
            (r#"{"x":1}"#, Some(r#"{"x":1}"#)),
            ("  \n", None),
            ("", None),
        ] {
            assert_eq!(service_text(body.as_bytes()).as_deref(), expected, "{body:?}");
        }
        let long = service_text("é".repeat(1000).as_bytes()).unwrap();
        assert_eq!(long.chars().count(), MAX_TEXT + 1);
        assert!(service_text(&[0xff; 100]).is_some());
    }

    #[test]
    fn oauth_problems_are_words() {
        for (text, expected) in [
            (
                "oauth_problem=timestamp_refused&oauth_problem_advice=Check%20the%20clock",
                "timestamp_refused: Check the clock",
            ),
            ("oauth_problem=nonce_used", "nonce_used"),
            ("bad%20oauth_problem=x", "bad%20oauth_problem=x"),
        ] {
            assert_eq!(oauth_words(text), expected);
        }
    }

    #[test]
    fn statuses_make_kinds() {
        let refusal = |status| Refusal {
            status,
            host: "h".to_owned(),
            text: None,
            clock_ahead_s: None,
            wait: None,
            no_files: true,
        };
        for (status, stage, kind) in [
            (403, Stage::List, FaultKind::Forbidden),
            (404, Stage::Fetch, FaultKind::Gone),
            (410, Stage::Fetch, FaultKind::Gone),
            (404, Stage::List, FaultKind::Forbidden),
            (400, Stage::List, FaultKind::BadListing),
            (400, Stage::Fetch, FaultKind::Forbidden),
            (429, Stage::Fetch, FaultKind::Unavailable),
            (503, Stage::List, FaultKind::Unavailable),
        ] {
            assert_eq!(refusal(status).of_data(stage).fault.kind, kind, "{status} {stage}");
        }
        assert!(refusal(404).says_no_files() && refusal(500).says_no_files());
        assert!(!refusal(401).says_no_files() && !refusal(403).says_no_files());
    }

    #[test]
    fn the_clocks_are_compared() {
        let mut headers = HeaderMap::new();
        assert_eq!(clock_ahead_s(&headers, 0), None);
        headers.insert(DATE, "Thu, 01 Jan 1970 00:10:00 GMT".parse().unwrap());
        assert_eq!(clock_ahead_s(&headers, 0), Some(600));
        assert_eq!(clock_ahead_s(&headers, 700_000), Some(-100));
    }
}
