//! Text that must never be printed.

/// A secret. It has neither `Debug` nor `Display`, so that no log line or error can hold it; the
/// only way to its text is [`Secret::expose`], at the place where it is used.
#[derive(Clone)]
pub struct Secret(String);

impl Secret {
    pub fn new(text: impl Into<String>) -> Secret {
        Secret(text.into())
    }

    /// The text itself, for signing, signing in and unlocking keys only.
    pub fn expose(&self) -> &str {
        &self.0
    }
}
