//! Bytes in and out of the lake's folder or object store; the only home of `object_store`.
//!
//! ```text
//! "s3://bucket/lake" -> Store -> put("navigation/…/x.parquet", bytes) -> bucket key "lake/navigation/…/x.parquet"
//! ```
//! Everything here blocks the calling thread and must not be called from a tokio worker. Every failure is a
//! [`FaultKind::Destination`] with the cause's text once, without query strings.

use std::path::PathBuf;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use futures::{StreamExt, TryStreamExt, stream};
use object_store::aws::{AmazonS3, AmazonS3Builder};
use object_store::azure::MicrosoftAzureBuilder;
use object_store::gcp::GoogleCloudStorageBuilder;
use object_store::local::LocalFileSystem;
use object_store::multipart::{MultipartStore, PartId};
use object_store::path::Path;
use object_store::{
    BackoffConfig, Error, ObjectMeta, ObjectStore, ObjectStoreExt, ObjectStoreScheme, PutMode, PutPayload,
    RetryConfig,
};
use tokio::runtime::Handle;
use url::Url;

use super::lock;
use super::staging::{StagedFile, Staging};
use crate::model::{Fault, FaultKind, Stage};

mod refusals;
mod uploads;

pub(super) use uploads::OpenUpload;

/// Requests at once where several objects are read or written together.
const CONCURRENCY: usize = 12;

/// Outcome of a create-if-absent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Created {
    Made,
    Exists,
}

/// An object as a listing tells it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Listed {
    /// Relative to the lake.
    pub path: String,
    /// Milliseconds since 1970 by the store's clock.
    pub modified_ms: i64,
    pub bytes: u64,
}

/// The lake's folder or object store. Paths are relative to the lake's root.
pub(super) struct Store {
    inner: Arc<dyn ObjectStore>,
    kind: Kind,
    /// What every path begins with inside `inner`.
    prefix: Path,
    /// The store again, where it is S3.
    s3: Option<Arc<AmazonS3>>,
    runtime: Handle,
    /// Where the lake is, for texts: no credentials, no query.
    place: String,
    #[cfg(test)]
    pub trip: Option<Arc<super::tests::Trip>>,
}

enum Kind {
    Folder(Staging),
    Remote(Arc<dyn MultipartStore>),
}

/// A large object that is written piece by piece and becomes visible by [`Store::complete`].
pub(super) enum Upload {
    Staged(StagedFile),
    /// Path, upload id and the parts so far by number.
    Parts {
        path: String,
        id: String,
        parts: Mutex<Vec<Option<PartId>>>,
    },
}

impl Upload {
    /// Id of an upload that survives this process and must be aborted by name.
    pub fn id(&self) -> Option<&str> {
        match self {
            Upload::Staged(_) => None,
            Upload::Parts { id, .. } => Some(id),
        }
    }
}

impl Store {
    /// `out` is a path or a URL. A local folder need not exist; it is made only when `create`.
    /// `None`: a folder that does not exist and is not to be made.
    pub fn open(out: &str, create: bool, runtime: Handle) -> Result<Option<Store>, Fault> {
        let refuse = |message: String| {
            fault(Stage::Open, message)
                .of(scrub(out))
                .advise("give `out` as a folder or as a URL (file:, s3:, gs: or az:)")
        };
        let url = match Url::parse(out) {
            // A single letter is the drive of a Windows path.
            Ok(url) if url.scheme().len() > 1 => url,
            _ => return Store::open_folder(PathBuf::from(out), create, runtime),
        };
        if url.scheme() == "file" {
            let folder = url.to_file_path().map_err(|()| refuse("not a local file URL".to_owned()))?;
            return Store::open_folder(folder, create, runtime);
        }
        let place = format!("{}://{}{}", url.scheme(), url.host_str().unwrap_or(""), url.path());
        let (scheme, prefix) = ObjectStoreScheme::parse(&url).map_err(|error| refuse(text(&error.into())))?;
        let refuse = |error: Error| {
            let text = text(&error);
            let advice = refusals::advice(&text).unwrap_or(
                "check the URL and the credentials in the environment (AWS_*, GOOGLE_* or AZURE_* variables)",
            );
            fault(Stage::Open, text).of(&place).advise(advice)
        };
        let mut s3 = None;
        let (inner, parts): (Arc<dyn ObjectStore>, Arc<dyn MultipartStore>) = match scheme {
            ObjectStoreScheme::AmazonS3 => {
                let mut builder = AmazonS3Builder::from_env().with_url(url.as_str()).with_retry(patience());
                let endpoint = |name| std::env::var(name).is_ok_and(|at| at.starts_with("http://"));
                if endpoint("AWS_ENDPOINT_URL") || endpoint("AWS_ENDPOINT_URL_S3") {
                    // As the AWS tools do: an http endpoint is asked for by its scheme.
                    builder = builder.with_allow_http(true);
                }
                let store = Arc::new(builder.build().map_err(refuse)?);
                s3 = Some(store.clone());
                (store.clone(), store)
            }
            ObjectStoreScheme::GoogleCloudStorage => {
                let builder = GoogleCloudStorageBuilder::from_env().with_url(url.as_str());
                let store = builder.with_retry(patience()).build().map_err(refuse)?;
                let store = Arc::new(store);
                (store.clone(), store)
            }
            ObjectStoreScheme::MicrosoftAzure => {
                let builder = MicrosoftAzureBuilder::from_env().with_url(url.as_str());
                let store = builder.with_retry(patience()).build().map_err(refuse)?;
                let store = Arc::new(store);
                (store.clone(), store)
            }
            _ => {
                let message = format!("no lake can be kept in a {}: store", url.scheme());
                return Err(fault(Stage::Open, message).of(place).advise("use file:, s3:, gs: or az:"));
            }
        };
        Ok(Some(Store {
            inner,
            kind: Kind::Remote(parts),
            prefix,
            s3,
            runtime,
            place,
            #[cfg(test)]
            trip: None,
        }))
    }

    fn open_folder(folder: PathBuf, create: bool, runtime: Handle) -> Result<Option<Store>, Fault> {
        let place = folder.display().to_string();
        if create {
            std::fs::create_dir_all(&folder).map_err(|error| {
                let why =
                    if folder.is_file() { "it is a file, not a folder".into() } else { error.to_string() };
                fault(Stage::Open, why)
                    .of(&place)
                    .advise("give `out` as a folder that can be made and written, or change permissions")
            })?;
        } else if !folder.exists() {
            return Ok(None);
        }
        let refuse = |message: String| {
            fault(Stage::Open, message).of(&place).advise("check that `out` is a folder that can be read")
        };
        let folder = folder.canonicalize().map_err(|error| refuse(error.to_string()))?;
        if !folder.is_dir() {
            return Err(refuse("it is a file, not a folder".to_owned()));
        }
        let inner = LocalFileSystem::new_with_prefix(&folder).map_err(|error| refuse(text(&error)))?;
        let kind = Kind::Folder(Staging::new(folder));
        Ok(Some(Store {
            inner: Arc::new(inner),
            kind,
            prefix: Path::default(),
            s3: None,
            runtime,
            place,
            #[cfg(test)]
            trip: None,
        }))
    }

    #[cfg(test)]
    pub fn in_memory(runtime: Handle) -> (Store, Arc<object_store::memory::InMemory>) {
        let store = Arc::new(object_store::memory::InMemory::new());
        let kind = Kind::Remote(store.clone());
        let prefix = Path::from("some/prefix");
        (
            Store {
                inner: store.clone(),
                kind,
                prefix,
                s3: None,
                runtime,
                place: "memory:".into(),
                trip: None,
            },
            store,
        )
    }

    /// Where the lake is, for texts.
    pub fn place(&self) -> &str {
        &self.place
    }

    /// Writes, over what is there.
    pub fn put(&self, path: &str, bytes: Bytes) -> Result<(), Fault> {
        self.pass(true, || match &self.kind {
            Kind::Folder(staging) => stage(staging, &bytes)
                .and_then(|file| file.replace(path))
                .map_err(|error| self.failed(Stage::Write, path, error.to_string())),
            Kind::Remote(_) => {
                let at = self.at(path);
                self.wait(Stage::Write, path, self.inner.put(&at, PutPayload::from(bytes))).map(drop)
            }
        })
    }

    /// Writes what may be gone or empty after a loss of power, and for which nothing waits on the disk.
    pub fn put_lightly(&self, path: &str, bytes: Bytes) -> Result<(), Fault> {
        let Kind::Folder(staging) = &self.kind else { return self.put(path, bytes) };
        self.pass(true, || {
            stage(staging, &bytes)
                .and_then(|file| file.replace_lightly(path))
                .map_err(|error| self.failed(Stage::Write, path, error.to_string()))
        })
    }

    /// Writes unless something is there. An error leaves open whether it was written.
    pub fn create(&self, path: &str, bytes: Bytes) -> Result<Created, Fault> {
        self.pass(true, || match &self.kind {
            Kind::Folder(staging) => stage(staging, &bytes)
                .and_then(|file| file.create(path))
                .map(|made| if made { Created::Made } else { Created::Exists })
                .map_err(|error| self.failed(Stage::Commit, path, error.to_string())),
            Kind::Remote(_) => {
                let at = self.at(path);
                let put = self.inner.put_opts(&at, PutPayload::from(bytes), PutMode::Create.into());
                match self.runtime.block_on(put) {
                    Ok(_) => Ok(Created::Made),
                    Err(Error::AlreadyExists { .. } | Error::Precondition { .. }) => Ok(Created::Exists),
                    Err(error) => Err(self.failed(Stage::Commit, path, text(&error))),
                }
            }
        })
    }

    /// Whole object, or `None` if there is none.
    pub fn get(&self, path: &str) -> Result<Option<Bytes>, Fault> {
        self.pass(false, || {
            let at = self.at(path);
            let read = async { self.inner.get(&at).await?.bytes().await };
            match self.runtime.block_on(read) {
                Ok(bytes) => Ok(Some(bytes)),
                Err(Error::NotFound { .. }) => Ok(None),
                Err(error) => Err(self.failed(Stage::List, path, text(&error))),
            }
        })
    }

    /// Whole objects, in any order. All must be there.
    pub fn get_all(&self, paths: Vec<String>) -> Result<Vec<(String, Bytes)>, Fault> {
        let reads = stream::iter(paths).map(|path| async move {
            let read = async { self.inner.get(&self.at(&path)).await?.bytes().await };
            match read.await {
                Ok(bytes) => Ok((path, bytes)),
                Err(error) => Err(self.failed(Stage::List, &path, text(&error))),
            }
        });
        self.runtime.block_on(reads.buffer_unordered(CONCURRENCY).try_collect())
    }

    /// A piece of an object, from its byte `start` on.
    pub fn get_range(&self, path: &str, start: u64, bytes: u64) -> Result<Bytes, Fault> {
        self.pass(false, || {
            let range = start..start.saturating_add(bytes);
            self.wait(Stage::List, path, self.inner.get_range(&self.at(path), range))
        })
    }

    /// An object's file, where the lake is a folder.
    pub fn open_file(&self, path: &str) -> Option<Result<std::fs::File, Fault>> {
        let Kind::Folder(staging) = &self.kind else { return None };
        Some(staging.open(path).map_err(|error| self.failed(Stage::List, path, error.to_string())))
    }

    /// Bytes of an object, or `None` if there is none.
    pub fn size(&self, path: &str) -> Result<Option<u64>, Fault> {
        self.pass(false, || match &self.kind {
            Kind::Folder(staging) => {
                staging.size(path).map_err(|error| self.failed(Stage::Write, path, error.to_string()))
            }
            Kind::Remote(_) => match self.runtime.block_on(self.inner.head(&self.at(path))) {
                Ok(meta) => Ok(Some(meta.size)),
                Err(Error::NotFound { .. }) => Ok(None),
                Err(error) => Err(self.failed(Stage::Write, path, text(&error))),
            },
        })
    }

    /// Deletes for good; a missing object is no error.
    pub fn delete(&self, path: &str) -> Result<(), Fault> {
        self.pass(true, || match &self.kind {
            Kind::Folder(staging) => {
                staging.remove(path).map_err(|error| self.failed(Stage::Write, path, error.to_string()))
            }
            Kind::Remote(_) => match self.runtime.block_on(self.inner.delete(&self.at(path))) {
                Ok(()) | Err(Error::NotFound { .. }) => Ok(()),
                Err(error) => Err(self.failed(Stage::Write, path, text(&error))),
            },
        })
    }

    /// Deletes what may come back with a loss of power without harm; a missing object is no error.
    pub fn delete_lightly(&self, path: &str) -> Result<(), Fault> {
        let Kind::Folder(staging) = &self.kind else { return self.delete(path) };
        self.pass(true, || {
            staging.drop_file(path).map_err(|error| self.failed(Stage::Write, path, error.to_string()))
        })
    }

    /// Everything under a folder.
    pub fn list(&self, folder: &str) -> Result<Vec<Listed>, Fault> {
        self.pass(false, || {
            let at = self.at(folder);
            self.collect(folder, self.inner.list(Some(&at)))
        })
    }

    /// Everything under a folder whose path sorts after `offset`.
    pub fn list_after(&self, folder: &str, offset: &str) -> Result<Vec<Listed>, Fault> {
        let (at, offset) = (self.at(folder), self.at(offset));
        self.collect(folder, self.inner.list_with_offset(Some(&at), &offset))
    }

    /// Names of the folders right below a folder; `""` is the lake's root.
    pub fn folders(&self, below: &str) -> Result<Vec<String>, Fault> {
        let at = self.at(below);
        let listed = self.wait(Stage::List, below, self.inner.list_with_delimiter(Some(&at)))?;
        let names = listed.common_prefixes.iter().filter_map(|path| path.filename().map(str::to_owned));
        Ok(names.collect())
    }

    fn collect(
        &self,
        folder: &str,
        listing: stream::BoxStream<'static, object_store::Result<ObjectMeta>>,
    ) -> Result<Vec<Listed>, Fault> {
        let metas: Vec<ObjectMeta> = self.wait(Stage::List, folder, listing.try_collect())?;
        let prefix = self.prefix.as_ref();
        let relative = |path: &Path| {
            let path = path.as_ref();
            path.strip_prefix(prefix).unwrap_or(path).trim_start_matches('/').to_owned()
        };
        Ok(metas
            .iter()
            .map(|meta| Listed {
                path: relative(&meta.location),
                modified_ms: meta.last_modified.timestamp_millis(),
                bytes: meta.size,
            })
            .collect())
    }

    /// Starts a large object. Nothing is visible before [`Store::complete`].
    pub fn begin_upload(&self, path: &str) -> Result<Upload, Fault> {
        self.pass(true, || match &self.kind {
            Kind::Folder(staging) => staging
                .begin()
                .map(Upload::Staged)
                .map_err(|error| self.failed(Stage::Write, path, error.to_string())),
            Kind::Remote(store) => {
                let id = self.wait(Stage::Write, path, store.create_multipart(&self.at(path)))?;
                Ok(Upload::Parts { path: path.to_owned(), id, parts: Mutex::default() })
            }
        })
    }

    /// Writes piece `index` (from 0, without gaps at the end), which begins at byte `offset`. Pieces may
    /// come in any order and from several threads; all but the last must have the same size.
    pub fn put_piece(&self, upload: &Upload, index: usize, offset: u64, bytes: Bytes) -> Result<(), Fault> {
        self.pass(true, || match upload {
            Upload::Staged(file) => file
                .write_at(offset, &bytes)
                .map_err(|error| self.failed(Stage::Write, "a staged object", error.to_string())),
            Upload::Parts { path, id, parts } => {
                let Kind::Remote(store) = &self.kind else { return Ok(()) };
                let at = self.at(path);
                let part = self.wait(Stage::Write, path, store.put_part(&at, id, index, bytes.into()))?;
                let mut parts = lock(parts);
                if parts.len() <= index {
                    parts.resize(index + 1, None);
                }
                if let Some(slot) = parts.get_mut(index) {
                    *slot = Some(part);
                }
                Ok(())
            }
        })
    }

    /// Makes a large object visible.
    pub fn complete(&self, upload: &Upload, path: &str) -> Result<(), Fault> {
        self.pass(true, || match upload {
            Upload::Staged(file) => {
                file.replace(path).map_err(|error| self.failed(Stage::Write, path, error.to_string()))
            }
            Upload::Parts { path, id, parts } => {
                let Kind::Remote(store) = &self.kind else { return Ok(()) };
                let parts: Option<Vec<PartId>> = lock(parts).iter().cloned().collect();
                let parts = parts.ok_or_else(|| {
                    Fault::new(FaultKind::Internal, Stage::Write, "a piece of a large object is missing")
                        .of(path)
                })?;
                self.wait(Stage::Write, path, store.complete_multipart(&self.at(path), id, parts)).map(drop)
            }
        })
    }

    /// Aborts the upload of another process, or one's own. An upload that is gone is no error.
    pub fn abort(&self, path: &str, id: &str) -> Result<(), Fault> {
        self.pass(true, || {
            let Kind::Remote(store) = &self.kind else { return Ok(()) };
            match self.runtime.block_on(store.abort_multipart(&self.at(path), &id.to_owned())) {
                Ok(()) | Err(Error::NotFound { .. }) => Ok(()),
                Err(error) if gone_upload(&text(&error)) => Ok(()),
                Err(error) => Err(self.failed(Stage::Write, path, text(&error))),
            }
        })
    }

    /// Uploads below the lake that are open, whoever began them; none where that cannot be found out (not S3, or not
    /// permitted): notes name nearly all of them, and a life-cycle rule of the bucket takes the rest.
    pub fn open_uploads(&self) -> Result<Vec<OpenUpload>, Fault> {
        self.pass(false, || {
            let Some(s3) = &self.s3 else { return Ok(Vec::new()) };
            let prefix = match self.prefix.as_ref() {
                "" => String::new(),
                prefix => format!("{prefix}/"),
            };
            let mut found = self.runtime.block_on(uploads::list(s3, &prefix)).unwrap_or_default();
            found.retain_mut(|upload| match upload.path.strip_prefix(&prefix) {
                Some(relative) => {
                    upload.path = relative.to_owned();
                    true
                }
                None => false,
            });
            Ok(found)
        })
    }

    /// Removes half-written files of dead processes; object stores have none.
    pub fn sweep(&self) -> Result<u64, Fault> {
        match &self.kind {
            Kind::Folder(staging) => staging
                .sweep()
                .map_err(|error| self.failed(Stage::Write, "the staging folder", error.to_string())),
            Kind::Remote(_) => Ok(0),
        }
    }

    /// Whether it is a local folder: there, a failed write is certain not to come into effect later.
    pub fn is_folder(&self) -> bool {
        matches!(self.kind, Kind::Folder(_))
    }

    /// Every access goes through here, so that tests can make each one fail.
    fn pass<T>(&self, change: bool, access: impl FnOnce() -> Result<T, Fault>) -> Result<T, Fault> {
        #[cfg(test)]
        if let Some(trip) = &self.trip {
            return trip.pass(change, access);
        }
        let _ = change;
        access()
    }

    fn wait<T>(
        &self,
        stage: Stage,
        path: &str,
        request: impl Future<Output = object_store::Result<T>>,
    ) -> Result<T, Fault> {
        self.runtime.block_on(request).map_err(|error| self.failed(stage, path, text(&error)))
    }

    fn at(&self, path: &str) -> Path {
        self.prefix.parts().chain(Path::from(path).parts()).collect()
    }

    fn failed(&self, stage: Stage, path: &str, message: String) -> Fault {
        let advice = match self.kind {
            Kind::Folder(_) => "check the folder's free space and permissions, then run again",
            Kind::Remote(_) => refusals::advice(&message).unwrap_or(
                "check that the store can be reached and that the credentials may list, read, write and delete \
                 there, then run again",
            ),
        };
        fault(stage, message).of(format!("{} in {}", path, self.place)).advise(advice)
    }
}

/// How long a store may be away: a minute, about. The library's own ten tries can be over in three seconds where a
/// store that starts again refuses at once.
fn patience() -> RetryConfig {
    RetryConfig {
        backoff: BackoffConfig {
            init_backoff: Duration::from_millis(250),
            max_backoff: Duration::from_secs(15),
            base: 3.0,
        },
        max_retries: 10,
        retry_timeout: Duration::from_secs(120),
    }
}

fn stage(staging: &Staging, bytes: &[u8]) -> std::io::Result<StagedFile> {
    let file = staging.begin()?;
    file.write_at(0, bytes)?;
    Ok(file)
}

fn fault(stage: Stage, message: String) -> Fault {
    Fault::new(FaultKind::Destination, stage, message)
}

/// Whether a store says in words alone that there is no such upload.
fn gone_upload(text: &str) -> bool {
    ["NoSuchUpload", "MultipartUpload not found"].iter().any(|words| text.contains(words))
}

/// The error's text, which holds its causes, on one line, of bounded length and without query strings.
fn text(error: &Error) -> String {
    let line =
        scrub(&refusals::words(&refusals::whole(error))).split_whitespace().collect::<Vec<_>>().join(" ");
    match line.char_indices().nth(600) {
        Some((end, _)) => format!("{}…", line.get(..end).unwrap_or_default()),
        None => line,
    }
}

/// Cuts queries and user names out of every URL in a text: they may hold signatures and passwords.
fn scrub(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find("://") {
        let (before, url) = rest.split_at(at + 3);
        out.push_str(before);
        let ends = |c: char| c.is_whitespace() || "\"'<>(),;".contains(c);
        let (url, after) = url.split_at(url.find(ends).unwrap_or(url.len()));
        let url = url.split(['?', '#']).next().unwrap_or_default();
        let (host, path) = url.split_at(url.find('/').unwrap_or(url.len()));
        out.push_str(host.rsplit('@').next().unwrap_or_default());
        out.push_str(path);
        rest = after;
    }
    out.push_str(rest);
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_hold_no_query_and_no_password() {
        for (text, clean) in [
            ("GET https://u:p@h/a?sig=1#f failed", "GET https://h/a failed"),
            ("(https://h?x=y) and http://i/b?z", "(https://h) and http://i/b"),
            ("no url? none", "no url? none"),
            ("s3://", "s3://"),
        ] {
            assert_eq!(scrub(text), clean);
        }
    }

    #[test]
    fn places_that_hold_no_lake_are_refused() {
        let runtime = tokio::runtime::Runtime::new().unwrap();
        let file = tempfile::NamedTempFile::new().unwrap();
        for out in ["ftp://h/x", "https://example.com/x", "s3://", file.path().to_str().unwrap()] {
            let fault = Store::open(out, true, runtime.handle().clone()).err().unwrap();
            assert_eq!(fault.kind, FaultKind::Destination, "{out}");
            assert!(fault.advice.is_some(), "{fault}");
        }
    }

    #[test]
    fn a_missing_folder_is_not_made_for_reading() {
        let runtime = tokio::runtime::Runtime::new().unwrap();
        let folder = tempfile::tempdir().unwrap();
        let missing = folder.path().join("lake");
        let out = missing.to_str().unwrap();
        assert!(Store::open(out, false, runtime.handle().clone()).unwrap().is_none());
        assert!(!missing.exists());
        assert!(Store::open(&format!("file://{out}"), true, runtime.handle().clone()).unwrap().is_some());
        assert!(missing.exists());
    }
}
