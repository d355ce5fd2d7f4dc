//! Signs requests with the configured method, and renews what can be renewed.
//!
//! ```text
//! credential() -> Key            OAuth 1.0a: every URL gets a signature of its own
//!              -> Token("ey…")   OAuth 2.0, bearer: the same header for every URL
//! 401          -> renew(refused) -> a new token, once; a key or an unchanged token file has none
//! ```
//!
//! The texts of keys and tokens leave this room in the `Authorization` header and the token request
//! only; [`Auth::redact`] takes them out of what the service echoes.

mod bearer;
mod oauth1;
mod oauth2;

use std::sync::Arc;

use chrono::Utc;
use reqwest::header::HeaderValue;
use url::Url;

use super::http::Transport;
use super::retry::Failure;
use crate::model::{AccountId, AuthOptions, EventSink, Fault, FaultKind, RetryOptions, Stage};
use bearer::Bearer;
use oauth1::Oauth1;
use oauth2::Oauth2;

/// The sign-in of one account.
pub(super) enum Auth {
    Oauth1(Oauth1),
    Oauth2(Box<Oauth2>),
    Bearer(Bearer),
}

/// What signs a request, as of one moment.
#[derive(Clone, PartialEq, Eq)]
pub(super) enum Credential {
    /// The key of OAuth 1.0a, which signs each URL anew.
    Key,
    Token(Arc<str>),
}

impl Auth {
    /// # Errors
    /// `Config`: a token file or token URL that cannot be used.
    pub(super) fn new(
        options: AuthOptions,
        account: &AccountId,
        transport: Arc<Transport>,
        retry: &RetryOptions,
        events: Arc<dyn EventSink>,
    ) -> Result<Auth, Fault> {
        Ok(match options {
            AuthOptions::Oauth1 { consumer_key, consumer_secret, token, token_secret } => {
                Auth::Oauth1(Oauth1 { consumer_key, consumer_secret, token, token_secret })
            }
            AuthOptions::Oauth2 { client_id, client_secret, token_url, domain_api_url } => {
                let place = oauth2::TokenPlace::new(token_url.as_deref(), &domain_api_url, account)?;
                Auth::Oauth2(Box::new(Oauth2::new(
                    client_id,
                    client_secret,
                    place,
                    transport,
                    retry.clone(),
                    events,
                )))
            }
            AuthOptions::Bearer { token_file } => Auth::Bearer(Bearer::open(token_file)?),
        })
    }

    /// What to sign with now; asks for a token when there is none that is still good.
    pub(super) async fn credential(&self) -> Result<Credential, Failure> {
        match self {
            Auth::Oauth1(_) => Ok(Credential::Key),
            Auth::Oauth2(oauth2) => oauth2.token(None).await.map(Credential::Token),
            Auth::Bearer(bearer) => Ok(Credential::Token(bearer.token())),
        }
    }

    /// Another credential than the `refused` one, or `None` where there is no other.
    pub(super) async fn renew(&self, refused: &Credential) -> Result<Option<Credential>, Failure> {
        match (self, refused) {
            (Auth::Oauth2(oauth2), Credential::Token(token)) => {
                Ok(Some(Credential::Token(oauth2.token(Some(token)).await?)))
            }
            (Auth::Bearer(bearer), Credential::Token(token)) => {
                Ok(bearer.renewed(token)?.map(Credential::Token))
            }
            _ => Ok(None),
        }
    }

    /// The `Authorization` header of a GET of `url`.
    ///
    /// # Errors
    /// `SignIn`: a token that no header can carry.
    pub(super) fn header(&self, credential: &Credential, url: &Url) -> Result<HeaderValue, Fault> {
        let text = match (self, credential) {
            (Auth::Oauth1(key), _) => key.header(url, &oauth1::nonce(), Utc::now().timestamp()),
            (_, Credential::Token(token)) => format!("Bearer {token}"),
            (_, Credential::Key) => String::new(),
        };
        let mut value = HeaderValue::from_str(&text).map_err(|_| {
            Fault::new(FaultKind::SignIn, Stage::SignIn, "the token has characters that no header can carry")
                .advise("check what wrote the token")
        })?;
        value.set_sensitive(true);
        Ok(value)
    }

    /// The method's name, as users write it in the configuration.
    pub(super) fn method(&self) -> &'static str {
        match self {
            Auth::Oauth1(_) => "oauth1 (OAuth 1.0a key)",
            Auth::Oauth2(_) => "oauth2 (client credentials)",
            Auth::Bearer(_) => "bearer (token file)",
        }
    }

    /// What to do after a refusal: the method's own points, then the other methods.
    pub(super) fn advice(&self) -> String {
        let (check, others) = match self {
            Auth::Oauth1(_) => (
                "check the four key values, the key's Data Access permission and the clock (OAuth 1.0 reached its \
                 end of life at LivePerson in May 2026)",
                "oauth2, bearer",
            ),
            Auth::Oauth2(_) => (
                "check client id and secret, and that the application is installed for this account",
                "oauth1, bearer",
            ),
            Auth::Bearer(_) => ("check that the token file is kept fresh", "oauth2, oauth1"),
        };
        format!("{check}, or try another [account.auth] method: {others}")
    }

    /// `text` without any secret that this sign-in holds.
    pub(super) fn redact(&self, text: String, credential: &Credential) -> String {
        let mut secrets: Vec<&str> = match self {
            Auth::Oauth1(key) => key.secrets().into(),
            Auth::Oauth2(oauth2) => oauth2.secrets().into(),
            Auth::Bearer(_) => Vec::new(),
        };
        if let Credential::Token(token) = credential {
            secrets.push(token);
        }
        redact(text, &secrets)
    }
}

/// Replaces each secret, as it is and percent-encoded. Very short ones would eat ordinary words.
fn redact(text: String, secrets: &[&str]) -> String {
    secrets.iter().filter(|secret| secret.len() >= 4).fold(text, |text, secret| {
        let encoded = oauth1::percent_encode(secret);
        let twice = oauth1::percent_encode(&encoded);
        text.replace(&twice, "…").replace(&encoded, "…").replace(secret, "…")
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn echoed_secrets_are_taken_out() {
        let text = "sig of tok/secret, tok%2Fsecret, tok%252Fsecret by abc".to_owned();
        assert_eq!(redact(text, &["tok/secret", "abc"]), "sig of …, …, … by abc");
    }
}
