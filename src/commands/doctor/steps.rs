//! The steps of `doctor`, in the order in which a run needs them. What does not need a failed step is tried
//! all the same.
//!
//! ```text
//! per account: service -> clock -> sign-in, base resource -> listing per stream -> key -> part per stream
//! once: destination
//! ```

use std::sync::Arc;

use tokio::runtime::Runtime;

use super::checklist::{Check, Checklist, State};
use crate::config::{AccountConfig, Config};
use crate::decode::Keyring;
use crate::lake::Lake;
use crate::model::{
    AuthOptions, Fault, FaultKind, Part, RetryOptions, SilentSink, Stage, Stream, Wanted, Window, format_ms,
};
use crate::pipeline::{inspect, now_ms};
use crate::report::{bytes_text, counted};
use crate::source::{DataAccess, Probe, Source};

const DAY_MS: i64 = 86_400_000;
/// Days in which the parts were made that are looked at first; the whole span that the service keeps only where these have nothing.
const DAYS: [i64; 2] = [3, 32];
/// Differences of the clocks that no way to sign in minds, in seconds.
const SAME_CLOCK_S: i64 = 60;
/// Someone waits: a try and a second one are enough to tell.
const MAX_TRIES: u32 = 2;

/// Does the steps of one configuration, telling each as it ends.
pub struct Steps<'a> {
    pub config: &'a Config,
    pub runtime: &'a Runtime,
    pub list: Checklist,
    pub tell: &'a mut dyn FnMut(&Check),
    /// The account whose steps are done.
    pub account: Option<String>,
}

impl Steps<'_> {
    /// Every step.
    pub fn all(&mut self) {
        let config = self.config;
        for account in &config.accounts {
            self.account = Some(account.service.account.to_string());
            self.one_account(account);
        }
        self.account = None;
        self.add(match Lake::probe(&config.out, self.runtime.handle().clone()) {
            Ok(probed) => {
                let what =
                    if probed.exists { "a lake is there" } else { "no lake yet, the first run makes it" };
                let said = format!("{} can be written, read, listed and deleted from; {what}", probed.place);
                Check::new("destination", State::Ok, said)
            }
            Err(fault) => Check::failed("destination", fault),
        });
    }

    fn one_account(&mut self, account: &AccountConfig) {
        let listed = self.connect(account).map(|source| {
            let parts = self.signed_steps(account, &source);
            (source, parts)
        });
        let keys = self.key(account);
        match listed {
            Some((source, Some(newest))) if !newest.is_empty() => {
                for part in newest {
                    let check = self.read_one(&source, &part, &keys);
                    self.add(check.of(part.id.stream));
                }
            }
            Some((_, Some(_))) => self.skip(&["part"], "no stream lists a part"),
            _ => self.skip(&["part"], "nothing could be listed"),
        }
    }

    /// Reaches the service and compares clocks.
    fn connect(&mut self, account: &AccountConfig) -> Option<DataAccess> {
        const REST: [&str; 4] = ["clock", "sign-in", "base resource", "listing"];
        let mut service = account.service.clone();
        service.retry =
            RetryOptions { max_tries: service.retry.max_tries.min(MAX_TRIES), ..service.retry.clone() };
        let source = {
            let _entered = self.runtime.enter();
            DataAccess::new(service, Arc::new(SilentSink))
        };
        let probed = source.and_then(|source| {
            let probe = self.runtime.block_on(source.probe())?;
            Ok((source, probe))
        });
        match probed {
            Ok((source, probe)) => {
                self.add(Check::new("service", State::Ok, format!("{} answers", probe.host)));
                self.add(clock(&probe, &account.service.auth));
                Some(source)
            }
            Err(fault) => {
                self.add(Check::failed("service", fault));
                self.skip(&REST, "the service cannot be reached");
                None
            }
        }
    }

    /// Sign-in, base resource and listings: the newest part of each stream, or `None` where nothing was listed.
    fn signed_steps(&mut self, account: &AccountConfig, source: &DataAccess) -> Option<Vec<Part>> {
        let method = method(&account.service.auth);
        let mut unproven = None;
        let offered = match self.runtime.block_on(source.offered_streams()) {
            Ok(offered) => {
                self.add(Check::new("sign-in", State::Ok, format!("{method} is accepted")));
                self.add(base_resource(&offered, account.service.streams.as_deref()));
                Some(offered)
            }
            Err(fault) if fault.stage == Stage::SignIn => {
                self.add(Check::failed("sign-in", fault));
                self.skip(&["base resource", "listing"], "the sign-in failed");
                return None;
            }
            Err(fault) => {
                unproven = Some(fault);
                None
            }
        };
        let streams = account.service.streams.clone().or(offered).unwrap_or_else(|| Stream::ALL.to_vec());
        let mut newest = Vec::new();
        let mut any = false;
        let mut later = Vec::new();
        for stream in streams {
            let check = match self.list_one(source, stream) {
                Ok((check, part)) => {
                    any = true;
                    self.list.streams_listed += 1;
                    newest.extend(part);
                    check
                }
                Err(fault) => Check::failed("listing", fault),
            };
            if unproven.is_some() {
                later.push(check.of(stream));
            } else {
                self.add(check.of(stream));
            }
        }
        if let Some(fault) = unproven {
            // Whoever is told that something is forbidden has been let in; whoever is told that it is not there
            // may be talking to anyone.
            let forbidden =
                |fault: &Fault| fault.kind == FaultKind::Forbidden && fault.message.starts_with("HTTP 403");
            let let_in = any
                || forbidden(&fault)
                || later.iter().filter_map(|check| check.fault.as_ref()).any(forbidden);
            let (state, said) = if let_in {
                (State::Ok, "is accepted")
            } else {
                (State::Skipped, "could not be checked: no answer of the service proves it")
            };
            self.add(Check::new("sign-in", state, format!("{method} {said}")));
            self.add(Check::failed("base resource", fault));
            later.into_iter().for_each(|check| self.add(check));
        }
        any.then_some(newest)
    }

    fn list_one(&self, source: &DataAccess, stream: Stream) -> Result<(Check, Option<Part>), Fault> {
        for days in DAYS {
            let wanted = Wanted {
                generated_from_ms: now_ms() - days * DAY_MS,
                scopes: Window { from_ms: i64::MIN, to_ms: i64::MAX },
            };
            let mut listing = self.runtime.block_on(source.list(stream, wanted))?;
            if let Some(fault) = listing.entry_faults.first() {
                let said = format!(
                    "{} cannot be used: {fault}",
                    counted(listing.entry_faults.len() as u64, "entry")
                );
                return Ok((Check::new("listing", State::Warning, said), listing.parts.pop()));
            }
            let count = counted(listing.parts.len() as u64, "part");
            if let Some(part) = listing.parts.pop() {
                let newest = format_ms(part.scope.start_ms);
                let said = format!("{count} of the last {days} days, the newest of {newest}");
                return Ok((Check::new("listing", State::Ok, said), Some(part)));
            }
        }
        let [_, days] = DAYS;
        let check =
            Check::new("listing", State::Warning, format!("accepted, but no part of the last {days} days"));
        Ok((check.advise("if there was traffic, ask LivePerson whether the data type is enabled"), None))
    }

    fn key(&mut self, account: &AccountConfig) -> Keyring {
        let keys = Keyring::load(&account.pgp)
            .map(|keys| keys.with_max_plaintext_bytes(self.config.limits.max_record_bytes as u64));
        let (check, keys) = match keys {
            Ok(keys) if keys.is_empty() => {
                (Check::new("key", State::Ok, "none is configured: files must not be encrypted"), keys)
            }
            Ok(keys) => match keys.warnings().as_slice() {
                [] => {
                    let files = counted(account.pgp.key_files.len() as u64, "key file");
                    (Check::new("key", State::Ok, format!("{files}, unlocked: {}", keys.held())), keys)
                }
                odd => (Check::new("key", State::Warning, odd.join("; ")), keys),
            },
            Err(fault) => (Check::failed("key", fault), Keyring::empty()),
        };
        self.add(check);
        keys
    }

    fn read_one(&self, source: &DataAccess, part: &Part, keys: &Keyring) -> Check {
        let read = self.runtime.block_on(source.fetch(part)).and_then(|payload| {
            let found =
                inspect(part, &payload, keys, &self.config.limits).map_err(|fault| fault.of(&part.id))?;
            Ok((payload.len(), found))
        });
        match read {
            Err(fault) => Check::failed("part", fault),
            Ok((bytes, found)) => {
                let opened = if found.encrypted_values { ", encrypted values opened" } else { "" };
                let size = format!("{} as received", bytes_text(bytes));
                let said = format!("{size}, {} read{opened}", counted(found.records, "record"));
                match found.first_reason {
                    None => Check::new("part", State::Ok, said),
                    Some(reason) => {
                        let rejected = counted(found.rejected, "record");
                        let said = format!("{said}; {rejected} would go to quarantine ({reason})");
                        Check::new("part", State::Warning, said)
                    }
                }
            }
        }
    }

    fn skip(&mut self, steps: &[&'static str], why: &str) {
        for step in steps {
            self.add(Check::new(step, State::Skipped, format!("not tried: {why}")));
        }
    }

    fn add(&mut self, mut check: Check) {
        check.account = self.account.clone();
        (self.tell)(&check);
        self.list.checks.push(check);
    }
}

fn clock(probe: &Probe, auth: &AuthOptions) -> Check {
    let Some(ahead) = probe.clock_ahead_s else {
        return Check::new("clock", State::Warning, "the service did not tell its time");
    };
    if ahead.abs() <= SAME_CLOCK_S {
        return Check::new("clock", State::Ok, "agrees with the service's");
    }
    let side = if ahead > 0 { "behind" } else { "ahead of" };
    let said = format!("this machine's clock is {} s {side} the service's", ahead.unsigned_abs());
    let advice = "set the clock of this machine (turn on NTP)";
    if matches!(auth, AuthOptions::Oauth1 { .. }) {
        let said = format!("{said}, and OAuth 1.0a signs the time");
        return Check::failed("clock", Fault::new(FaultKind::SignIn, Stage::SignIn, said).advise(advice));
    }
    Check::new("clock", State::Warning, said).advise(advice)
}

fn base_resource(offered: &[Stream], configured: Option<&[Stream]>) -> Check {
    let names = |streams: &[Stream]| streams.iter().map(|s| s.resource()).collect::<Vec<_>>().join(", ");
    let said = format!("offers {}", names(offered));
    let wanted = configured.unwrap_or_default().iter().filter(|stream| !offered.contains(stream));
    let wanted: Vec<Stream> = wanted.copied().collect();
    if wanted.is_empty() {
        return Check::new("base resource", State::Ok, said);
    }
    let said = format!("{said}, but not {}, which the configuration asks for", names(&wanted));
    Check::new("base resource", State::Warning, said).advise("ask LivePerson to enable the data type")
}

fn method(auth: &AuthOptions) -> &'static str {
    match auth {
        AuthOptions::Oauth1 { .. } => "oauth1",
        AuthOptions::Oauth2 { .. } => "oauth2",
        AuthOptions::Bearer { .. } => "bearer",
    }
}
