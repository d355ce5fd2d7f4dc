//! A bearer token that something else writes to a file.
//!
//! ```text
//! token_file "ey…\n" -> Bearer ey…      401 -> read again: another token -> one more try
//!                                                       the same token    -> refused
//! ```

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::model::{Fault, FaultKind, Stage};

/// The token of a file, as last read.
pub(in crate::source) struct Bearer {
    file: PathBuf,
    token: Mutex<Arc<str>>,
}

impl Bearer {
    /// # Errors
    /// `Config`, when the file cannot be read or holds nothing.
    pub(super) fn open(file: PathBuf) -> Result<Bearer, Fault> {
        let token = Mutex::new(read(&file)?);
        Ok(Bearer { file, token })
    }

    pub(super) fn token(&self) -> Arc<str> {
        self.held().clone()
    }

    /// The file's token of now, unless it is still the refused one.
    ///
    /// # Errors
    /// As [`Bearer::open`].
    pub(super) fn renewed(&self, refused: &str) -> Result<Option<Arc<str>>, Fault> {
        let token = read(&self.file)?;
        if *token == *refused {
            return Ok(None);
        }
        *self.held() = token.clone();
        Ok(Some(token))
    }

    fn held(&self) -> MutexGuard<'_, Arc<str>> {
        self.token.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn read(file: &Path) -> Result<Arc<str>, Fault> {
    let refuse = |why: String| {
        Fault::new(FaultKind::Config, Stage::SignIn, format!("token_file \"{}\" {why}", file.display()))
            .advise("write the bare token to the file")
    };
    let text = std::fs::read_to_string(file).map_err(|error| refuse(format!("cannot be read: {error}")))?;
    match text.trim() {
        "" => Err(refuse("is empty".to_owned())),
        token if token.bytes().all(|b| b.is_ascii_graphic()) => Ok(Arc::from(token)),
        _ => Err(refuse("holds more than one word".to_owned())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_file_is_read_again_after_a_refusal() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("token");
        std::fs::write(&file, " one\n").unwrap();
        let bearer = Bearer::open(file.clone()).unwrap();
        assert_eq!(&*bearer.token(), "one");
        assert_eq!(bearer.renewed("one").unwrap(), None);
        std::fs::write(&file, "two").unwrap();
        assert_eq!(bearer.renewed("one").unwrap().as_deref(), Some("two"));
        assert_eq!(&*bearer.token(), "two");
    }

    #[test]
    fn useless_files_are_refused_without_their_content() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("token");
        assert!(Bearer::open(file.clone()).is_err());
        for content in ["", " \n", "two words-secret", "{\n\"token-secret\"\n}"] {
            std::fs::write(&file, content).unwrap();
            let fault = Bearer::open(file.clone()).err().unwrap();
            assert_eq!(fault.kind, FaultKind::Config);
            assert!(!fault.to_string().contains("secret"), "{fault}");
        }
    }
}
