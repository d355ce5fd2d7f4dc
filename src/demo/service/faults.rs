//! What goes wrong on purpose: rules that catch the next requests of a kind or path.

use bytes::Bytes;

use super::RequestKind;

/// Which requests a rule catches.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Match {
    Any,
    Kind(RequestKind),
    /// Requests whose path and query hold this text.
    Path(String),
}

/// What happens to a caught request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum FaultAct {
    /// An answer with this status, and `Retry-After` as given (seconds or an HTTP date).
    Status { code: u16, retry_after: Option<String> },
    /// An answer made up wholly by the test.
    Answer { code: u16, content_type: String, body: Bytes },
    /// The connection is cut: before any answer, or after so many bytes of the body.
    Reset { after_bytes: Option<usize> },
    /// Nothing more arrives: no answer at all, or nothing after so many bytes of the body.
    Stall { after_bytes: Option<usize> },
    /// Only the first bytes of the body; `Content-Length` tells the full length, or the short one.
    Truncate { keep_bytes: usize, declare_full: bool },
    /// One byte of the body differs.
    FlipByte { at: usize },
    /// 302 to this URL.
    Redirect { to: String },
    /// An HTML page with status 200.
    HtmlPage,
    /// A declared length without any body to speak of.
    DeclareLength { bytes: u64 },
    /// The sound answer, late.
    Delay { ms: u64 },
}

/// Catches matching requests: skips the first `skip` of them, then catches `times`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FaultRule {
    pub matches: Match,
    pub skip: u32,
    /// `u32::MAX` for ever.
    pub times: u32,
    pub act: FaultAct,
}

/// Rules in order; the first that catches a request decides.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Faults {
    rules: Vec<FaultRule>,
}

impl Faults {
    pub fn none() -> Faults {
        Faults::default()
    }

    /// The next `times` requests that match.
    #[must_use]
    pub fn next(self, times: u32, matches: Match, act: FaultAct) -> Faults {
        self.rule(FaultRule { matches, skip: 0, times, act })
    }

    /// Every request that matches.
    #[must_use]
    pub fn always(self, matches: Match, act: FaultAct) -> Faults {
        self.next(u32::MAX, matches, act)
    }

    #[must_use]
    pub fn rule(mut self, rule: FaultRule) -> Faults {
        self.rules.push(rule);
        self
    }

    /// The act for a request, which uses up one time of its rule.
    pub(super) fn catch(&mut self, kind: RequestKind, path_and_query: &str) -> Option<FaultAct> {
        for rule in &mut self.rules {
            let fits = match &rule.matches {
                Match::Any => true,
                Match::Kind(wanted) => *wanted == kind,
                Match::Path(text) => path_and_query.contains(text.as_str()),
            };
            if !fits || rule.times == 0 {
                continue;
            }
            if rule.skip > 0 {
                rule.skip -= 1;
                continue;
            }
            if rule.times != u32::MAX {
                rule.times -= 1;
            }
            return Some(rule.act.clone());
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rules_skip_count_and_end() {
        let mut faults = Faults::none()
            .rule(FaultRule {
                matches: Match::Kind(RequestKind::File),
                skip: 1,
                times: 1,
                act: FaultAct::HtmlPage,
            })
            .next(1, Match::Path("survey".into()), FaultAct::Reset { after_bytes: None });
        assert_eq!(faults.catch(RequestKind::File, "/a"), None);
        assert_eq!(faults.catch(RequestKind::Listing, "/agent"), None);
        assert_eq!(faults.catch(RequestKind::File, "/a"), Some(FaultAct::HtmlPage));
        assert_eq!(faults.catch(RequestKind::File, "/survey"), Some(FaultAct::Reset { after_bytes: None }));
        assert_eq!(faults.catch(RequestKind::File, "/survey"), None);
    }
}
