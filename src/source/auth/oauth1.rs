//! OAuth 1.0a with HMAC-SHA1, in the `Authorization` header (RFC 5849). Pure, but for [`nonce`].
//!
//! ```text
//! GET https://va.da…/webSession?startTime=1&endTime=2
//!   -> base string   GET&https%3A%2F%2Fva.da…%2FwebSession&endTime%3D2%26oauth_consumer_key%3D…
//!   -> signature     HMAC-SHA1 with key "consumer secret&token secret", base64
//!   -> header        OAuth oauth_consumer_key="…", …, oauth_signature="…"
//! ```

use aws_lc_rs::hmac;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use url::{Position, Url};

use crate::model::Secret;

/// The four values of an API key.
pub(in crate::source) struct Oauth1 {
    pub(super) consumer_key: Secret,
    pub(super) consumer_secret: Secret,
    pub(super) token: Secret,
    pub(super) token_secret: Secret,
}

impl Oauth1 {
    /// The header of a GET of `url`, on one line. `timestamp`: seconds since 1970.
    pub(super) fn header(&self, url: &Url, nonce: &str, timestamp: i64) -> String {
        let timestamp = timestamp.to_string();
        let own = [
            ("oauth_consumer_key", self.consumer_key.expose()),
            ("oauth_nonce", nonce),
            ("oauth_signature_method", "HMAC-SHA1"),
            ("oauth_timestamp", &timestamp),
            ("oauth_token", self.token.expose()),
            ("oauth_version", "1.0"),
        ];
        let signature = self.sign(&base_string(url, &own));
        let fields: Vec<String> = own
            .into_iter()
            .chain([("oauth_signature", signature.as_str())])
            .map(|(name, value)| format!("{name}=\"{}\"", percent_encode(value)))
            .collect();
        format!("OAuth {}", fields.join(", "))
    }

    pub(super) fn secrets(&self) -> [&str; 4] {
        [
            self.consumer_secret.expose(),
            self.token_secret.expose(),
            self.consumer_key.expose(),
            self.token.expose(),
        ]
    }

    fn sign(&self, base: &str) -> String {
        let key = format!(
            "{}&{}",
            percent_encode(self.consumer_secret.expose()),
            percent_encode(self.token_secret.expose())
        );
        let key = hmac::Key::new(hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY, key.as_bytes());
        STANDARD.encode(hmac::sign(&key, base.as_bytes()))
    }
}

/// A text that no other request has.
pub(super) fn nonce() -> String {
    format!("{:032x}", rand::random::<u128>())
}

/// RFC 3986 percent-encoding: everything but letters, digits and `-._~`.
pub(super) fn percent_encode(text: &str) -> String {
    let mut encoded = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            encoded.push(char::from(byte));
        } else {
            encoded.push_str(&format!("%{byte:02X}"));
        }
    }
    encoded
}

/// RFC 5849, 3.4.1: method, URL without query (default ports left out), and all parameters, those of
/// the query included, encoded and sorted.
fn base_string(url: &Url, own: &[(&str, &str)]) -> String {
    let pair = |(name, value): (&str, &str)| (percent_encode(name), percent_encode(value));
    let mut parameters: Vec<(String, String)> = own.iter().copied().map(pair).collect();
    parameters.extend(url.query_pairs().map(|(name, value)| pair((name.as_ref(), value.as_ref()))));
    parameters.sort();
    let parameters: Vec<String> =
        parameters.into_iter().map(|(name, value)| format!("{name}={value}")).collect();
    let bare = &url[..Position::AfterPath];
    format!("GET&{}&{}", percent_encode(bare), percent_encode(&parameters.join("&")))
}

#[cfg(test)]
mod tests {
    use super::*;

    const VECTOR_URL: &str = "https://va.da.liveperson.net/data_access_le/account/12345678/le/agentActivity\
                              ?startTime=1699990000000&endTime=1700000000000";

    fn key() -> Oauth1 {
        Oauth1 {
            consumer_key: Secret::new("appkey0000"),
            consumer_secret: Secret::new("s3cret+key"),
            token: Secret::new("token0000"),
            token_secret: Secret::new("tok/secret"),
        }
    }

    #[test]
    fn the_vector_of_two_other_implementations() {
        let header = key().header(&Url::parse(VECTOR_URL).unwrap(), "nonce123", 1_700_000_000);
        assert_eq!(
            header,
            "OAuth oauth_consumer_key=\"appkey0000\", oauth_nonce=\"nonce123\", \
             oauth_signature_method=\"HMAC-SHA1\", oauth_timestamp=\"1700000000\", oauth_token=\"token0000\", \
             oauth_version=\"1.0\", oauth_signature=\"r2cxzOz5CeWfsONUh%2B97I56x59Y%3D\""
        );
    }

    #[test]
    fn the_base_string_of_the_vector() {
        let own = [
            ("oauth_consumer_key", "appkey0000"),
            ("oauth_nonce", "nonce123"),
            ("oauth_signature_method", "HMAC-SHA1"),
            ("oauth_timestamp", "1700000000"),
            ("oauth_token", "token0000"),
            ("oauth_version", "1.0"),
        ];
        assert_eq!(
            base_string(&Url::parse(VECTOR_URL).unwrap(), &own),
            "GET&https%3A%2F%2Fva.da.liveperson.net%2Fdata_access_le%2Faccount%2F12345678%2Fle%2FagentActivity&\
             endTime%3D1700000000000%26oauth_consumer_key%3Dappkey0000%26oauth_nonce%3Dnonce123%26\
             oauth_signature_method%3DHMAC-SHA1%26oauth_timestamp%3D1700000000%26oauth_token%3Dtoken0000%26\
             oauth_version%3D1.0%26startTime%3D1699990000000"
        );
    }

    /// The example of RFC 5849, 3.4.1.1, as far as a GET can have it.
    #[test]
    fn odd_parameters_are_decoded_encoded_and_sorted() {
        let url =
            Url::parse("http://EXAMPLE.com:80/r%20v/X?b5=%3D%253D&a3=a&c%40=&a2=r%20b&c2&a3=2+q").unwrap();
        assert_eq!(
            base_string(&url, &[("oauth_token", "kkk9d7dh3k39sjv7")]),
            "GET&http%3A%2F%2Fexample.com%2Fr%2520v%2FX&a2%3Dr%2520b%26a3%3D2%2520q%26a3%3Da%26\
             b5%3D%253D%25253D%26c%2540%3D%26c2%3D%26oauth_token%3Dkkk9d7dh3k39sjv7"
        );
    }

    #[test]
    fn no_two_requests_share_a_nonce() {
        assert_ne!(nonce(), nonce());
        assert_eq!(nonce().len(), 32);
    }
}
