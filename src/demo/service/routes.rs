//! From request to answer.

use std::io;
use std::sync::atomic::Ordering;
use std::time::{SystemTime, UNIX_EPOCH};

use chrono::DateTime;
use http_body_util::{BodyExt, Limited};
use hyper::Request;
use hyper::body::Incoming;
use hyper::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE, DATE, HOST, HeaderMap, HeaderValue};
use serde_json::json;

use crate::model::Stream;

use super::answers::{
    Answer, answer as plain, file_answer, json as json_answer, json_error, spoil, xml_error,
};
use super::listing;
use super::oauth1::{Signed, decode};
use super::{RequestKind, SeenRequest, Shared, lock};

/// Largest form body of a token request.
const MAX_FORM_BYTES: usize = 64 << 10;

/// What a path asks for. Borrowed from the path.
#[derive(Debug, PartialEq)]
enum Route<'p> {
    Base { account: &'p str },
    Listing { account: &'p str, stream: Stream },
    Schema { account: &'p str },
    File { account: &'p str, stream: Stream, name: &'p str },
    Domain { account: &'p str, service: &'p str },
    Token { account: &'p str },
    Nothing,
}

impl Route<'_> {
    fn of(path: &str) -> Route<'_> {
        let segments: Vec<&str> = path.trim_start_matches('/').split('/').collect();
        match *segments.as_slice() {
            ["data_access_le", "account", account, "le"] => Route::Base { account },
            ["data_access_le", "account", account, "le", "schema"] => Route::Schema { account },
            ["data_access_le", "account", account, "le", stream] => match Stream::from_resource(stream) {
                Some(stream) => Route::Listing { account, stream },
                None => Route::Nothing,
            },
            ["data_access_le", "account", account, "le", stream, name] => {
                match Stream::from_resource(stream) {
                    Some(stream) => Route::File { account, stream, name },
                    None => Route::Nothing,
                }
            }
            ["api", "account", account, "service", service, "baseURI.json"] => {
                Route::Domain { account, service }
            }
            ["sentinel", "api", "v2", "account", account, "app", "token"] => Route::Token { account },
            _ => Route::Nothing,
        }
    }

    fn kind(&self) -> RequestKind {
        match self {
            Route::Base { .. } => RequestKind::Base,
            Route::Listing { .. } => RequestKind::Listing,
            Route::Schema { .. } => RequestKind::Schema,
            Route::File { .. } => RequestKind::File,
            Route::Domain { .. } => RequestKind::Domain,
            Route::Token { .. } => RequestKind::Token,
            Route::Nothing => RequestKind::Other,
        }
    }
}

/// Answers a request, or cuts the connection with an error when a fault wants that.
pub(super) async fn answer(shared: &Shared, request: Request<Incoming>) -> io::Result<Answer> {
    let (head, body) = request.into_parts();
    let path = head.uri.path().to_owned();
    let path_and_query = head.uri.path_and_query().map(ToString::to_string).unwrap_or_default();
    let route = Route::of(&path);
    let kind = route.kind();
    let seen = |status| {
        lock(&shared.seen).push(SeenRequest {
            kind,
            method: head.method.to_string(),
            path_and_query: path_and_query.clone(),
            authorization: text(&head.headers, AUTHORIZATION).map(str::to_owned),
            status,
        });
    };
    let _in_flight = InFlight::enter(shared);
    let fault = lock(&shared.faults).catch(kind, &path_and_query);
    let now_ms = now_ms(shared);
    let form = match route {
        Route::Token { .. } => Limited::new(body, MAX_FORM_BYTES).collect().await.map(|b| b.to_bytes()).ok(),
        _ => None,
    };
    let query = head.uri.query().unwrap_or_default();
    let asked = Asked { shared, method: head.method.as_str(), path: &path, query, headers: &head.headers };
    let sound = asked.sound(route, form.as_deref().unwrap_or_default(), now_ms).await;
    let silent = matches!(
        fault,
        Some(super::FaultAct::Stall { after_bytes: None } | super::FaultAct::Reset { after_bytes: None })
    );
    if silent {
        seen(0);
    }
    let answered = match fault {
        Some(act) => spoil(act, sound).await,
        None => Some(sound),
    };
    let Some(mut answer) = answered else {
        return Err(io::Error::from(io::ErrorKind::ConnectionReset));
    };
    seen(answer.status().as_u16());
    let date = DateTime::from_timestamp_millis(now_ms).unwrap_or_default();
    if let Ok(date) = HeaderValue::from_str(&date.format("%a, %d %b %Y %H:%M:%S GMT").to_string()) {
        answer.headers_mut().insert(DATE, date);
    }
    Ok(answer)
}

/// Counts the requests that are being answered at once (until the body begins).
struct InFlight<'s>(&'s Shared);

impl InFlight<'_> {
    fn enter(shared: &Shared) -> InFlight<'_> {
        let now = shared.in_flight.fetch_add(1, Ordering::Relaxed) + 1;
        shared.most_in_flight.fetch_max(now, Ordering::Relaxed);
        InFlight(shared)
    }
}

impl Drop for InFlight<'_> {
    fn drop(&mut self) {
        self.0.in_flight.fetch_sub(1, Ordering::Relaxed);
    }
}

fn now_ms(shared: &Shared) -> i64 {
    let real = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |d| d.as_millis() as i64);
    real + shared.options.clock_ahead_seconds * 1000
}

fn text(headers: &HeaderMap, name: hyper::header::HeaderName) -> Option<&str> {
    headers.get(name).and_then(|value| value.to_str().ok())
}

struct Asked<'r> {
    shared: &'r Shared,
    method: &'r str,
    path: &'r str,
    query: &'r str,
    headers: &'r HeaderMap,
}

impl Asked<'_> {
    async fn sound(&self, route: Route<'_>, form: &[u8], now_ms: i64) -> Answer {
        let options = &self.shared.options;
        let token = matches!(route, Route::Token { .. });
        if (self.method == "POST") != token || !(token || self.method == "GET") {
            return json_error(405, now_ms, "This request is not supported, verify request method", 5);
        }
        let (Route::Base { account }
        | Route::Listing { account, .. }
        | Route::Schema { account }
        | Route::File { account, .. }
        | Route::Domain { account, .. }
        | Route::Token { account }) = route
        else {
            return json_error(404, now_ms, "not found", 12);
        };
        if !options.accounts.iter().any(|known| known == account) {
            return json_error(400, now_ms, "invalid account id", 6);
        }
        match route {
            Route::Domain { service, .. } => return self.domain(account, service, now_ms),
            Route::Token { .. } => {
                let form_type = text(self.headers, CONTENT_TYPE).unwrap_or_default();
                if !form_type.starts_with("application/x-www-form-urlencoded") {
                    return json_answer(400, &json!({"error": "invalid_request"}));
                }
                return lock(&self.shared.sign_in).token(options, account, form, now_ms);
            }
            _ => {}
        }
        if let Route::File { .. } = route
            && let Some(refusal) = self.unwelcome_accept(now_ms)
        {
            return refusal;
        }
        if let Some(refusal) = self.refusal(account, now_ms) {
            return refusal;
        }
        let stream = match route {
            Route::Base { .. } => return json_answer(200, &self.base(account)),
            Route::Listing { stream, .. } | Route::File { stream, .. } => stream,
            _ => return self.schema(now_ms),
        };
        if options.forbidden.contains(&stream) {
            return json_error(403, now_ms, "data type is not enabled for this account", 10);
        }
        match route {
            Route::File { name, .. } => self.file(account, stream, name, now_ms).await,
            _ => self.listing(account, stream, now_ms),
        }
    }

    /// What a download with these `Accept` values got, according to a public issue.
    fn unwelcome_accept(&self, now_ms: i64) -> Option<Answer> {
        match text(self.headers, ACCEPT)? {
            "application/octet-stream" => Some(xml_error(401, now_ms, "Unauthorized request", 10)),
            "application/gzip" => {
                let message = "This request is not supported, verify request headers and method";
                Some(xml_error(400, now_ms, message, 5))
            }
            _ => None,
        }
    }

    /// The answer to a request without a valid sign-in.
    fn refusal(&self, account: &str, now_ms: i64) -> Option<Answer> {
        let origin = self.origin();
        let signed = text(self.headers, AUTHORIZATION).map(|authorization| Signed {
            method: self.method,
            origin: &origin,
            path: self.path,
            query: self.query,
            authorization,
        });
        lock(&self.shared.sign_in).refusal(&self.shared.options, account, signed.as_ref(), now_ms)
    }

    /// The origin that the client called, from its `Host`.
    fn origin(&self) -> String {
        let fallback = self.shared.address.to_string();
        let host = text(self.headers, HOST).unwrap_or(&fallback).to_lowercase();
        format!("http://{}", host.strip_suffix(":80").unwrap_or(&host))
    }

    fn base(&self, account: &str) -> serde_json::Value {
        listing::base(account, &self.origin(), &self.shared.options.linked)
    }

    fn parameter(&self, name: &str) -> Option<String> {
        let pairs = self.query.split('&').filter_map(|pair| pair.split_once('='));
        pairs.into_iter().find(|(n, _)| *n == name).map(|(_, value)| decode(value))
    }

    fn schema(&self, now_ms: i64) -> Answer {
        let id = self.parameter("schemaId").unwrap_or_default();
        let number = !id.is_empty() && id.bytes().all(|b| b.is_ascii_digit() || b == b'.');
        if number || id == "latest" {
            plain(200, "application/json", self.shared.options.schema.clone())
        } else {
            json_error(400, now_ms, "schemaId is required", 5)
        }
    }

    /// One service, as the Domain API tells it: a bare host (here with its port).
    fn domain(&self, account: &str, service: &str, now_ms: i64) -> Answer {
        if service != "sentinel" {
            return json_error(400, now_ms, "unknown service", 12);
        }
        let host = self.shared.address.to_string();
        let one = json!({"service": service, "account": account, "baseURI": host});
        let as_list = self.shared.options.quirks.domain_as_list;
        json_answer(200, &if as_list { json!({"baseURIs": [one]}) } else { one })
    }

    fn listing(&self, account: &str, stream: Stream, now_ms: i64) -> Answer {
        let options = &self.shared.options;
        let time = |name| self.parameter(name).and_then(|value| value.parse::<i64>().ok());
        let (Some(from), Some(to)) = (time("startTime"), time("endTime")) else {
            return json_error(400, now_ms, "startTime and endTime are required", 5);
        };
        if to < from {
            return json_error(400, now_ms, "endTime is before startTime", 5);
        }
        if options.max_window_ms.is_some_and(|widest| to - from > widest) {
            return json_error(400, now_ms, "the time range is too wide", 5);
        }
        let files: Vec<_> = lock(&self.shared.files)
            .iter()
            .filter(|file| file.stream == stream && (from..=to).contains(&file.generated_ms))
            .filter(|file| file.account.as_deref().is_none_or(|owner| owner == account))
            .cloned()
            .collect();
        match options.quirks.no_files_status {
            Some(code) if files.is_empty() => plain(code, "text/plain", "No Available Files"),
            _ => {
                json_answer(200, &listing::listing(account, stream, &self.origin(), &files, &options.quirks))
            }
        }
    }

    async fn file(&self, account: &str, stream: Stream, name: &str, now_ms: i64) -> Answer {
        let name = decode(name);
        let wanted = name.strip_suffix(".gz").unwrap_or(&name);
        let quirks = &self.shared.options.quirks;
        let found = lock(&self.shared.files)
            .iter()
            .filter(|file| file.account.as_deref().is_none_or(|owner| owner == account))
            .find(|file| file.stream == stream && listing::listed_name(file, quirks) == wanted)
            .cloned();
        let Some(file) = found else { return xml_error(404, now_ms, "not found", 12) };
        match file_answer(&file.body).await {
            Ok(answer) => answer,
            Err(error) => xml_error(500, now_ms, &error.kind().to_string(), 1),
        }
    }
}
