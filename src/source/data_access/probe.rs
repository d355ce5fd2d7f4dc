//! What `doctor` asks of the service beside listing and fetching: whether it can be reached at all, what
//! time it has, and whether it accepts the sign-in.
//!
//! ```text
//! GET https://va.da.liveperson.net/   unsigned, any status   -> Probe { host, clock_ahead_s: Some(-7200) }
//! GET …/data_access_le/account/1/le   signed                 -> [agentActivity, webSession, …]
//! ```

use chrono::Utc;

use super::DataAccess;
use crate::model::{Fault, Stage, Stream};
use crate::source::refusal::clock_ahead_s;
use crate::source::retry::persist;

/// What an unsigned request tells.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Probe {
    pub host: String,
    /// Seconds by which the service's clock is ahead of this machine's; `None`: it did not tell its time.
    pub clock_ahead_s: Option<i64>,
}

impl DataAccess {
    /// Asks the configured origin for anything, without signing in.
    ///
    /// # Errors
    /// `Unavailable`: names, network, proxy or certificates stand in the way.
    pub async fn probe(&self) -> Result<Probe, Fault> {
        let requests = &self.requests;
        let url = requests.origins.base();
        let asked = persist(&requests.retry, &*requests.events, "the service", || async {
            requests.transport.get(url, None, Stage::List).await
        });
        let answer = asked.await.map_err(|failure| failure.fault.of(url.as_str().trim_end_matches('/')))?;
        Ok(Probe {
            host: url.host_str().unwrap_or_default().to_owned(),
            clock_ahead_s: clock_ahead_s(answer.headers(), Utc::now().timestamp_millis()),
        })
    }

    /// The streams that the base resource links to, whatever is configured.
    ///
    /// # Errors
    /// `SignIn` when the sign-in is refused; else what is wrong with the base resource.
    pub async fn offered_streams(&self) -> Result<Vec<Stream>, Fault> {
        self.linked_streams().await.map_err(|failure| failure.fault)
    }
}
