//! What the stand-in serves, to whom, and which of the fact sheet's open questions it decides how.

use std::path::PathBuf;

use bytes::Bytes;

use crate::model::{Scope, Stream};

/// Made-up credentials for every way to sign in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Credentials {
    pub consumer_key: String,
    pub consumer_secret: String,
    pub token: String,
    pub token_secret: String,
    pub client_id: String,
    pub client_secret: String,
    /// A login bearer that is accepted besides the issued tokens.
    pub bearer: String,
}

impl Default for Credentials {
    /// Values with characters that need percent-encoding, so that a signer that forgets it is refused.
    fn default() -> Credentials {
        Credentials {
            consumer_key: "demo-app-key".into(),
            consumer_secret: "demo+app/secret=".into(),
            token: "demo-token".into(),
            token_secret: "demo&token secret".into(),
            client_id: "00000000-demo-4000-8000-client000000".into(),
            client_secret: "demo client+secret&é".into(),
            bearer: "demo-login-bearer".into(),
        }
    }
}

/// Kinds of requests, as counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum RequestKind {
    Base,
    Listing,
    Schema,
    File,
    Domain,
    Token,
    Other,
}

/// Bytes of a served file.
#[derive(Clone, Debug)]
pub enum FileBody {
    Memory(Bytes),
    /// Read for each request, as it is sent.
    Path(PathBuf),
}

/// A file that is listed and served.
#[derive(Clone, Debug)]
pub struct ServedFile {
    pub stream: Stream,
    /// Without `.gz`; also a name that means nothing.
    pub name: String,
    pub scope: Scope,
    /// When the service made it: what `startTime` and `endTime` of a listing bound. Milliseconds since 1970.
    pub generated_ms: i64,
    pub body: FileBody,
    /// Account whose listing holds it; all accounts when absent.
    pub account: Option<String>,
}

impl ServedFile {
    /// A file made two and a half hours after the end of its scope.
    pub fn new(stream: Stream, name: impl Into<String>, scope: Scope, bytes: impl Into<Bytes>) -> ServedFile {
        ServedFile {
            stream,
            name: name.into(),
            scope,
            generated_ms: scope.end_ms + 9_000_000,
            body: FileBody::Memory(bytes.into()),
            account: None,
        }
    }
}

/// Form of `file` in a listing.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum FileField {
    #[default]
    Array,
    /// An object in place of an array of one.
    ObjectWhenOne,
}

/// What the service's pages leave open or contradict.
#[derive(Clone, Debug)]
pub struct Quirks {
    /// `@name` ends in `.gz` for every n-th file (0: never, 1: always).
    pub gz_in_name_every: usize,
    /// `@href` ends in `.gz` for every n-th file (0: never, 1: always).
    pub gz_in_href_every: usize,
    pub file_field: FileField,
    /// Status of an empty listing, with the text `No Available Files`; `None`: 200 and a listing.
    pub no_files_status: Option<u16>,
    /// In an empty listing with status 200: `file` missing (true) or null (false).
    pub no_files_omits_field: bool,
    /// Every file is listed twice.
    pub duplicates: bool,
    /// Files in an order that is neither by name nor by time.
    pub shuffled: bool,
    /// `@id` of a listing, when it differs from the account.
    pub listing_id: Option<String>,
    /// Origin of every href (`http://localhost:8080`), when it differs from the one called.
    pub href_origin: Option<String>,
    /// The Domain API answers for one service in the form of its list.
    pub domain_as_list: bool,
    /// Names without a scope, so that only the dates tell it.
    pub names_without_scope: bool,
}

impl Default for Quirks {
    fn default() -> Quirks {
        Quirks {
            gz_in_name_every: 2,
            gz_in_href_every: 1,
            file_field: FileField::ObjectWhenOne,
            no_files_status: Some(404),
            no_files_omits_field: true,
            duplicates: false,
            shuffled: false,
            listing_id: None,
            href_origin: None,
            domain_as_list: false,
            names_without_scope: false,
        }
    }
}

/// Settings of the stand-in.
#[derive(Clone, Debug)]
pub struct StandInOptions {
    pub accounts: Vec<String>,
    pub credentials: Credentials,
    /// 0: any free port.
    pub port: u16,
    pub quirks: Quirks,
    /// Streams that the base resource links to.
    pub linked: Vec<Stream>,
    /// Streams that are refused with 403.
    pub forbidden: Vec<Stream>,
    /// Widest listing window, in milliseconds; wider ones get 400.
    pub max_window_ms: Option<i64>,
    /// Whether OAuth 1.0a, OAuth 2.0 tokens and the login bearer are accepted.
    pub accepts_oauth1: bool,
    pub accepts_oauth2: bool,
    pub accepts_bearer: bool,
    /// Lifetime of a token, in seconds.
    pub token_seconds: i64,
    /// Tell `expires_in` beside the token.
    pub tells_expires_in: bool,
    /// How far an OAuth 1.0a timestamp may be from the service's clock, in seconds.
    pub timestamp_tolerance_seconds: i64,
    /// How much the service's clock (also its `Date` header) is ahead, in seconds.
    pub clock_ahead_seconds: i64,
    /// Document of the schema endpoint.
    pub schema: String,
}

impl Default for StandInOptions {
    fn default() -> StandInOptions {
        StandInOptions {
            accounts: vec!["75555851".into()],
            credentials: Credentials::default(),
            port: 0,
            quirks: Quirks::default(),
            linked: Stream::ALL.to_vec(),
            forbidden: Vec::new(),
            max_window_ms: None,
            accepts_oauth1: true,
            accepts_oauth2: true,
            accepts_bearer: true,
            token_seconds: 3600,
            tells_expires_in: true,
            timestamp_tolerance_seconds: 300,
            clock_ahead_seconds: 0,
            schema: include_str!("../../../fixtures/avro/AgentActivity.avsc").to_owned(),
        }
    }
}
