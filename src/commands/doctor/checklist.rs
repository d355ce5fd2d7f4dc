//! What `doctor` found, as lines, as JSON and as an exit code. Pure.
//!
//! ```text
//! Check { step: "listing", subject: "survey", state: Failed, fault: Forbidden … }
//!   -> "✗ listing survey   failed to list 1/survey: HTTP 403 …\n    → ask LivePerson to enable it"
//! ```

use serde_json::{Value, json};

use crate::exit::Exit;
use crate::model::{Fault, FaultKind};
use crate::report::{counted, printable};

/// How a step ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    Ok,
    /// A run works, but someone should look.
    Warning,
    Failed,
    /// Not tried, because a step that it needs failed.
    Skipped,
}

impl State {
    /// Stable word for machines.
    pub fn code(self) -> &'static str {
        match self {
            State::Ok => "ok",
            State::Warning => "warning",
            State::Failed => "failed",
            State::Skipped => "skipped",
        }
    }

    fn mark(self) -> (&'static str, &'static str) {
        match self {
            State::Ok => ("✓", "32"),
            State::Warning => ("!", "33"),
            State::Failed => ("✗", "31"),
            State::Skipped => ("-", "2"),
        }
    }
}

/// One step and how it ended.
#[derive(Clone, Debug, PartialEq)]
pub struct Check {
    /// `None`: a step that all accounts share.
    pub account: Option<String>,
    /// Stable word: `config`, `service`, `clock`, `sign-in`, `base resource`, `listing`, `key`, `part`,
    /// `destination`.
    pub step: &'static str,
    /// The stream, where a step is done for each.
    pub subject: Option<String>,
    pub state: State,
    /// What was found, or why it was not tried.
    pub said: String,
    /// What to mend.
    pub advice: Option<String>,
    pub fault: Option<Fault>,
}

impl Check {
    pub fn new(step: &'static str, state: State, said: impl Into<String>) -> Check {
        Check { account: None, step, subject: None, state, said: said.into(), advice: None, fault: None }
    }

    /// A step that failed, with its fault's advice as what to mend.
    pub fn failed(step: &'static str, fault: Fault) -> Check {
        let advice = fault.advice.clone();
        let said = Fault { advice: None, ..fault.clone() }.to_string();
        Check { advice, fault: Some(fault), ..Check::new(step, State::Failed, said) }
    }

    #[must_use]
    pub fn of(mut self, subject: impl ToString) -> Check {
        self.subject = Some(subject.to_string());
        self
    }

    #[must_use]
    pub fn advise(mut self, advice: impl Into<String>) -> Check {
        self.advice = Some(advice.into());
        self
    }

    /// Lines for people, with a line end.
    pub fn text(&self, color: bool) -> String {
        let (mark, code) = self.state.mark();
        let mark = if color { format!("\x1b[{code}m{mark}\x1b[0m") } else { mark.to_owned() };
        let name = match &self.subject {
            Some(subject) => format!("{} {subject}", self.step),
            None => self.step.to_owned(),
        };
        // Only the configuration's problems come in lines of ours: a line end in a text from elsewhere is escaped.
        let in_lines = self.fault.as_ref().is_some_and(|fault| fault.kind == FaultKind::Config);
        let said = if in_lines {
            self.said.lines().map(printable).collect::<Vec<_>>().join("\n    ")
        } else {
            printable(&self.said)
        };
        let mut text = format!("{mark} {:<22} {said}\n", printable(&name));
        if let Some(advice) = &self.advice {
            text.push_str(&format!("    -> {}\n", printable(advice)));
        }
        text
    }

    fn json(&self) -> Value {
        json!({
            "account": self.account,
            "step": self.step,
            "stream": self.subject,
            "state": self.state.code(),
            "text": self.said,
            "advice": self.advice,
            "kind": self.fault.as_ref().map(|fault| fault.kind.code()),
        })
    }
}

/// The steps in their order.
#[derive(Debug, Default)]
pub struct Checklist {
    pub checks: Vec<Check>,
    /// Streams that were listed whole.
    pub streams_listed: usize,
}

impl Checklist {
    /// The code that a run would end with for the same reasons.
    pub fn exit(&self) -> Exit {
        let faults = self.checks.iter().filter_map(|check| check.fault.as_ref());
        Exit::of_faults(faults, self.streams_listed, false)
    }

    /// The last line for people.
    pub fn verdict(&self) -> String {
        let count = |state| self.checks.iter().filter(|check| check.state == state).count() as u64;
        let warnings = match count(State::Warning) {
            0 => String::new(),
            n => format!(", {}", counted(n, "warning")),
        };
        match count(State::Failed) {
            0 => format!("All is well{warnings}: `lp-archive sync` can run."),
            n => format!(
                "{} failed{warnings}: mend what is marked with ✗ and run this again.",
                counted(n, "step")
            ),
        }
    }

    /// One object; fields are only ever added.
    pub fn json(&self) -> Value {
        let exit = self.exit();
        json!({
            "version": 1,
            "ok": exit == Exit::Done,
            "exit_code": exit.code(),
            "checks": self.checks.iter().map(Check::json).collect::<Vec<_>>(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Stage;

    fn fault(kind: FaultKind) -> Fault {
        Fault::new(kind, Stage::List, "HTTP 403 from h").of("1/survey").advise("ask for it")
    }

    #[test]
    fn a_failed_step_says_what_to_mend() {
        let check = Check::failed("listing", fault(FaultKind::Forbidden)).of("survey");
        assert_eq!(
            check.text(false),
            "✗ listing survey         failed to list 1/survey: HTTP 403 from h\n    -> ask for it\n"
        );
        assert!(check.text(true).starts_with("\x1b[31m✗\x1b[0m listing"));
        assert_eq!(check.json()["kind"], "forbidden");
        let hostile = Check::new("part", State::Ok, "a\x1b[2Jb\nc");
        assert_eq!(hostile.text(false).lines().count(), 1, "{}", hostile.text(false));
    }

    #[test]
    fn problems_of_the_configuration_come_line_by_line() {
        let said = "2 problems:\n  - a\n  - \x1b[2Jb";
        let check = Check::failed("config", Fault::new(FaultKind::Config, Stage::Configure, said));
        assert_eq!(
            check.text(false),
            "✗ config                 failed to read the configuration: 2 problems:\n      - a\n      - \\u{1b}[2Jb\n"
        );
    }

    #[test]
    fn exit_codes_are_those_of_a_run() {
        for (kinds, listed, code) in [
            (&[][..], 4, 0),
            (&[FaultKind::Config], 0, 2),
            (&[FaultKind::SignIn], 0, 4),
            (&[FaultKind::Forbidden], 3, 3),
            (&[FaultKind::SignIn, FaultKind::KeyMissing], 0, 5),
            (&[FaultKind::KeyMissing, FaultKind::Destination], 4, 6),
            (&[FaultKind::Unavailable], 0, 1),
        ] {
            let checks = kinds.iter().map(|kind| Check::failed("x", fault(*kind))).collect();
            let list = Checklist { checks, streams_listed: listed };
            assert_eq!(list.exit().code(), code, "{kinds:?}");
            assert_eq!(list.json()["ok"], code == 0);
            assert_eq!(list.verdict().contains("All is well"), code == 0, "{}", list.verdict());
        }
    }

    #[test]
    fn warnings_and_skipped_steps_fail_nothing() {
        let checks =
            vec![Check::new("clock", State::Warning, "x"), Check::new("part", State::Skipped, "not tried")];
        let list = Checklist { checks, streams_listed: 1 };
        assert_eq!(list.exit(), Exit::Done);
        assert_eq!(list.verdict(), "All is well, 1 warning: `lp-archive sync` can run.");
    }
}
