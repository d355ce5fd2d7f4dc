//! Who may come in: OAuth 1.0a signatures, tokens issued by the stand-in's own Sentinel, a login bearer.

use std::collections::HashMap;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::json;

use super::StandInOptions;
use super::answers::{Answer, answer, json as json_answer, json_error};
use super::oauth1::{self, Nonces, Signed};

/// What the service remembers of sign-ins.
#[derive(Default)]
pub(super) struct SignIn {
    nonces: Nonces,
    /// Issued tokens: account and second of expiry.
    tokens: HashMap<String, (String, i64)>,
    issued: u64,
}

impl SignIn {
    pub fn revoke(&mut self) {
        self.tokens.clear();
    }

    /// Checks a request for data of an account: the answer that refuses it, or nothing.
    pub fn refusal(
        &mut self,
        options: &StandInOptions,
        account: &str,
        signed: Option<&Signed<'_>>,
        now_ms: i64,
    ) -> Option<Answer> {
        let now = now_ms.div_euclid(1000);
        let refuse = || Some(json_error(401, now_ms, "Unauthorized request", 10));
        let Some(signed) = signed else { return refuse() };
        if let Some(token) = signed.authorization.strip_prefix("Bearer ") {
            let issued = options.accepts_oauth2
                && self.tokens.get(token).is_some_and(|(owner, until)| owner == account && now < *until);
            let login = options.accepts_bearer && token == options.credentials.bearer;
            return if issued || login { None } else { refuse() };
        }
        if !options.accepts_oauth1 {
            return refuse();
        }
        let tolerance = options.timestamp_tolerance_seconds;
        let problem = oauth1::verify(signed, &options.credentials, now, tolerance, &mut self.nonces).err()?;
        let advice = "Check%20the%20key,%20the%20secrets,%20the%20clock%20and%20the%20base%20string";
        let body = format!("oauth_problem={problem}&oauth_problem_advice={advice}");
        Some(answer(401, "text/plain", body))
    }

    /// Sentinel's token endpoint, version 2: form body in, JSON out.
    pub fn token(&mut self, options: &StandInOptions, account: &str, form: &[u8], now_ms: i64) -> Answer {
        let now = now_ms.div_euclid(1000);
        let form: HashMap<String, String> = url::form_urlencoded::parse(form).into_owned().collect();
        let field = |name: &str| form.get(name).map(String::as_str).unwrap_or_default();
        let refuse = |code, error: &str, text: &str| {
            json_answer(code, &json!({"error": error, "error_description": text}))
        };
        if field("grant_type") != "client_credentials" {
            return refuse(400, "unsupported_grant_type", "grant_type must be client_credentials");
        }
        let known = &options.credentials;
        if field("client_id") != known.client_id || field("client_secret") != known.client_secret {
            return refuse(400, "invalid_client", "client_id or client_secret is wrong");
        }
        self.issued += 1;
        let until = now + options.token_seconds;
        let claims = json!({
            "aud": format!("acc:{account}"), "azp": known.client_id, "scope": "", "iss": "Sentinel",
            "iat": now, "exp": until, "jti": self.issued.to_string(),
        });
        let part = |value: &serde_json::Value| URL_SAFE_NO_PAD.encode(value.to_string());
        let header = json!({"alg": "RS256", "typ": "JWT", "kid": "demo"});
        let token = format!("{}.{}.{}", part(&header), part(&claims), URL_SAFE_NO_PAD.encode("not signed"));
        self.tokens.insert(token.clone(), (account.to_owned(), until));
        let mut body = json!({"access_token": token, "token_type": "Bearer"});
        if let (true, Some(members)) = (options.tells_expires_in, body.as_object_mut()) {
            members.insert("expires_in".to_owned(), options.token_seconds.into());
        }
        json_answer(200, &body)
    }
}
