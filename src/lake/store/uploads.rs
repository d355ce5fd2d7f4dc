//! Multipart uploads that are open at an S3 store: `object_store` cannot list them, and a process that dies between
//! the start of an upload and its note leaves one that nobody else knows of.
//!
//! ```text
//! GET /bucket/?uploads&prefix=lake/  ->  <Upload><Key>lake/geo/…-p2.parquet</Key><UploadId>a1</UploadId>…  ->  OpenUpload
//! ```
//! The request is one that the store itself signs ([`Signer`]).

use std::sync::Arc;
use std::time::Duration;

use object_store::ClientOptions;
use object_store::aws::AmazonS3;
use object_store::client::{HttpConnector, HttpRequest, HttpRequestBody, ReqwestConnector};
use object_store::path::Path;
use object_store::signer::{SignedUrlOptions, Signer};

use crate::model::parse_time;

/// An upload that was begun and neither completed nor aborted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::lake) struct OpenUpload {
    /// Relative to the lake.
    pub path: String,
    pub id: String,
    /// Milliseconds since 1970 by the store's clock.
    pub begun_ms: i64,
}

/// Pages that are read at most: more open uploads are a matter for the bucket's life-cycle rules.
const MAX_PAGES: usize = 20;

/// Every open upload below a prefix, paths as keys of the bucket. A text that tells why not: some stores do not know
/// the request, and some credentials may not send it.
pub(super) async fn list(s3: &Arc<AmazonS3>, prefix: &str) -> Result<Vec<OpenUpload>, String> {
    let client = ReqwestConnector::default()
        .connect(&ClientOptions::new().with_allow_http(true).with_timeout(Duration::from_secs(30)))
        .map_err(|error| error.to_string())?;
    let mut found = Vec::new();
    let mut marker: Option<(String, String)> = None;
    for _ in 0..MAX_PAGES {
        let mut query = vec![("uploads".to_owned(), String::new()), ("prefix".to_owned(), prefix.to_owned())];
        if let Some((key, id)) = marker.take() {
            query.extend([("key-marker".to_owned(), key), ("upload-id-marker".to_owned(), id)]);
        }
        let options = SignedUrlOptions::new().with_query(query);
        let mut request = HttpRequest::new(HttpRequestBody::empty());
        let url = s3
            .signed_url_opts(request.method().clone(), &Path::default(), Duration::from_secs(60), &options)
            .await
            .map_err(|error| error.to_string())?;
        *request.uri_mut() = url.as_str().parse().map_err(|_| "the URL cannot be asked".to_owned())?;
        let answer = client.execute(request).await.map_err(|error| error.to_string())?;
        if !answer.status().is_success() {
            return Err(format!("status {}", answer.status().as_u16()));
        }
        let body = answer.into_body().bytes().await.map_err(|error| error.to_string())?;
        let page = String::from_utf8_lossy(&body);
        found.extend(parse(&page));
        marker = match (value(&page, "NextKeyMarker"), value(&page, "NextUploadIdMarker")) {
            (Some(key), Some(id)) if value(&page, "IsTruncated") == Some("true") => {
                Some((plain(key), plain(id)))
            }
            _ => break,
        };
    }
    Ok(found)
}

fn parse(page: &str) -> Vec<OpenUpload> {
    let entry = |text: &str| {
        let (inner, _) = text.split_once("</Upload>")?;
        Some(OpenUpload {
            path: plain(value(inner, "Key")?),
            id: plain(value(inner, "UploadId")?),
            begun_ms: value(inner, "Initiated").and_then(|time| parse_time(time).ok()).unwrap_or(i64::MAX),
        })
    };
    page.split("<Upload>").skip(1).filter_map(entry).collect()
}

/// Text of the first element of this name.
fn value<'t>(text: &'t str, name: &str) -> Option<&'t str> {
    let (_, rest) = text.split_once(&format!("<{name}>"))?;
    Some(rest.split_once(&format!("</{name}>"))?.0)
}

/// Without XML's escapes. Ours hold none; what others named oddly must at least not be mistaken for ours.
fn plain(text: &str) -> String {
    let pairs =
        [("&lt;", "<"), ("&gt;", ">"), ("&quot;", "\""), ("&#39;", "'"), ("&apos;", "'"), ("&amp;", "&")];
    pairs.iter().fold(text.to_owned(), |text, (escape, sign)| text.replace(escape, sign))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_is_read() {
        let page = "<?xml version=\"1.0\"?><ListMultipartUploadsResult><Bucket>b</Bucket><KeyMarker></KeyMarker>\
            <NextKeyMarker>k&amp;2</NextKeyMarker><IsTruncated>true</IsTruncated>\
            <Upload><Key>lake/a&amp;b.parquet</Key><UploadId>id-1</UploadId><Owner><ID>x</ID></Owner>\
            <Initiated>2026-11-22T10:00:00.000Z</Initiated></Upload><Upload><Key>no id</Key></Upload>\
            </ListMultipartUploadsResult>";
        let expected =
            OpenUpload { path: "lake/a&b.parquet".into(), id: "id-1".into(), begun_ms: 1_795_341_600_000 };
        assert_eq!(parse(page), [expected]);
        assert_eq!(parse("not XML at all"), []);
        assert_eq!(value(page, "NextKeyMarker").map(plain).as_deref(), Some("k&2"));
    }
}
