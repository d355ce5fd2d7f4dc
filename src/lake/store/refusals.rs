//! What a store's refusal means for the user: the words of its answer, and what to do next. Pure.
//!
//! ```text
//! … 404 Not Found: <?xml …?><Error><Code>NoSuchBucket</Code><Message>The specified bucket…  ->  "make the bucket first …"
//! ```

/// Texts that tell the cause, and the advice for each; the first that is met counts.
const CAUSES: [(&[&str], &str); 7] = [
    (&["NoSuchBucket"], "make the bucket first, or correct `out`: this program makes objects, never buckets"),
    (
        &["SignatureDoesNotMatch", "InvalidAccessKeyId", "ExpiredToken", "InvalidToken"],
        "check AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY and AWS_SESSION_TOKEN (profile files in ~/.aws are not read)",
    ),
    (
        &[
            "Missing AccessKeyId",
            "Missing SecretAccessKey",
            "/latest/api/token",
            "/latest/meta-data",
            "169.254.169.254",
        ],
        "no credentials were found: set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or run where a web identity, \
         container or instance role is given. Profile files in ~/.aws are not read: \
         eval \"$(aws configure export-credentials --format env)\" sets the variables from them",
    ),
    (
        &["AccessDenied", "KMS."],
        "let these credentials list, read, write and delete below `out` (the README names the actions, those of KMS too)",
    ),
    (
        &["peer certificate"],
        "check the endpoint; behind an inspecting proxy or with an authority of your own, set SSL_CERT_FILE to a PEM file \
         with its CA certificates",
    ),
    (&["unsuccessful tunnel", "tunnel error", "proxy"], "check HTTPS_PROXY, HTTP_PROXY and NO_PROXY"),
    (
        &["failed to lookup address", "dns error"],
        "check AWS_REGION or AWS_ENDPOINT_URL, this machine's name resolution and, if it has no way out but a proxy, \
         HTTPS_PROXY",
    ),
];

/// What to do about an answer; `None` where nothing better than the usual is known.
pub(super) fn advice(text: &str) -> Option<&'static str> {
    let tells = |words: &[&str]| words.iter().any(|word| text.contains(word));
    CAUSES.iter().find(|(words, _)| tells(words)).map(|(_, advice)| *advice)
}

/// The error's own text and, where that does not tell it, the cause at its bottom: a refused certificate, a
/// name that cannot be resolved.
pub(super) fn whole(error: &dyn std::error::Error) -> String {
    let text = error.to_string();
    let bottom =
        std::iter::successors(error.source(), |error| error.source()).last().map(ToString::to_string);
    match bottom {
        Some(bottom) if !text.contains(&bottom) => format!("{text}: {bottom}"),
        _ => text,
    }
}

/// Puts code and message of an XML answer in the place of the whole of it.
pub(super) fn words(text: &str) -> String {
    let Some((before, xml)) = text.split_once("<?xml").or_else(|| text.split_once("<Error>")) else {
        return text.to_owned();
    };
    let value = |name: &str| {
        let (_, rest) = xml.split_once(&format!("<{name}>"))?;
        Some(rest.split_once("</")?.0.trim())
    };
    match (value("Code"), value("Message")) {
        (Some(code), message) => format!("{before}{code}: {}", message.unwrap_or("no reason is given")),
        _ => text.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_become_words_and_advice() {
        let xml = "404 Not Found: <?xml version=\"1.0\"?> <Error><Code>NoSuchBucket</Code><Message>No such \
                   bucket</Message><BucketName>b</BucketName></Error>";
        assert_eq!(words(xml), "404 Not Found: NoSuchBucket: No such bucket");
        assert!(advice(xml).unwrap().starts_with("make the bucket"));
        assert_eq!(words("403 <?xml cut"), "403 <?xml cut");
        assert_eq!(words("plain"), "plain");
        assert!(advice("Generic S3 error: Missing SecretAccessKey").unwrap().contains("~/.aws are not read"));
        assert_eq!(advice("timed out"), None);
    }
}
