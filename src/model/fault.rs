//! Faults: what goes wrong, where, how bad it is, and what to do next.

use std::fmt;
use std::io;

/// The step of the flow in which something went wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stage {
    Configure,
    /// The lake, before anything is read from it or written to it.
    Open,
    SignIn,
    List,
    Fetch,
    Decode,
    Decrypt,
    Parse,
    Write,
    Commit,
}

impl Stage {
    /// Stable word for machines.
    pub fn code(self) -> &'static str {
        match self {
            Stage::Configure => "configure",
            Stage::Open => "open",
            Stage::SignIn => "sign_in",
            Stage::List => "list",
            Stage::Fetch => "fetch",
            Stage::Decode => "decode",
            Stage::Decrypt => "decrypt",
            Stage::Parse => "parse",
            Stage::Write => "write",
            Stage::Commit => "commit",
        }
    }
}

impl fmt::Display for Stage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Stage::Configure => "read the configuration",
            Stage::Open => "open the lake",
            Stage::SignIn => "sign in",
            Stage::List => "list",
            Stage::Fetch => "fetch",
            Stage::Decode => "decode",
            Stage::Decrypt => "decrypt",
            Stage::Parse => "parse",
            Stage::Write => "write",
            Stage::Commit => "commit",
        })
    }
}

/// What kind of fault it is: this alone decides exit code and what happens next.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum FaultKind {
    /// Wrong use of the program or wrong configuration.
    Config,
    /// The service refuses who we are (401) or the sign-in itself failed for good.
    SignIn,
    /// The service knows us and refuses this data (403, not enabled).
    Forbidden,
    /// Network, 429 or 5xx, still there after the retries. Another run may succeed.
    Unavailable,
    /// A listed part that the service does not deliver (404, 410).
    Gone,
    /// A listing that cannot be trusted or read.
    BadListing,
    /// An origin, redirect or href that must not be followed.
    Untrusted,
    /// Bytes that are not what they should be: truncated, wrong checksum, not a Data Access file.
    Damaged,
    /// The file holds another data type than the stream it was listed under.
    WrongType,
    /// No held key opens it, or the passphrase is wrong.
    KeyMissing,
    /// A message without integrity protection, which the configuration does not accept.
    Unprotected,
    /// Larger, deeper or more compressed than the caps allow.
    CapExceeded,
    /// Two different inputs claim to be the same part.
    Ambiguous,
    /// The lake cannot be read or written.
    Destination,
    /// The run was told to stop.
    Cancelled,
    /// A mistake of this program.
    Internal,
}

/// What a fault asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Remedy {
    /// Try the same again, now or in a later run.
    Retry,
    /// Give up this part (or stream), go on with the others.
    GiveUpUnit,
    /// Nothing else in this run can succeed.
    StopRun,
}

impl FaultKind {
    pub fn remedy(self) -> Remedy {
        match self {
            FaultKind::Unavailable => Remedy::Retry,
            FaultKind::Config | FaultKind::Destination | FaultKind::Cancelled => Remedy::StopRun,
            _ => Remedy::GiveUpUnit,
        }
    }

    /// Stable word for machines (JSON logs, ledger, raw notes).
    pub fn code(self) -> &'static str {
        match self {
            FaultKind::Config => "config",
            FaultKind::SignIn => "sign_in",
            FaultKind::Forbidden => "forbidden",
            FaultKind::Unavailable => "unavailable",
            FaultKind::Gone => "gone",
            FaultKind::BadListing => "bad_listing",
            FaultKind::Untrusted => "untrusted",
            FaultKind::Damaged => "damaged",
            FaultKind::WrongType => "wrong_type",
            FaultKind::KeyMissing => "key_missing",
            FaultKind::Unprotected => "unprotected",
            FaultKind::CapExceeded => "cap_exceeded",
            FaultKind::Ambiguous => "ambiguous",
            FaultKind::Destination => "destination",
            FaultKind::Cancelled => "cancelled",
            FaultKind::Internal => "internal",
        }
    }
}

/// Where in its unit a fault lies.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Place {
    /// Byte offset in the decoded text (or in the bytes as received, for decode faults).
    Byte(u64),
    /// JSON path inside the record at a byte offset.
    Json { byte: u64, path: String },
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Place::Byte(byte) => write!(f, "byte {byte}"),
            Place::Json { byte, path } => write!(f, "{path} of the record at byte {byte}"),
        }
    }
}

/// One thing that went wrong. Printed as
/// `failed to {stage} {unit} at {place}: {message}; {advice}`. Never holds content, secrets or query
/// strings.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    pub kind: FaultKind,
    pub stage: Stage,
    /// The part, stream, file or URL (without its query) that it concerns.
    pub unit: Option<String>,
    pub place: Option<Place>,
    /// A fragment that fits after "failed to …:".
    pub message: String,
    /// The next step, as an imperative.
    pub advice: Option<String>,
}

impl Fault {
    pub fn new(kind: FaultKind, stage: Stage, message: impl Into<String>) -> Fault {
        Fault { kind, stage, unit: None, place: None, message: message.into(), advice: None }
    }

    /// Names the unit, unless a deeper stage has named one.
    #[must_use]
    pub fn of(mut self, unit: impl fmt::Display) -> Fault {
        self.unit.get_or_insert_with(|| unit.to_string());
        self
    }

    #[must_use]
    pub fn at(mut self, place: Place) -> Fault {
        self.place.get_or_insert(place);
        self
    }

    #[must_use]
    pub fn advise(mut self, advice: impl Into<String>) -> Fault {
        self.advice.get_or_insert(advice.into());
        self
    }

    /// Wraps the fault so that it can travel through a `Read`; [`Fault::from_io`] unwraps it.
    pub fn into_io(self) -> io::Error {
        io::Error::other(self)
    }

    /// The fault that travelled inside an `io::Error`, or a new one made from the error's own text.
    pub fn from_io(error: io::Error, kind: FaultKind, stage: Stage) -> Fault {
        match error.downcast::<Fault>() {
            Ok(fault) => fault,
            Err(error) => Fault::new(kind, stage, error.to_string()),
        }
    }
}

impl Fault {
    /// What failed, without why: `failed to decode 1/survey/… at byte 42`.
    pub fn heading(&self) -> String {
        let mut text = match (self.stage, self.kind) {
            // What is configured as the lake is at fault, not the reading of the configuration.
            (Stage::Configure, FaultKind::Destination) => "failed to open the lake".to_owned(),
            // Nothing failed, and it is of no part.
            (_, FaultKind::Cancelled) => return "stopped".to_owned(),
            (stage, _) => format!("failed to {stage}"),
        };
        if let Some(unit) = &self.unit {
            text.push_str(if self.stage == Stage::SignIn { " for " } else { " " });
            text.push_str(unit);
        }
        if let Some(place) = &self.place {
            text.push_str(&format!(" at {place}"));
        }
        text
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.kind {
            // Nothing failed: the message says it all.
            FaultKind::Cancelled => f.write_str(&self.message)?,
            _ => write!(f, "{}: {}", self.heading(), self.message)?,
        }
        if let Some(advice) = &self.advice {
            write!(f, "; {advice}")?;
        }
        Ok(())
    }
}

impl std::error::Error for Fault {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_says_what_where_why_and_what_next() {
        let fault = Fault::new(FaultKind::Damaged, Stage::Decode, "the gzip data ends early")
            .of("1/survey/Survey.1.2.part-00000-0")
            .at(Place::Byte(42))
            .advise("fetch it again");
        assert_eq!(
            fault.to_string(),
            "failed to decode 1/survey/Survey.1.2.part-00000-0 at byte 42: the gzip data ends early; fetch it again"
        );
        for (kind, stage, text) in [
            (FaultKind::SignIn, Stage::SignIn, "failed to sign in for 1/survey: x"),
            (FaultKind::Destination, Stage::Configure, "failed to open the lake 1/survey: x"),
            (FaultKind::Config, Stage::Configure, "failed to read the configuration 1/survey: x"),
        ] {
            assert_eq!(Fault::new(kind, stage, "x").of("1/survey").to_string(), text);
        }
        let stopped = Fault::new(FaultKind::Cancelled, Stage::Commit, "stopped by a signal")
            .of("1/survey")
            .advise("go on");
        assert_eq!(stopped.to_string(), "stopped by a signal; go on");
        let back = Fault::from_io(fault.clone().into_io(), FaultKind::Internal, Stage::Parse);
        assert_eq!(back, fault);
    }
}
