//! HTTP answers: plain ones, error bodies as the service writes them, and bodies that misbehave.

use std::io;

use bytes::Bytes;
use futures::StreamExt;
use futures::stream;
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt, Full, StreamBody};
use hyper::Response;
use hyper::body::Frame;
use hyper::header::{CONTENT_LENGTH, CONTENT_TYPE, HeaderValue};

use tokio::io::AsyncReadExt;

use super::{FaultAct, FileBody};

const FILE_TYPE: &str = "application/octet-stream";
const CHUNK_BYTES: usize = 256 << 10;

pub(super) type Body = UnsyncBoxBody<Bytes, io::Error>;
pub(super) type Answer = Response<Body>;

fn full(bytes: Bytes) -> Body {
    Full::new(bytes).map_err(|never| match never {}).boxed_unsync()
}

pub(super) fn answer(code: u16, content_type: &str, body: impl Into<Bytes>) -> Answer {
    let mut answer = Response::new(full(body.into()));
    *answer.status_mut() = hyper::StatusCode::from_u16(code).unwrap_or(hyper::StatusCode::IM_A_TEAPOT);
    if let Ok(value) = HeaderValue::from_str(content_type) {
        answer.headers_mut().insert(CONTENT_TYPE, value);
    }
    answer
}

/// The bytes of a file, without `Content-Encoding`: the service does not declare its gzip.
///
/// # Errors
/// When a file on disk cannot be opened.
pub(super) async fn file_answer(body: &FileBody) -> io::Result<Answer> {
    let path = match body {
        FileBody::Memory(bytes) => return Ok(answer(200, FILE_TYPE, bytes.clone())),
        FileBody::Path(path) => path,
    };
    let file = tokio::fs::File::open(path).await?;
    let length = file.metadata().await?.len();
    let chunks = stream::try_unfold(file, |mut file| async move {
        let mut chunk = vec![0; CHUNK_BYTES];
        let read = file.read(&mut chunk).await?;
        chunk.truncate(read);
        Ok((read > 0).then(|| (Frame::data(Bytes::from(chunk)), file)))
    });
    let (mut parts, _) = answer(200, FILE_TYPE, Bytes::new()).into_parts();
    parts.headers.insert(CONTENT_LENGTH, HeaderValue::from(length));
    Ok(Response::from_parts(parts, StreamBody::new(chunks).boxed_unsync()))
}

pub(super) fn json(code: u16, value: &serde_json::Value) -> Answer {
    answer(code, "application/json", value.to_string())
}

/// `{"time":ms,"message":"…","internalCode":n}`, as the sister services write it.
pub(super) fn json_error(code: u16, now_ms: i64, message: &str, internal: u32) -> Answer {
    json(code, &serde_json::json!({"time": now_ms, "message": message, "internalCode": internal}))
}

/// `<error>…</error>`, as file downloads with an `Accept` of their own got it (issue 129 of the vendor's
/// developer-center).
pub(super) fn xml_error(code: u16, now_ms: i64, message: &str, internal: u32) -> Answer {
    let body = format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\" standalone=\"yes\"?><error><time>{now_ms}</time><message>{message}</message><internalCode>{internal}</internalCode></error>"
    );
    answer(code, "application/xml", body)
}

/// The answer that a fault makes of the sound one; `None` cuts the connection.
pub(super) async fn spoil(act: FaultAct, sound: Answer) -> Option<Answer> {
    match act {
        FaultAct::Status { code, retry_after } => {
            let mut spoiled = answer(code, "text/plain", format!("fault on demand: {code}"));
            if let Some(value) = retry_after.and_then(|text| HeaderValue::from_str(&text).ok()) {
                spoiled.headers_mut().insert(hyper::header::RETRY_AFTER, value);
            }
            Some(spoiled)
        }
        FaultAct::Answer { code, content_type, body } => Some(answer(code, &content_type, body)),
        FaultAct::Reset { after_bytes: None } => None,
        FaultAct::Reset { after_bytes: Some(keep) } => {
            let cut = stream::iter([Err(io::Error::from(io::ErrorKind::ConnectionReset))]);
            Some(rebuilt(sound, keep, true, cut.boxed()).await)
        }
        FaultAct::Stall { after_bytes: None } => std::future::pending().await,
        FaultAct::Stall { after_bytes: Some(keep) } => {
            Some(rebuilt(sound, keep, true, stream::pending().boxed()).await)
        }
        FaultAct::Truncate { keep_bytes, declare_full } => {
            Some(rebuilt(sound, keep_bytes, declare_full, stream::empty().boxed()).await)
        }
        FaultAct::FlipByte { at } => {
            let (parts, bytes) = collected(sound).await;
            let mut bytes = bytes.to_vec();
            if let Some(byte) = bytes.get_mut(at) {
                *byte ^= 0x55;
            }
            Some(Response::from_parts(parts, full(bytes.into())))
        }
        FaultAct::Redirect { to } => {
            let mut spoiled = answer(302, "text/plain", "moved");
            if let Ok(value) = HeaderValue::from_str(&to) {
                spoiled.headers_mut().insert(hyper::header::LOCATION, value);
            }
            Some(spoiled)
        }
        FaultAct::HtmlPage => Some(answer(
            200,
            "text/html",
            "<!DOCTYPE html><html><body><h1>Service temporarily unavailable</h1></body></html>",
        )),
        FaultAct::DeclareLength { bytes } => {
            let (mut parts, _) = collected(sound).await;
            parts.headers.insert(CONTENT_LENGTH, HeaderValue::from(bytes));
            let first = stream::iter([Ok(Frame::data(Bytes::from_static(b"\x1f\x8b\x08\0")))]);
            Some(Response::from_parts(parts, StreamBody::new(first.chain(pause())).boxed_unsync()))
        }
        FaultAct::Delay { ms } => {
            tokio::time::sleep(std::time::Duration::from_millis(ms)).await;
            Some(sound)
        }
    }
}

async fn collected(answer: Answer) -> (hyper::http::response::Parts, Bytes) {
    let (parts, body) = answer.into_parts();
    let bytes = body.collect().await.map(|all| all.to_bytes()).unwrap_or_default();
    (parts, bytes)
}

/// The first bytes of the answer, then `rest`.
async fn rebuilt(
    sound: Answer,
    keep: usize,
    declare_full: bool,
    rest: stream::BoxStream<'static, io::Result<Frame<Bytes>>>,
) -> Answer {
    let (mut parts, bytes) = collected(sound).await;
    let kept = bytes.slice(..keep.min(bytes.len()));
    let declared = if declare_full { bytes.len() } else { kept.len() };
    parts.headers.insert(CONTENT_LENGTH, HeaderValue::from(declared));
    let first = stream::once(async move { Ok(Frame::data(kept)) });
    Response::from_parts(parts, StreamBody::new(first.chain(pause()).chain(rest)).boxed_unsync())
}

/// Lets what was sent reach the client before the connection ends.
fn pause() -> stream::BoxStream<'static, io::Result<Frame<Bytes>>> {
    stream::once(async {
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
        Ok(Frame::data(Bytes::new()))
    })
    .boxed()
}
