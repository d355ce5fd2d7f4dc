//! The one place that turns faults into a text and an exit code.
//!
//! ```text
//! Summary{failed: [damaged part, refused stream], quarantined: 2} -> [3, 4?, 3] -> precedence -> Exit::Partial (3)
//! ```

use std::io::{IsTerminal, Write};

use crate::cli::CommonArgs;
use crate::config::Environment;
use crate::model::{Fault, FaultKind, Stage};
use crate::report::{Summary, fault_text};

/// How the process ends. Scheduled jobs decide by it whether to run again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Exit {
    Done,
    CutShort,
    Usage,
    Partial,
    SignInRefused,
    KeyMissing,
    Destination,
    Stopped,
}

/// Where several apply, the first of these is the exit code.
const PRECEDENCE: [Exit; 7] = [
    Exit::Stopped,
    Exit::Usage,
    Exit::Destination,
    Exit::CutShort,
    Exit::KeyMissing,
    Exit::SignInRefused,
    Exit::Partial,
];

impl Exit {
    /// In the order of their numbers.
    pub const ALL: [Exit; 8] = [
        Exit::Done,
        Exit::CutShort,
        Exit::Usage,
        Exit::Partial,
        Exit::SignInRefused,
        Exit::KeyMissing,
        Exit::Destination,
        Exit::Stopped,
    ];

    /// The number that the shell sees.
    pub fn code(self) -> i32 {
        match self {
            Exit::Done => 0,
            Exit::CutShort => 1,
            Exit::Usage => 2,
            Exit::Partial => 3,
            Exit::SignInRefused => 4,
            Exit::KeyMissing => 5,
            Exit::Destination => 6,
            Exit::Stopped => 130,
        }
    }

    pub fn meaning(self) -> &'static str {
        match self {
            Exit::Done => "all archived",
            Exit::CutShort => "cut short by a failure; nothing is lost",
            Exit::Usage => "wrong usage or configuration",
            Exit::Partial => "finished, but something is quarantined, damaged or not archived",
            Exit::SignInRefused => "sign-in refused by all streams",
            Exit::KeyMissing => "a PGP key is missing or wrong",
            Exit::Destination => "the destination cannot be used",
            Exit::Stopped => "stopped by a signal",
        }
    }

    /// Whether the same command may succeed a little later without anyone doing something.
    pub fn worth_a_retry(self) -> bool {
        matches!(self, Exit::CutShort | Exit::Stopped)
    }

    /// The exit code that the figures of a run ask for. With `strict`, unknown fields and values
    /// that did not fit count as findings too.
    pub fn of_summary(summary: &Summary, strict: bool) -> Exit {
        let totals = &summary.totals;
        let findings = totals.quarantined > 0
            || totals.salvaged > 0
            || strict && (totals.unknown_fields > 0 || totals.unknown_bodies > 0 || totals.mistyped > 0);
        Exit::of_faults(
            summary.failed.iter().map(|failure| &failure.fault),
            summary.streams_listed(),
            findings,
        )
    }

    /// The exit code of some faults. `streams_listed`: how many streams accepted the sign-in;
    /// `findings`: something was archived elsewhere than in its table.
    pub fn of_faults<'a>(
        faults: impl IntoIterator<Item = &'a Fault>,
        streams_listed: usize,
        findings: bool,
    ) -> Exit {
        let asked = faults.into_iter().map(|fault| Exit::of_fault(fault, streams_listed));
        asked.fold(if findings { Exit::Partial } else { Exit::Done }, Exit::and)
    }

    /// Of two that apply, the one that comes first.
    pub fn and(self, other: Exit) -> Exit {
        PRECEDENCE.into_iter().find(|exit| [self, other].contains(exit)).unwrap_or(Exit::Done)
    }

    fn of_fault(fault: &Fault, streams_listed: usize) -> Exit {
        match fault.kind {
            FaultKind::Cancelled => Exit::Stopped,
            FaultKind::Config => Exit::Usage,
            FaultKind::Destination => Exit::Destination,
            FaultKind::Unavailable => Exit::CutShort,
            FaultKind::SignIn if streams_listed == 0 => Exit::SignInRefused,
            FaultKind::KeyMissing => Exit::KeyMissing,
            // A mistake of ours on one part costs that part; anywhere else it ends the work.
            FaultKind::Internal => match fault.stage {
                Stage::Fetch | Stage::Decode | Stage::Decrypt | Stage::Parse => Exit::Partial,
                _ => Exit::CutShort,
            },
            FaultKind::SignIn
            | FaultKind::Forbidden
            | FaultKind::Gone
            | FaultKind::BadListing
            | FaultKind::Untrusted
            | FaultKind::Damaged
            | FaultKind::WrongType
            | FaultKind::Unprotected
            | FaultKind::CapExceeded
            | FaultKind::Ambiguous => Exit::Partial,
        }
    }

    /// Prints the fault that ended a command before its work began, in the form that was asked for,
    /// and gives its exit code.
    pub fn because(fault: &Fault, common: &CommonArgs) -> Exit {
        let stderr = std::io::stderr();
        let color = stderr.is_terminal() && !Environment::of_process().no_color();
        let _ = writeln!(stderr.lock(), "{}", fault_text(fault, common.log_format.into(), color));
        Exit::of_faults([fault], 0, false)
    }
}

/// The table of `--help`.
pub fn exit_codes_text() -> String {
    let mut text = String::from("Exit codes:\n");
    for exit in Exit::ALL {
        let retry = if exit.worth_a_retry() { " (run again)" } else { "" };
        text.push_str(&format!("  {:>3}  {}{retry}\n", exit.code(), exit.meaning()));
    }
    text.push_str("Where several apply: 130, 2, 6, 1, 5, 4, 3. Only those marked \"run again\" are worth an automatic retry.");
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use FaultKind::*;

    fn faults(kinds: &[FaultKind]) -> Vec<Fault> {
        kinds.iter().map(|kind| Fault::new(*kind, Stage::Parse, "x")).collect()
    }

    #[test]
    fn precedence() {
        for (kinds, listed, findings, code) in [
            (&[][..], 4, false, 0),
            (&[], 4, true, 3),
            (&[Damaged], 4, false, 3),
            (&[Forbidden], 3, false, 3),
            (&[SignIn, SignIn], 0, false, 4),
            (&[SignIn], 3, false, 3),
            (&[SignIn, Forbidden], 0, true, 4),
            (&[SignIn, Unavailable], 0, false, 1),
            (&[KeyMissing, SignIn], 0, true, 5),
            (&[KeyMissing, Unavailable], 4, true, 1),
            (&[Unavailable, Destination], 4, false, 6),
            (&[Destination, Config], 4, false, 2),
            (&[Config, Destination, Unavailable, KeyMissing, SignIn, Cancelled], 0, true, 130),
            (&[Internal], 4, false, 3),
        ] {
            assert_eq!(
                Exit::of_faults(&faults(kinds), listed, findings).code(),
                code,
                "{kinds:?} {listed} {findings}"
            );
        }
        let fault = Fault::new(Internal, Stage::Commit, "x");
        assert_eq!(Exit::of_faults([&fault], 4, false), Exit::CutShort);
    }

    #[test]
    fn strict_finds_more() {
        let mut summary = Summary::default();
        summary.totals.unknown_fields = 1;
        assert_eq!(Exit::of_summary(&summary, false), Exit::Done);
        assert_eq!(Exit::of_summary(&summary, true), Exit::Partial);
        summary.totals.unknown_fields = 0;
        summary.totals.quarantined = 1;
        assert_eq!(Exit::of_summary(&summary, false), Exit::Partial);
    }

    #[test]
    fn the_table_names_every_code_and_the_real_precedence() {
        let text = exit_codes_text();
        for exit in Exit::ALL {
            assert!(text.contains(&format!("{:>3}  {}", exit.code(), exit.meaning())), "{text}");
        }
        let order: Vec<String> = PRECEDENCE.iter().map(|exit| exit.code().to_string()).collect();
        assert!(text.contains(&format!("Where several apply: {}.", order.join(", "))), "{text}");
    }
}
