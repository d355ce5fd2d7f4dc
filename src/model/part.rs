//! Parts: the files that the service lists, each archived or not.

use std::fmt;

use super::Stream;

/// An account (site) id as configured: 1 to 20 letters, digits or underscores, so that it is safe
/// as a path segment. Source of the pattern: an early page of the Data Access API.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct AccountId(String);

impl AccountId {
    /// # Errors
    /// A fragment that states the pattern.
    pub fn parse(text: &str) -> Result<AccountId, String> {
        let fits =
            (1..=20).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_');
        if fits {
            Ok(AccountId(text.to_owned()))
        } else {
            Err(format!("account id {text:?} is not 1 to 20 letters, digits or underscores"))
        }
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for AccountId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// The span of time for which the service made a file, in milliseconds since 1970 (UTC).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Scope {
    pub start_ms: i64,
    pub end_ms: i64,
}

/// What makes a part the same part: account, stream and the listed name without `.gz`.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct PartId {
    pub account: AccountId,
    pub stream: Stream,
    /// `WebSession.1464778800000.1464782400000.part-00000-0`; data from outside, never a path.
    pub name: String,
}

impl fmt::Display for PartId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}/{}", self.account, self.stream, self.name)
    }
}

/// One listed file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Part {
    pub id: PartId,
    pub scope: Scope,
    /// Where its source finds it again: a URL as listed, or a path on disk.
    pub location: String,
    /// Size as downloaded, where the source knows it before fetching (the service does not say).
    pub bytes: Option<u64>,
}

/// Stream and scope of a file name as the service makes them:
/// `{Agent|WebSession|Engagement|Survey}.{startMs}.{endMs}.part-{5 digits}-{n}`, without `.gz`.
/// Source: every published listing example, where the two numbers equal the scope dates.
pub fn parse_part_name(name: &str) -> Option<(Stream, Scope)> {
    let mut segments = name.split('.');
    let stream = Stream::from_file_prefix(segments.next()?)?;
    let start_ms = parse_ms(segments.next()?)?;
    let end_ms = parse_ms(segments.next()?)?;
    let (number, attempt) = segments.next()?.strip_prefix("part-")?.split_once('-')?;
    let digits = |text: &str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
    let whole = segments.next().is_none() && digits(number) && digits(attempt) && start_ms <= end_ms;
    whole.then_some((stream, Scope { start_ms, end_ms }))
}

/// Digits only, and within the years that a date can have.
fn parse_ms(text: &str) -> Option<i64> {
    if text.is_empty() || !text.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    text.parse().ok().filter(|ms| *ms < 253_402_300_800_000)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_as_the_service_makes_them() {
        let (stream, scope) = parse_part_name("Agent.1461387600000.1461391200000.part-00001-0").unwrap();
        assert_eq!(stream, Stream::AgentActivity);
        assert_eq!(scope, Scope { start_ms: 1_461_387_600_000, end_ms: 1_461_391_200_000 });
    }

    #[test]
    fn other_names_are_refused() {
        for name in [
            "",
            "Agent",
            "agent.1.2.part-00000-0",
            "Agent.1.2.part-00000",
            "Agent.1.2.part-00000-0.gz",
            "Agent.2.1.part-00000-0",
            "Agent.-1.2.part-00000-0",
            "Agent.1.99999999999999999999.part-00000-0",
            "../Agent.1.2.part-00000-0",
            "Agent.1.2.part-0/../0-0",
        ] {
            assert_eq!(parse_part_name(name), None, "{name}");
        }
    }

    #[test]
    fn account_ids_are_safe_as_path_segments() {
        assert!(AccountId::parse("75555851").is_ok());
        for bad in ["", "..", "a/b", "123456789012345678901", "é"] {
            assert!(AccountId::parse(bad).is_err(), "{bad}");
        }
    }
}
