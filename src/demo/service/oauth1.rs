//! Verification of OAuth 1.0a signatures (RFC 5849, HMAC-SHA1), written apart from our own signer so that
//! the two check each other.
//!
//! ```text
//! Authorization: OAuth oauth_consumer_key="appkey0000", …, oauth_signature="r2cx…"
//!   -> parameters of header and query, percent-encoded, sorted -> base string -> HMAC -> equal?
//! ```

use std::collections::HashSet;

use aws_lc_rs::hmac;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use super::Credentials;

/// Nonces already used, with their timestamps.
pub(super) type Nonces = HashSet<(i64, String)>;

/// What is to be verified.
pub(super) struct Signed<'r> {
    pub method: &'r str,
    /// Scheme, host and port, in lower case, default ports left out: `http://127.0.0.1:8080`.
    pub origin: &'r str,
    /// As sent, still percent-encoded.
    pub path: &'r str,
    /// As sent, without `?`.
    pub query: &'r str,
    /// Value of the header.
    pub authorization: &'r str,
}

/// Checks a signed request.
///
/// # Errors
/// The value of `oauth_problem`, as the service words it.
pub(super) fn verify(
    signed: &Signed<'_>,
    credentials: &Credentials,
    now_seconds: i64,
    tolerance_seconds: i64,
    nonces: &mut Nonces,
) -> Result<(), &'static str> {
    let header = parse_header(signed.authorization).ok_or("parameter_absent")?;
    let value = |name: &str| {
        let mut found = header.iter().filter(|(n, _)| n == name).map(|(_, v)| v.as_str());
        match (found.next(), found.next()) {
            (Some(value), None) => Ok(value),
            (None, _) => Err("parameter_absent"),
            _ => Err("parameter_rejected"),
        }
    };
    if value("oauth_consumer_key")? != credentials.consumer_key {
        return Err("consumer_key_unknown");
    }
    if value("oauth_token")? != credentials.token {
        return Err("token_rejected");
    }
    if value("oauth_signature_method")? != "HMAC-SHA1" {
        return Err("signature_method_rejected");
    }
    if header.iter().any(|(name, value)| name == "oauth_version" && value != "1.0") {
        return Err("version_rejected");
    }
    let timestamp: i64 = value("oauth_timestamp")?.parse().map_err(|_| "timestamp_refused")?;
    let nonce = value("oauth_nonce")?.to_owned();
    let base = base_string(signed, &header);
    let key = format!("{}&{}", encode(&credentials.consumer_secret), encode(&credentials.token_secret));
    let key = hmac::Key::new(hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY, key.as_bytes());
    let signature = STANDARD.decode(value("oauth_signature")?).map_err(|_| "signature_invalid")?;
    hmac::verify(&key, base.as_bytes(), &signature).map_err(|_| "signature_invalid")?;
    if (timestamp - now_seconds).abs() > tolerance_seconds {
        return Err("timestamp_refused");
    }
    if nonce.is_empty() || !nonces.insert((timestamp, nonce)) {
        return Err("nonce_used");
    }
    Ok(())
}

/// `METHOD&url&parameters`, each part percent-encoded.
pub(super) fn base_string(signed: &Signed<'_>, header: &[(String, String)]) -> String {
    let query = signed.query.split('&').filter(|pair| !pair.is_empty()).map(|pair| {
        let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
        // In a query, + means a blank (RFC 5849, 3.4.1.3.1).
        (decode(&name.replace('+', " ")), decode(&value.replace('+', " ")))
    });
    let header = header.iter().filter(|(name, _)| name != "oauth_signature" && name != "realm").cloned();
    let mut pairs: Vec<(String, String)> =
        query.chain(header).map(|(name, value)| (encode(&name), encode(&value))).collect();
    pairs.sort();
    let parameters: Vec<String> = pairs.iter().map(|(name, value)| format!("{name}={value}")).collect();
    let url = format!("{}{}", signed.origin, signed.path);
    format!("{}&{}&{}", signed.method, encode(&url), encode(&parameters.join("&")))
}

/// Parameters of `OAuth name="value", …`, decoded.
pub(super) fn parse_header(header: &str) -> Option<Vec<(String, String)>> {
    let (scheme, rest) = header.split_once(' ')?;
    if !scheme.eq_ignore_ascii_case("OAuth") {
        return None;
    }
    rest.split(',')
        .map(|pair| {
            let (name, value) = pair.trim().split_once('=')?;
            let value = value.strip_prefix('"')?.strip_suffix('"')?;
            Some((decode(name), decode(value)))
        })
        .collect()
}

/// Percent-encodes all but letters, digits, `-`, `.`, `_`, `~` (RFC 5849, 3.6).
pub(super) fn encode(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            out.push(char::from(byte));
        } else {
            out.push_str(&format!("%{byte:02X}"));
        }
    }
    out
}

/// Undoes percent-encoding; what is not a valid escape stays as it is.
pub(super) fn decode(text: &str) -> String {
    let hex = |byte: Option<&u8>| byte.and_then(|b| char::from(*b).to_digit(16));
    let bytes = text.as_bytes();
    let mut out = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while let Some(&byte) = bytes.get(at) {
        match (byte, hex(bytes.get(at + 1)), hex(bytes.get(at + 2))) {
            (b'%', Some(high), Some(low)) => {
                out.push((high * 16 + low) as u8);
                at += 3;
            }
            _ => {
                out.push(byte);
                at += 1;
            }
        }
    }
    String::from_utf8_lossy(&out).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The test vector of the fact sheet.
    fn credentials() -> Credentials {
        Credentials {
            consumer_key: "appkey0000".into(),
            consumer_secret: "s3cret+key".into(),
            token: "token0000".into(),
            token_secret: "tok/secret".into(),
            ..Credentials::default()
        }
    }

    const HEADER: &str = r#"OAuth oauth_consumer_key="appkey0000", oauth_nonce="nonce123", oauth_signature="r2cxzOz5CeWfsONUh%2B97I56x59Y%3D", oauth_signature_method="HMAC-SHA1", oauth_timestamp="1700000000", oauth_token="token0000", oauth_version="1.0""#;

    fn signed<'r>(query: &'r str, authorization: &'r str) -> Signed<'r> {
        Signed {
            method: "GET",
            origin: "https://va.da.liveperson.net",
            path: "/data_access_le/account/12345678/le/agentActivity",
            query,
            authorization,
        }
    }

    const QUERY: &str = "startTime=1699990000000&endTime=1700000000000";

    #[test]
    fn the_vector_of_the_fact_sheet_is_accepted_once() {
        let mut nonces = Nonces::new();
        let request = signed(QUERY, HEADER);
        assert_eq!(
            base_string(&request, &parse_header(HEADER).unwrap()),
            "GET&https%3A%2F%2Fva.da.liveperson.net%2Fdata_access_le%2Faccount%2F12345678%2Fle%2FagentActivity&endTime%3D1700000000000%26oauth_consumer_key%3Dappkey0000%26oauth_nonce%3Dnonce123%26oauth_signature_method%3DHMAC-SHA1%26oauth_timestamp%3D1700000000%26oauth_token%3Dtoken0000%26oauth_version%3D1.0%26startTime%3D1699990000000"
        );
        assert_eq!(verify(&request, &credentials(), 1_700_000_100, 300, &mut nonces), Ok(()));
        assert_eq!(verify(&request, &credentials(), 1_700_000_100, 300, &mut nonces), Err("nonce_used"));
    }

    #[test]
    fn what_differs_is_refused() {
        for (query, header, now, problem) in [
            ("startTime=1&endTime=2", HEADER.to_owned(), 1_700_000_000, "signature_invalid"),
            (QUERY, HEADER.replace("r2cx", "r3cx"), 1_700_000_000, "signature_invalid"),
            (QUERY, HEADER.to_owned(), 1_700_000_301, "timestamp_refused"),
            (QUERY, HEADER.replace("appkey0000", "other"), 1_700_000_000, "consumer_key_unknown"),
            (QUERY, HEADER.replace("token0000", "other"), 1_700_000_000, "token_rejected"),
            (QUERY, HEADER.replace("HMAC-SHA1", "PLAINTEXT"), 1_700_000_000, "signature_method_rejected"),
            (QUERY, HEADER.replace("nonce123", "nonce124"), 1_700_000_000, "signature_invalid"),
            (QUERY, "Bearer x".to_owned(), 1_700_000_000, "parameter_absent"),
        ] {
            let outcome = verify(&signed(query, &header), &credentials(), now, 300, &mut Nonces::new());
            assert_eq!(outcome, Err(problem), "{header}");
        }
    }
}
