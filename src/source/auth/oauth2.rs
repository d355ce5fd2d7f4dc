//! OAuth 2.0 client credentials at the account's Sentinel host.
//!
//! ```text
//! GET  https://api.liveperson.net/api/account/1/service/sentinel/baseURI.json?version=1.0
//!        -> {"baseURI":"va.sentinel.liveperson.net"}               (or token_url by hand)
//! POST https://va.sentinel.liveperson.net/sentinel/api/v2/account/1/app/token
//!        client_id=…&client_secret=…&grant_type=client_credentials -> {"access_token":"ey…","expires_in":3600}
//! ```
//!
//! One request at a time asks for a token; the others wait for it. A token is renewed a minute before
//! it expires, and after a refusal. What can fail: the lookup (its host must be one of the service's),
//! the token request (400 and 401 mean that the credentials are refused), the network.

use std::sync::Arc;
use std::time::{Duration, Instant};

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use chrono::Utc;
use serde_json::Value;
use tokio::sync::Mutex;
use url::Url;

use super::redact;
use crate::model::{AccountId, EventSink, Fault, FaultKind, RetryOptions, Secret, Stage};
use crate::source::http::Transport;
use crate::source::origin::{check_transport, in_family, is_loopback, shown};
use crate::source::receive::{self, Beyond, Room};
use crate::source::refusal::Refusal;
use crate::source::retry::{Cause, Failure, persist};

/// Lifetime of a token that does not tell one. Both published sample tokens live so long.
const DEFAULT_LIFETIME_S: u64 = 3600;
const RENEW_BEFORE: Duration = Duration::from_secs(60);
const MAX_ANSWER_BYTES: u64 = 256 << 10;

/// Client credentials and the token they gave.
pub(in crate::source) struct Oauth2 {
    client_id: Secret,
    client_secret: Secret,
    place: TokenPlace,
    transport: Arc<Transport>,
    retry: RetryOptions,
    events: Arc<dyn EventSink>,
    held: Mutex<Held>,
}

/// What the token endpoint gave.
#[derive(Default)]
struct Held {
    token: Option<Token>,
    /// Credentials that were refused once are refused again: the other requests need not ask anew.
    refusal: Option<Fault>,
}

struct Token {
    text: Arc<str>,
    renew_at: Instant,
}

/// Where tokens are asked for.
#[derive(Debug)]
pub(super) enum TokenPlace {
    Fixed(Url),
    /// Asked of the Domain API each time, because hosts may change.
    LookedUp {
        lookup: Url,
        token_path: String,
    },
}

impl Oauth2 {
    pub(super) fn new(
        client_id: Secret,
        client_secret: Secret,
        place: TokenPlace,
        transport: Arc<Transport>,
        retry: RetryOptions,
        events: Arc<dyn EventSink>,
    ) -> Oauth2 {
        Oauth2 { client_id, client_secret, place, transport, retry, events, held: Mutex::default() }
    }

    /// A token that is still good for a while, and is not the `refused` one.
    pub(super) async fn token(&self, refused: Option<&str>) -> Result<Arc<str>, Failure> {
        let mut held = self.held.lock().await;
        if let Some(token) = &held.token {
            let good = match refused {
                // Another request may have renewed it in the meantime.
                Some(refused) => *token.text != *refused,
                None => Instant::now() < token.renew_at,
            };
            if good {
                return Ok(token.text.clone());
            }
        }
        if let Some(refusal) = &held.refusal {
            return Err(refusal.clone().into());
        }
        match self.ask().await {
            Ok(token) => {
                let text = token.text.clone();
                held.token = Some(token);
                Ok(text)
            }
            Err(failure) => {
                held.refusal = Some(failure.fault.clone()).filter(|fault| fault.kind == FaultKind::SignIn);
                Err(failure)
            }
        }
    }

    pub(super) fn secrets(&self) -> [&str; 2] {
        [self.client_secret.expose(), self.client_id.expose()]
    }

    async fn ask(&self) -> Result<Token, Failure> {
        let url = match &self.place {
            TokenPlace::Fixed(url) => url.clone(),
            TokenPlace::LookedUp { lookup, token_path } => {
                let body = persist(&self.retry, &*self.events, "lookup of the Sentinel host", || {
                    self.look_up(lookup)
                })
                .await?;
                sentinel_url(&body, lookup, token_path)?
            }
        };
        persist(&self.retry, &*self.events, "token request", || self.request(&url)).await
    }

    async fn look_up(&self, lookup: &Url) -> Result<Vec<u8>, Failure> {
        let response = self.transport.get(lookup, None, Stage::SignIn).await?;
        if response.status().as_u16() == 200 {
            return body(response).await;
        }
        let refusal = Refusal::read(response).await;
        let mut failure = refusal.of_data(Stage::SignIn);
        if failure.fault.kind != FaultKind::Unavailable {
            let advice = "check the account id, or set token_url in [account.auth]".to_owned();
            failure = refusal.sign_in("the lookup of the Sentinel host", advice);
        }
        Err(failure)
    }

    async fn request(&self, url: &Url) -> Result<Token, Failure> {
        let form = [
            ("client_id", self.client_id.expose()),
            ("client_secret", self.client_secret.expose()),
            ("grant_type", "client_credentials"),
        ];
        let response = self.transport.post_form(url, &form, Stage::SignIn).await?;
        let status = response.status().as_u16();
        if status == 200 {
            return parse_token(&body(response).await?, url).map_err(Failure::from);
        }
        if response.status().is_redirection() {
            let message = format!("the token endpoint {} redirects", shown(url));
            let fault = Fault::new(FaultKind::Untrusted, Stage::SignIn, message).advise("correct token_url");
            return Err(fault.into());
        }
        let refusal = Refusal::read(response).await.redacted(|text| redact(text, &self.secrets()));
        let unavailable = refusal.of_data(Stage::SignIn);
        if unavailable.fault.kind == FaultKind::Unavailable {
            return Err(unavailable);
        }
        let advice = "check client id and secret, and that the application is installed for this account, \
                      or try another [account.auth] method: oauth1, bearer";
        Err(refusal.sign_in("oauth2 (client credentials)", advice.to_owned()))
    }
}

impl TokenPlace {
    /// # Errors
    /// `Config`: URLs that are none, or plain http to a host other than loopback.
    pub(super) fn new(
        token_url: Option<&str>,
        domain_api: &str,
        account: &AccountId,
    ) -> Result<TokenPlace, Fault> {
        if let Some(text) = token_url {
            return usable(text).map(TokenPlace::Fixed).map_err(|why| misconfigured("token_url", why));
        }
        let base = domain_api.trim_end_matches('/');
        let lookup =
            usable(&format!("{base}/api/account/{account}/service/sentinel/baseURI.json?version=1.0"))
                .map_err(|why| misconfigured("domain_api_url", why))?;
        Ok(TokenPlace::LookedUp {
            lookup,
            token_path: format!("/sentinel/api/v2/account/{account}/app/token"),
        })
    }
}

fn usable(text: &str) -> Result<Url, String> {
    let url = Url::parse(text).map_err(|error| format!("it is not a URL ({error})"))?;
    check_transport(&url)?;
    Ok(url)
}

fn misconfigured(key: &str, why: String) -> Fault {
    Fault::new(FaultKind::Config, Stage::Configure, why).of(key).advise("set it to an https URL")
}

/// The token endpoint on the host that the Domain API names, in either of its two forms of answer.
/// Only the service's own hosts are believed; a lookup on loopback may name loopback.
fn sentinel_url(body: &[u8], lookup: &Url, token_path: &str) -> Result<Url, Fault> {
    let refuse = |kind, why: &str| {
        Fault::new(kind, Stage::SignIn, format!("the Domain API at {} {why}", shown(lookup)))
            .advise("set token_url in [account.auth]")
    };
    let answer: Value =
        serde_json::from_slice(body).map_err(|_| refuse(FaultKind::SignIn, "does not answer with JSON"))?;
    let host = base_uri(&answer).ok_or_else(|| refuse(FaultKind::SignIn, "names no Sentinel host"))?;
    let bare = |c: char| c.is_ascii_alphanumeric() || ".-:[]".contains(c);
    let untrusted = || refuse(FaultKind::Untrusted, "names a host that is not one of LivePerson's");
    if host.is_empty() || !host.chars().all(bare) {
        return Err(untrusted());
    }
    let parse = |scheme: &str| Url::parse(&format!("{scheme}://{host}{token_path}")).map_err(|_| untrusted());
    let url = parse("https")?;
    if in_family(&url) {
        return Ok(url);
    }
    if is_loopback(&url) && is_loopback(lookup) {
        return parse(lookup.scheme());
    }
    Err(untrusted())
}

fn base_uri(answer: &Value) -> Option<&str> {
    if let Some(host) = answer.get("baseURI") {
        return host.as_str();
    }
    let all = answer.get("baseURIs")?.as_array()?;
    let is_sentinel = |entry: &&Value| entry.get("service").and_then(Value::as_str) == Some("sentinel");
    all.iter().find(is_sentinel)?.get("baseURI")?.as_str()
}

fn parse_token(body: &[u8], url: &Url) -> Result<Token, Fault> {
    let answer: Value = serde_json::from_slice(body).unwrap_or_default();
    let text = answer.get("access_token").and_then(Value::as_str).filter(|text| !text.is_empty());
    let Some(text) = text else {
        let message = format!("{} answers with 200 but without an access_token", shown(url));
        return Err(Fault::new(FaultKind::SignIn, Stage::SignIn, message).advise("check token_url"));
    };
    let declared = answer.get("expires_in").and_then(|v| v.as_u64().or_else(|| v.as_str()?.parse().ok()));
    let lifetime_s =
        declared.or_else(|| jwt_lifetime_s(text, Utc::now().timestamp())).unwrap_or(DEFAULT_LIFETIME_S);
    // No token lives for a year; a larger number would overflow the clock.
    let lifetime = Duration::from_secs(lifetime_s.min(365 * 86_400));
    let renew_at = Instant::now() + lifetime.saturating_sub(RENEW_BEFORE.min(lifetime / 2));
    Ok(Token { text: Arc::from(text), renew_at })
}

/// Seconds that a JWT lives, by its own `iat` and `exp`, so that a wrong clock here does not matter;
/// without `iat`, from `now_s`.
fn jwt_lifetime_s(token: &str, now_s: i64) -> Option<u64> {
    let claims = token.split('.').nth(1)?;
    let claims = URL_SAFE_NO_PAD.decode(claims.trim_end_matches('=')).ok()?;
    let claims: Value = serde_json::from_slice(&claims).ok()?;
    let expires = claims.get("exp")?.as_i64()?;
    let issued = claims.get("iat").and_then(Value::as_i64).unwrap_or(now_s);
    u64::try_from(expires.checked_sub(issued)?).ok()
}

async fn body(response: reqwest::Response) -> Result<Vec<u8>, Failure> {
    let room = Room { max_memory_bytes: MAX_ANSWER_BYTES, beyond: Beyond::Refuse };
    match receive::whole(response, &room, Stage::SignIn).await? {
        crate::model::Payload::Memory(bytes) => Ok(bytes.into()),
        crate::model::Payload::File(..) => {
            let fault = Fault::new(FaultKind::Internal, Stage::SignIn, "a small answer went to a file");
            Err(Failure::new(Cause::Settled, fault))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PATH: &str = "/sentinel/api/v2/account/1/app/token";

    #[test]
    fn both_forms_of_the_lookup_and_only_trusted_hosts() {
        let live = Url::parse("https://api.liveperson.net/x").unwrap();
        let local = Url::parse("http://127.0.0.1:9/x").unwrap();
        for (lookup, body, expected) in [
            (
                &live,
                r#"{"baseURI":"va.sentinel.liveperson.net"}"#,
                Some("https://va.sentinel.liveperson.net"),
            ),
            (
                &live,
                r#"{"baseURIs":[{"service":"x","baseURI":"x.liveperson.net"},{"service":"sentinel","baseURI":"lo.sentinel.liveperson.net"}]}"#,
                Some("https://lo.sentinel.liveperson.net"),
            ),
            (&local, r#"{"baseURI":"127.0.0.1:8080"}"#, Some("http://127.0.0.1:8080")),
            (&live, r#"{"baseURI":"127.0.0.1:8080"}"#, None),
            (&live, r#"{"baseURI":"evil.example"}"#, None),
            (&live, r#"{"baseURI":"evil.example/.liveperson.net"}"#, None),
            (&live, r#"{"baseURI":"evil.example?.liveperson.net"}"#, None),
            (&live, r#"{"baseURI":"u@va.liveperson.net"}"#, None),
            (&live, r#"{"baseURI":"http://va.liveperson.net"}"#, None),
            (&live, r#"{"baseURI":""}"#, None),
            (&live, r#"{"baseURI":null}"#, None),
            (&live, r#"{"baseURIs":[]}"#, None),
            (&live, "<html>", None),
        ] {
            let url = sentinel_url(body.as_bytes(), lookup, PATH).ok().map(String::from);
            assert_eq!(url, expected.map(|host| format!("{host}{PATH}")), "{body}");
        }
    }

    #[test]
    fn lifetimes() {
        let jwt = |claims: &str| format!("h.{}.s", URL_SAFE_NO_PAD.encode(claims));
        assert_eq!(jwt_lifetime_s(&jwt(r#"{"iat":1000,"exp":4600}"#), 0), Some(3600));
        assert_eq!(jwt_lifetime_s(&jwt(r#"{"exp":4600}"#), 4000), Some(600));
        for odd in ["opaque", "a.b.c", &jwt("{}"), &jwt(r#"{"exp":1,"iat":5}"#)] {
            assert_eq!(jwt_lifetime_s(odd, 0), None, "{odd}");
        }
        let url = Url::parse("https://h.example/t?secret").unwrap();
        for (expires_in, least, most) in [
            ("3600", 3530, 3541),
            ("\"600\"", 530, 541),
            ("10", 3, 6),
            ("null", 3530, 3541),
            ("18446744073709551615", 1, 31_600_000),
        ] {
            let body = format!(r#"{{"access_token":"opaque","expires_in":{expires_in}}}"#);
            let left = parse_token(body.as_bytes(), &url).ok().unwrap().renew_at - Instant::now();
            assert!((least..most).contains(&left.as_secs()), "{expires_in}: {left:?}");
        }
        assert_eq!(parse_token(b"{}", &url).err().unwrap().kind, FaultKind::SignIn);
    }

    #[test]
    fn token_urls_are_https_or_loopback() {
        let account = AccountId::parse("1").unwrap();
        for (token_url, domain_api, good) in [
            (Some("https://sso.example/token"), "", true),
            (Some("http://127.0.0.1:1/token"), "", true),
            (Some("http://sso.example/token"), "", false),
            (Some("token"), "", false),
            (None, "https://api.liveperson.net/", true),
            (None, "http://api.liveperson.net", false),
        ] {
            assert_eq!(
                TokenPlace::new(token_url, domain_api, &account).is_ok(),
                good,
                "{token_url:?} {domain_api}"
            );
        }
    }
}
