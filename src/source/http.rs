//! One HTTP exchange: TLS, proxies, time limits, and network errors turned into words.
//!
//! ```text
//! GET https://va.da.liveperson.net/…  -> Response (any status)
//!                                     -> Failure: no connection, stalled, broken, bad certificate
//! ```
//!
//! Redirects are never followed here and bodies are never unpacked. `HTTPS_PROXY` and `NO_PROXY` are
//! reqwest's own business, except that loopback is never asked through a proxy. `SSL_CERT_FILE` is
//! looked at here as well: to name a mistake in it, and because not every platform's certificate store
//! honours it.

use std::error::Error;
use std::sync::OnceLock;
use std::time::Duration;

use reqwest::header::{AUTHORIZATION, HeaderValue};
use reqwest::{Certificate, Client, ClientBuilder, RequestBuilder, Response};
use url::Url;

use super::origin::{is_loopback, shown};
use super::retry::{Cause, Failure};
use crate::model::{Fault, FaultKind, Stage};

const USER_AGENT: &str = concat!("lp-archive/", env!("CARGO_PKG_VERSION"));
/// A host that has not taken the connection by then is tried again.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(15);

/// Sends requests, each alone.
pub(super) struct Transport {
    read_timeout: Duration,
    roots: Vec<Certificate>,
    /// To loopback, past any proxy.
    direct: OnceLock<Result<Client, String>>,
    outward: OnceLock<Result<Client, String>>,
}

impl Transport {
    /// `read_timeout`: a connection that is silent for so long has stalled.
    ///
    /// # Errors
    /// `Config`, when `SSL_CERT_FILE` names a file that holds no certificates.
    pub(super) fn new(read_timeout: Duration) -> Result<Transport, Fault> {
        let roots = configured_roots()?;
        Ok(Transport { read_timeout, roots, direct: OnceLock::new(), outward: OnceLock::new() })
    }

    /// Asks for `url`; an answer of any status is a success.
    pub(super) async fn get(
        &self,
        url: &Url,
        authorization: Option<HeaderValue>,
        stage: Stage,
    ) -> Result<Response, Failure> {
        let mut request = self.client(url)?.get(url.clone());
        if let Some(value) = authorization {
            request = request.header(AUTHORIZATION, value);
        }
        send(request, url, stage).await
    }

    /// Posts a form; an answer of any status is a success.
    pub(super) async fn post_form(
        &self,
        url: &Url,
        form: &[(&str, &str)],
        stage: Stage,
    ) -> Result<Response, Failure> {
        send(self.client(url)?.post(url.clone()).form(form), url, stage).await
    }

    fn client(&self, url: &Url) -> Result<&Client, Fault> {
        let client = if is_loopback(url) {
            self.direct.get_or_init(|| {
                // A machine without any CA certificates can still talk to itself.
                let bare = || self.builder().no_proxy().tls_certs_only([]).build();
                self.builder().no_proxy().build().or_else(|_| bare()).map_err(words)
            })
        } else {
            self.outward.get_or_init(|| self.builder().build().map_err(words))
        };
        client.as_ref().map_err(|why| {
            Fault::new(FaultKind::Config, Stage::Configure, format!("HTTPS cannot be set up: {why}"))
                .advise("install the CA certificates of your system or set SSL_CERT_FILE")
        })
    }

    fn builder(&self) -> ClientBuilder {
        Client::builder()
            .user_agent(USER_AGENT)
            .redirect(reqwest::redirect::Policy::none())
            .referer(false)
            // Every retry is ours: counted, announced and signed anew.
            .retry(reqwest::retry::never())
            .connect_timeout(CONNECT_TIMEOUT)
            .read_timeout(self.read_timeout)
            .tls_certs_merge(self.roots.clone())
    }
}

async fn send(request: RequestBuilder, url: &Url, stage: Stage) -> Result<Response, Failure> {
    let response = request.send().await.map_err(|error| network_failure(error, url, stage))?;
    tracing::debug!(url = %shown(url), status = response.status().as_u16(), "answered");
    Ok(response)
}

/// What a network error means: worth another try or not, and what the user can do.
pub(super) fn network_failure(error: reqwest::Error, url: &Url, stage: Stage) -> Failure {
    let cause = if error.is_builder() {
        Cause::Settled
    } else if error.is_connect() {
        Cause::Connect
    } else if error.is_timeout() {
        Cause::Stalled
    } else {
        Cause::Broken
    };
    let whole = chain(error);
    let lower = whole.to_ascii_lowercase();
    let text = pithy(&whole);
    let has = |needles: &[&str]| needles.iter().any(|needle| lower.contains(needle));
    let host = url.host_str().unwrap_or_default();
    let mut kind = FaultKind::Unavailable;
    let (cause, message, advice) = if has(&["certificate", "unknownissuer"]) {
        let message = format!("the certificate of {host} is not accepted: {text}");
        if has(&["expired", "notvalidyet", "not valid yet"]) {
            // The service may renew it: that passes.
            (Cause::Settled, message, "check this machine's clock; if it is right, run again later")
        } else {
            kind = if stage == Stage::Fetch { FaultKind::Untrusted } else { FaultKind::Config };
            (
                Cause::Settled,
                message,
                "check the host; behind an inspecting proxy or with an authority of your own, set SSL_CERT_FILE to a \
                 PEM file with its CA certificates",
            )
        }
    } else if has(&["tunnel", "proxy"]) {
        (cause, format!("no way to {host} through the proxy: {text}"), "check HTTPS_PROXY and NO_PROXY")
    } else if has(&["dns", "lookup address"]) {
        (
            cause,
            format!("the name {host} cannot be resolved: {text}"),
            "check region or base_url, this machine's name resolution and, if it has no way out but a proxy, \
             HTTPS_PROXY",
        )
    } else if has(&["corrupt message", "handshake", "protocolversion"]) {
        (
            cause,
            format!("{host} does not speak HTTPS as it should: {text}"),
            "check host and port of base_url, and whatever stands between",
        )
    } else if cause == Cause::Connect {
        (
            cause,
            format!("no connection to {host}: {text}"),
            "check the network, base_url and, if there is no way out but a proxy, HTTPS_PROXY; then run again",
        )
    } else {
        (cause, format!("no whole answer from {host}: {text}"), "check the network and run again")
    };
    Failure::new(cause, Fault::new(kind, stage, message).advise(advice))
}

/// The error and its causes in one line, without the URL.
fn words(error: reqwest::Error) -> String {
    pithy(&chain(error)).to_owned()
}

fn chain(error: reqwest::Error) -> String {
    let error = error.without_url();
    let mut text = error.to_string();
    let mut next = error.source();
    while let Some(cause) = next {
        let words = cause.to_string();
        if !text.contains(&words) {
            text = format!("{text}: {words}");
        }
        next = cause.source();
    }
    text
}

/// A chain of causes without those at its begin that say nothing the rest does not say better.
fn pithy(chain: &str) -> &str {
    const HOLLOW: [&str; 7] = [
        "error sending request: ",
        "client error (Connect): ",
        "dns error: ",
        "error resolving DNS: ",
        "failed to lookup address information: ",
        "tunnel error: failed to create underlying connection: ",
        "tcp connect error: ",
    ];
    HOLLOW.iter().fold(chain, |text, hollow| text.strip_prefix(hollow).unwrap_or(text))
}

fn configured_roots() -> Result<Vec<Certificate>, Fault> {
    let Some(path) = std::env::var_os("SSL_CERT_FILE").filter(|path| !path.is_empty()) else {
        return Ok(Vec::new());
    };
    let refuse = |why: String| {
        Fault::new(FaultKind::Config, Stage::Configure, why)
            .of(format!("SSL_CERT_FILE={}", path.to_string_lossy()))
            .advise("name a PEM file of CA certificates or unset the variable")
    };
    let pem = std::fs::read(&path).map_err(|e| refuse(e.to_string()))?;
    let roots = Certificate::from_pem_bundle(&pem).map_err(|e| refuse(words(e)))?;
    if roots.is_empty() {
        return Err(refuse("it holds no certificate".to_owned()));
    }
    // There the platform's store reads the variable, and forgives single odd certificates.
    let store_reads_it = cfg!(all(unix, not(target_vendor = "apple")));
    Ok(if store_reads_it { Vec::new() } else { roots })
}
