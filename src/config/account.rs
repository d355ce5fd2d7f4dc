//! One `[[account]]`: where it lives, how to sign in, which keys open its messages.

use std::path::PathBuf;

use super::environment::Environment;
use super::layers::{Layers, Origin, as_text};
use super::origin_url::{REGIONS, parse_address, parse_origin};
use super::secrets::{self, numbered};
use super::settings::{
    CLIENT_ID, CLIENT_SECRET, CONSUMER_KEY, CONSUMER_SECRET, PGP_PASSPHRASE, TOKEN, TOKEN_SECRET,
};
use super::{AccountConfig, ServiceWide};
use crate::model::{AccountId, AuthOptions, PgpOptions, Secret, ServiceOptions, Stream};

const DOMAIN_API_URL: &str = "https://api.liveperson.net";

/// What the file of `config init` has in place of an account: no account is called so.
const PLACEHOLDER: &str = "YOUR-ACCOUNT-ID";
const METHODS: &str = "choose one:
      oauth2  client id and secret, as the account's application installation shows them
      oauth1  consumer key, consumer secret, token and token secret of an API key (end of life in May 2026)
      bearer  a token in a file (token_file), which something else renews";

#[derive(Clone, Copy, PartialEq)]
enum Method {
    Oauth1,
    Oauth2,
    Bearer,
}

/// Reads account `index`. `None`: something is wrong and noted as a problem.
pub fn read_account(
    layers: &mut Layers,
    env: &Environment,
    index: usize,
    wide: &ServiceWide,
) -> Option<AccountConfig> {
    let id = read_id(layers, index);
    let base_url = read_base_url(layers, index);
    let streams = read_streams(layers, index);
    let auth = read_auth(layers, env, index);
    let pgp = read_pgp(layers, env, index);
    let service = ServiceOptions {
        account: id?,
        base_url: base_url?,
        streams,
        auth: auth?,
        retry: wide.retry.clone(),
        max_requests: wide.max_requests,
        max_memory_part_bytes: wide.max_memory_part_bytes,
        spool: wide.spool.clone(),
        max_listing_bytes: wide.max_listing_bytes,
    };
    Some(AccountConfig { service, pgp })
}

pub fn read_id(layers: &mut Layers, index: usize) -> Option<AccountId> {
    let key = numbered("account.id", index);
    let had = layers.has(&key);
    let id = layers.read(&key, None, AccountId::to_string, |raw| match as_text(raw)?.as_str() {
        PLACEHOLDER => Err("write the number of your account here, such as \"75555851\"".to_owned()),
        text => AccountId::parse(text),
    });
    if id.is_none() && !had {
        let or = layers.or_variable("LP_ARCHIVE_ACCOUNT_ID");
        layers
            .problems
            .push(format!("{key}{or} is missing: the number of the account, such as \"75555851\""));
    }
    id
}

fn read_base_url(layers: &mut Layers, index: usize) -> Option<String> {
    let region_key = numbered("account.region", index);
    let url_key = numbered("account.base_url", index);
    layers.keep_highest(&[&region_key, &url_key]);
    let given = (layers.has(&region_key), layers.has(&url_key));
    let region = layers.choice(&region_key, None, &REGIONS);
    let url = layers.read(&url_key, None, String::clone, |raw| parse_origin(&as_text(raw)?));
    match given {
        (true, true) => {
            let (region, url) = (layers.called(&region_key), layers.called(&url_key));
            layers.problems.push(format!("{region} and {url} are both given: keep one"));
            None
        }
        (false, false) => {
            let or = layers.or_variable("LP_ARCHIVE_REGION");
            layers.problems.push(format!(
                "{region_key}{or} is missing: us, uk or apac, where the account's data lies (or base_url = \"https://…\")"
            ));
            None
        }
        _ => url.or_else(|| {
            let url = region.map(str::to_owned)?;
            layers.note(&url_key, url.clone(), Origin::Default);
            Some(url)
        }),
    }
}

fn read_streams(layers: &mut Layers, index: usize) -> Option<Vec<Stream>> {
    let key = numbered("account.streams", index);
    let names = layers.list(&key)?;
    let known = || Stream::ALL.into_iter().map(Stream::resource);
    let mut streams = Vec::new();
    for name in &names {
        match Stream::from_resource(name) {
            Some(stream) if streams.contains(&stream) => {}
            Some(stream) => streams.push(stream),
            None => {
                let meant = known().find(|known| known.eq_ignore_ascii_case(name));
                let hint = meant.map_or_else(
                    || format!("'{name}' is none of {}", known().collect::<Vec<_>>().join(", ")),
                    |meant| format!("'{name}' is not a stream; did you mean {meant}?"),
                );
                let called = layers.called(&key);
                layers.problems.push(format!("{called}: {hint}"));
            }
        }
    }
    if names.is_empty() {
        let called = layers.called(&key);
        layers
            .problems
            .push(format!("{called}: the list is empty; leave the key out to archive every stream"));
    }
    Some(streams)
}

fn read_auth(layers: &mut Layers, env: &Environment, index: usize) -> Option<AuthOptions> {
    let key = numbered("account.auth.method", index);
    let words = [("oauth1", Method::Oauth1), ("oauth2", Method::Oauth2), ("bearer", Method::Bearer)];
    let had = layers.has(&key);
    let Some(method) = layers.choice(&key, None, &words) else {
        if !had {
            let or = layers.or_variable("LP_ARCHIVE_AUTH_METHOD");
            layers.problems.push(format!("{key}{or} is missing and has no default; {METHODS}"));
        }
        return None;
    };
    let mut secret = |setting| secrets::read(layers, env, index, &setting, true);
    match method {
        Method::Oauth1 => {
            let [key, secret, token, token_secret] =
                [CONSUMER_KEY, CONSUMER_SECRET, TOKEN, TOKEN_SECRET].map(&mut secret);
            Some(AuthOptions::Oauth1 {
                consumer_key: key?,
                consumer_secret: secret?,
                token: token?,
                token_secret: token_secret?,
            })
        }
        Method::Oauth2 => {
            let [client_id, client_secret] = [CLIENT_ID, CLIENT_SECRET].map(&mut secret);
            read_oauth2(layers, index, client_id, client_secret)
        }
        Method::Bearer => read_bearer(layers, index),
    }
}

fn read_oauth2(
    layers: &mut Layers,
    index: usize,
    client_id: Option<Secret>,
    client_secret: Option<Secret>,
) -> Option<AuthOptions> {
    let address = |raw: &_| parse_address(&as_text(raw)?);
    let token_url = layers.read(&numbered("account.auth.token_url", index), None, String::clone, address);
    let default = Some(DOMAIN_API_URL.to_owned());
    let domain_api_url =
        layers.read(&numbered("account.auth.domain_api_url", index), default, String::clone, address);
    Some(AuthOptions::Oauth2 {
        client_id: client_id?,
        client_secret: client_secret?,
        token_url,
        domain_api_url: domain_api_url?,
    })
}

fn read_bearer(layers: &mut Layers, index: usize) -> Option<AuthOptions> {
    let key = numbered("account.auth.token_file", index);
    let Some(token_file) = layers.path(&key) else {
        layers.problems.push(format!(
            "{key} is missing: with bearer the token is read from a file, and read again after a refusal"
        ));
        return None;
    };
    if !check_file(layers, &key, &token_file) {
        return None;
    }
    layers.note(
        &numbered("account.auth.token", index),
        secrets::REDACTED,
        Origin::SecretFile(token_file.clone()),
    );
    Some(AuthOptions::Bearer { token_file })
}

/// The PGP settings of account `index`.
pub fn read_pgp(layers: &mut Layers, env: &Environment, index: usize) -> PgpOptions {
    let key = numbered("account.pgp.key_files", index);
    let folder = layers.folder_of(&key);
    let key_files: Vec<PathBuf> =
        layers.list(&key).unwrap_or_default().iter().map(|name| folder.join(name)).collect();
    for file in &key_files {
        check_file(layers, &key, file);
    }
    let passphrase = secrets::read(layers, env, index, &PGP_PASSPHRASE, false);
    let accept_unprotected = layers.flag(&numbered("account.pgp.accept_unprotected", index), false);
    PgpOptions { key_files, passphrase, accept_unprotected }
}

/// Opens the file to see that it can be read; what is in it is for its room to judge.
fn check_file(layers: &mut Layers, key: &str, file: &std::path::Path) -> bool {
    match std::fs::File::open(file) {
        Ok(_) => {
            secrets::warn_if_open(layers, file);
            true
        }
        Err(error) => {
            let called = layers.called(key);
            layers.problems.push(format!(
                "{called}: cannot read {}: {error}; check the path and its permissions",
                file.display()
            ));
            false
        }
    }
}
