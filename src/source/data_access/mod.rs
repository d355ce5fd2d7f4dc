//! The Data Access API: which files there are, and their bytes.
//!
//! ```text
//! streams()            GET /data_access_le/account/1/le               -> links -> [agentActivity, …]
//! list(webSession)     GET …/le/webSession?startTime=…&endTime=…      -> slices, joined -> Listing
//! fetch(part)          GET the part's href                            -> Payload
//! ```
//!
//! `startTime` and `endTime` bound when files were GENERATED, which is after their scope: a listing
//! asks from the window's start until now, and filters by scope. A slice that times out or that the
//! service refuses as too wide is halved. A slice that fails for good fails the listing.

mod listing;
mod probe;
mod requests;
mod slices;

pub use self::probe::Probe;

use std::sync::Arc;

use chrono::Utc;
use futures::future::BoxFuture;
use futures::stream::{self, StreamExt, TryStreamExt};
use tokio::sync::Semaphore;
use url::Url;

pub use self::listing::read_listing;
use self::listing::{Gathering, linked_streams};
use self::requests::{Answer, Ask, Requests, Retries};
use self::slices::{Slice, slices};
use super::auth::Auth;
use super::http::Transport;
use super::origin::{Origins, shown};
use super::receive::{Beyond, Room};
use super::retry::{Cause, Failure};
use super::{Listing, Source};
use crate::model::{
    AccountId, EventSink, Fault, FaultKind, Part, Payload, ServiceOptions, Stage, Stream, Wanted,
};

/// One account at the service.
pub struct DataAccess {
    account: AccountId,
    streams: Option<Vec<Stream>>,
    max_requests: usize,
    max_listing_bytes: u64,
    max_memory_part_bytes: u64,
    spool: Option<std::path::PathBuf>,
    requests: Requests,
}

/// One body of a listing and the URL that gave it; `None` for an empty window.
type Page = Option<(Payload, Url)>;

impl DataAccess {
    /// Sends nothing yet.
    ///
    /// # Errors
    /// `Config`: base URL, token URL, token file or CA file that cannot be used.
    pub fn new(options: ServiceOptions, events: Arc<dyn EventSink>) -> Result<DataAccess, Fault> {
        let origins = Origins::new(&options.base_url)?;
        let transport = Arc::new(Transport::new(options.retry.read_timeout)?);
        let auth =
            Auth::new(options.auth, &options.account, transport.clone(), &options.retry, events.clone())?;
        let max_requests = options.max_requests.max(1);
        let permits = Semaphore::new(max_requests.min(Semaphore::MAX_PERMITS));
        Ok(DataAccess {
            account: options.account,
            streams: options.streams,
            max_requests,
            max_listing_bytes: options.max_listing_bytes,
            max_memory_part_bytes: options.max_memory_part_bytes,
            spool: options.spool,
            requests: Requests { transport, origins, auth, permits, retry: options.retry, events },
        })
    }

    async fn linked_streams(&self) -> Result<Vec<Stream>, Failure> {
        let url = self.resource("")?;
        let unit = format!("base resource of account {}", self.account);
        let answer = self.requests.get(&self.ask_document(&url, &unit, Retries::Full)).await;
        let named = |mut failure: Failure| {
            failure.fault.unit.get_or_insert_with(|| unit.clone());
            failure
        };
        match answer.map_err(named)? {
            Answer::Body(body, _) => Ok(linked_streams(memory(&body)).map_err(|fault| fault.of(&unit))?),
            Answer::NoFiles => {
                let why = "the base resource says that there are no files";
                let fault = Fault::new(FaultKind::BadListing, Stage::List, why).of(&unit);
                Err(fault.advise("name `streams` in the configuration").into())
            }
        }
    }

    async fn list_all(&self, stream: Stream, wanted: Wanted) -> Result<Listing, Fault> {
        let unit = format!("{}/{stream}", self.account);
        let Wanted { generated_from_ms, scopes } = wanted;
        let mut gathering = Gathering::new(&self.account, stream, scopes, &self.requests.origins);
        if scopes.from_ms >= scopes.to_ms {
            return Ok(gathering.finish());
        }
        let slices = slices(generated_from_ms, Utc::now().timestamp_millis());
        let mut pages =
            stream::iter(slices).map(|slice| self.list_slice(stream, slice)).buffered(self.max_requests);
        while let Some(bodies) = pages.try_next().await.map_err(|fault| fault.of(&unit))? {
            for (body, url) in bodies {
                if gathering.add(memory(&body), &url).is_err() {
                    // It may be the network: whatever a cut body told is told again by the whole one.
                    let again = self.ask_again(stream, &url).await.map_err(|fault| fault.of(&unit))?;
                    gathering.add(memory(&again), &url).map_err(|fault| fault.of(&unit))?;
                }
            }
        }
        Ok(gathering.finish())
    }

    /// A second look at a page that could not be read.
    async fn ask_again(&self, stream: Stream, url: &Url) -> Result<Payload, Fault> {
        let unit = format!("listing {stream}");
        match self.requests.get(&self.ask_document(url, &unit, Retries::Full)).await {
            Ok(Answer::Body(body, _)) => Ok(body),
            Ok(Answer::NoFiles) => Ok(Payload::Memory(bytes::Bytes::from_static(listing::EMPTY))),
            Err(failure) => Err(failure.fault),
        }
    }

    /// The bodies of a slice: one, or those of its halves where the service does not take it whole.
    async fn list_slice(&self, stream: Stream, whole: Slice) -> Result<Vec<(Payload, Url)>, Fault> {
        let mut bodies = Vec::new();
        let mut waiting = vec![whole];
        while let Some(slice) = waiting.pop() {
            let halves = slice.halves();
            let retries = match halves {
                None if slice == whole => Retries::Full,
                Some(_) if slice == whole => Retries::NotWhenStalled,
                _ => Retries::Brief,
            };
            match (self.list_page(stream, slice, retries).await, halves) {
                (Ok(page), _) => bodies.extend(page),
                (Err(failure), Some([older, newer])) if less_may_help(&failure) => {
                    waiting.extend([newer, older]);
                }
                (Err(failure), _) => return Err(failure.fault),
            }
        }
        Ok(bodies)
    }

    async fn list_page(&self, stream: Stream, slice: Slice, retries: Retries) -> Result<Page, Failure> {
        let mut url = self.resource(stream.resource())?;
        url.query_pairs_mut()
            .append_pair("startTime", &slice.start_ms.to_string())
            .append_pair("endTime", &slice.end_ms.to_string());
        let unit = format!("listing {stream}");
        match self.requests.get(&self.ask_document(&url, &unit, retries)).await? {
            Answer::Body(body, url) => Ok(Some((body, url))),
            Answer::NoFiles => Ok(None),
        }
    }

    async fn fetch_part(&self, part: &Part) -> Result<Payload, Fault> {
        let fault = |kind, why: String| Fault::new(kind, Stage::Fetch, why).of(&part.id);
        let url = Url::parse(&part.location).map_err(|_| {
            fault(FaultKind::Internal, "its location is not a URL".to_owned()).advise("list it again")
        })?;
        let room =
            Room { max_memory_bytes: self.max_memory_part_bytes, beyond: Beyond::Spool(self.spool.clone()) };
        let ask = Ask { url: &url, unit: &part.id.name, stage: Stage::Fetch, room, retries: Retries::Full };
        match self.requests.get(&ask).await.map_err(|failure| failure.fault.of(&part.id))? {
            Answer::Body(payload, _) => Ok(payload),
            Answer::NoFiles => {
                let why = format!("{} says that there are no files", shown(&url));
                Err(fault(FaultKind::Gone, why).advise("run again later"))
            }
        }
    }

    /// `{base}/data_access_le/account/{account}/le[/{name}]`.
    fn resource(&self, name: &str) -> Result<Url, Fault> {
        let slash = if name.is_empty() { "" } else { "/" };
        let path = format!("/data_access_le/account/{}/le{slash}{name}", self.account);
        self.requests.origins.base().join(&path).map_err(|error| {
            Fault::new(FaultKind::Internal, Stage::List, format!("the resource has no URL ({error})"))
                .advise("check base_url")
        })
    }

    fn ask_document<'a>(&self, url: &'a Url, unit: &'a str, retries: Retries) -> Ask<'a> {
        let room = Room { max_memory_bytes: self.max_listing_bytes, beyond: Beyond::Refuse };
        Ask { url, unit, stage: Stage::List, room, retries }
    }
}

impl Source for DataAccess {
    fn account(&self) -> &AccountId {
        &self.account
    }

    fn streams(&self) -> BoxFuture<'_, Result<Vec<Stream>, Fault>> {
        Box::pin(async move {
            match &self.streams {
                Some(streams) => Ok(streams.clone()),
                None => self.linked_streams().await.map_err(|failure| match failure.cause {
                    // It answers, only not here: the streams may be well.
                    Cause::Status(_) | Cause::Stalled | Cause::Broken
                        if failure.fault.kind == FaultKind::Unavailable =>
                    {
                        Fault { kind: FaultKind::BadListing, ..failure.fault }
                    }
                    _ => failure.fault,
                }),
            }
        })
    }

    fn list(&self, stream: Stream, wanted: Wanted) -> BoxFuture<'_, Result<Listing, Fault>> {
        Box::pin(self.list_all(stream, wanted))
    }

    fn lists_all(&self) -> bool {
        true
    }

    fn fetch<'a>(&'a self, part: &'a Part) -> BoxFuture<'a, Result<Payload, Fault>> {
        Box::pin(self.fetch_part(part))
    }

    fn may_differ(&self) -> bool {
        true
    }
}

/// Refusals of the window itself, and failures that a wide window can cause.
fn less_may_help(failure: &Failure) -> bool {
    match failure.cause {
        // Overload, which more requests would not mend.
        _ if failure.wait.is_some() => false,
        Cause::Status(code) => matches!(code, 400 | 408 | 413 | 414 | 500..=599),
        Cause::Stalled | Cause::Broken => true,
        Cause::Settled => failure.fault.kind == FaultKind::CapExceeded,
        Cause::Connect => false,
    }
}

/// Documents are received into memory or refused.
fn memory(body: &Payload) -> &[u8] {
    match body {
        Payload::Memory(bytes) => bytes,
        Payload::File(..) => &[],
    }
}

#[cfg(test)]
mod tests;
