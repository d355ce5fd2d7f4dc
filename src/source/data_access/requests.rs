//! One signed GET, from permit to payload: redirects, sign-in renewal, retries.
//!
//! ```text
//! permit (at most N at once, held through pauses, so that retries make no burst)
//!   try:  sign -> GET -> 302 to an allowed origin -> sign anew -> GET -> 200 -> body, whole
//!         401 -> renew the credential, once -> sign -> GET
//!   503 -> pause -> try again
//! ```

use std::sync::Arc;

use chrono::Utc;
use reqwest::Response;
use reqwest::header::LOCATION;
use tokio::sync::Semaphore;
use url::Url;

use crate::model::{EventSink, Fault, FaultKind, Payload, RetryOptions, Stage};
use crate::source::auth::{Auth, Credential};
use crate::source::http::Transport;
use crate::source::origin::{Origins, shown};
use crate::source::receive::{self, Room};
use crate::source::refusal::{Refusal, clock_ahead_s, is_disguised_401};
use crate::source::retry::{Cause, Failure, persist};

const MAX_REDIRECTS: usize = 5;

/// Everything that a request needs; shared by all requests of an account.
pub(super) struct Requests {
    pub(super) transport: Arc<Transport>,
    pub(super) origins: Origins,
    pub(super) auth: Auth,
    pub(super) permits: Semaphore,
    pub(super) retry: RetryOptions,
    pub(super) events: Arc<dyn EventSink>,
}

/// What is asked for.
pub(super) struct Ask<'a> {
    pub(super) url: &'a Url,
    /// Part name or `listing webSession`: never a URL.
    pub(super) unit: &'a str,
    pub(super) stage: Stage,
    pub(super) room: Room,
    pub(super) retries: Retries,
}

/// How stubborn a request is.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Retries {
    /// As configured.
    Full,
    /// As configured, but silence is an answer: the caller asks for less instead.
    NotWhenStalled,
    /// One retry, none after silence: the caller has seen this fail before.
    Brief,
}

/// What came.
pub(super) enum Answer {
    /// The body, and the URL that gave it.
    Body(Payload, Url),
    /// `No Available Files`, with any status but 200, 401 and 403.
    NoFiles,
}

impl Requests {
    pub(super) async fn get(&self, ask: &Ask<'_>) -> Result<Answer, Failure> {
        let _permit = self.permits.acquire().await.map_err(|_| {
            Fault::new(FaultKind::Cancelled, ask.stage, "the run is ending").advise("run again")
        })?;
        let mut options = self.retry.clone();
        if ask.retries == Retries::Brief {
            options.max_tries = options.max_tries.min(2);
        }
        persist(&options, &*self.events, ask.unit, || async move {
            let outcome = self.attempt(ask).await;
            outcome.map_err(|failure| match failure.cause {
                Cause::Stalled if ask.retries != Retries::Full => failure.given_up(),
                _ => failure,
            })
        })
        .await
    }

    async fn attempt(&self, ask: &Ask<'_>) -> Result<Answer, Failure> {
        // The sign-in has retries of its own.
        let credential = self.auth.credential().await.map_err(Failure::given_up)?;
        let refused = match self.follow(ask, &credential).await {
            Err(failure) if failure.cause == Cause::Status(401) => failure,
            outcome => return outcome,
        };
        match self.auth.renew(&credential).await.map_err(Failure::given_up)? {
            Some(fresh) => self.follow(ask, &fresh).await,
            None => Err(refused),
        }
    }

    /// Follows redirects by hand, so that each URL is checked and signed for itself.
    async fn follow(&self, ask: &Ask<'_>, credential: &Credential) -> Result<Answer, Failure> {
        let mut url = ask.url.clone();
        for _ in 0..=MAX_REDIRECTS {
            self.origins.check(&url).map_err(|why| untrusted(ask.stage, why))?;
            let header = self.auth.header(credential, &url)?;
            let response = self.transport.get(&url, Some(header), ask.stage).await?;
            match redirect_target(&response) {
                Some(target) => url = target.map_err(|why| untrusted(ask.stage, why))?,
                None => return self.answer(ask, credential, response).await,
            }
        }
        Err(untrusted(ask.stage, format!("more than {MAX_REDIRECTS} redirects")).into())
    }

    async fn answer(
        &self,
        ask: &Ask<'_>,
        credential: &Credential,
        response: Response,
    ) -> Result<Answer, Failure> {
        let redact = |text| self.auth.redact(text, credential);
        if response.status().as_u16() != 200 {
            let refusal = Refusal::read(response).await.redacted(redact);
            return match refusal.status {
                _ if ask.stage == Stage::List && refusal.says_no_files() => Ok(Answer::NoFiles),
                401 => Err(refusal.sign_in(self.auth.method(), self.auth.advice())),
                _ => Err(refusal.of_data(ask.stage)),
            };
        }
        let clock = clock_ahead_s(response.headers(), Utc::now().timestamp_millis());
        let url = response.url().clone();
        let payload = receive::whole(response, &ask.room, ask.stage).await?;
        match &payload {
            Payload::Memory(body) if is_disguised_401(body) => {
                let host = url.host_str().unwrap_or_default();
                let refusal = Refusal::disguised(host, clock, body).redacted(redact);
                Err(refusal.sign_in(self.auth.method(), self.auth.advice()))
            }
            _ => Ok(Answer::Body(payload, url)),
        }
    }
}

/// Where a redirect leads, or why that cannot be told.
fn redirect_target(response: &Response) -> Option<Result<Url, String>> {
    if !matches!(response.status().as_u16(), 301 | 302 | 303 | 307 | 308) {
        return None;
    }
    let target = response.headers().get(LOCATION)?;
    let target = target.to_str().ok().and_then(|target| response.url().join(target).ok());
    Some(target.ok_or_else(|| format!("{} redirects to something that is no URL", shown(response.url()))))
}

fn untrusted(stage: Stage, why: String) -> Fault {
    Fault::new(FaultKind::Untrusted, stage, why)
        .advise("requests go to the configured service only: check base_url, and report it to LivePerson")
}
