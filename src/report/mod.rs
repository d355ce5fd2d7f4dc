//! Floor 1. Folds of the events: the progress display, lines for logs, and the summary.
//!
//! ```text
//! Event::PartFailed -> Summary.failed            -> summary_json / summary_text (stdout)
//!                   -> "error: failed to …"      -> terminal, plain line or JSON line (stderr)
//! ```
//!
//! stdout is for results, stderr for talk. One event goes to one sentence (`sentences`); how it is
//! shown depends on where stderr leads: above the progress bar (`terminal`), as a line with its time,
//! or as a JSON object (`json_lines`). Nothing here can fail a run: what cannot be printed is dropped.

mod figures;
mod json_lines;
mod log;
mod metrics;
mod sentences;
mod summary;
mod summary_json;
mod summary_text;
mod terminal;
#[cfg(test)]
mod testing;

use std::io::{self, Write};
use std::sync::mpsc::{RecvTimeoutError, Sender, channel};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use serde_json::{Value, json};

pub use figures::{bytes as bytes_text, counted};
pub use log::start_log;
pub use metrics::{LastKnown, MetricsRun, metrics_text};
pub use sentences::{Level, printable};
pub use summary::{FailedUnit, Failure, StreamSummary, Summary};
pub use summary_json::summary_json;
pub use summary_text::{query, summary_text};
pub use terminal::paint;

use crate::model::{Event, EventSink, Fault, FaultKind, Stage, format_ms};
use terminal::Terminal;

/// Without a terminal, one line of progress per this span.
const PROGRESS_EVERY: Duration = Duration::from_secs(60);

/// The form of talk on stderr.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum LogFormat {
    #[default]
    Text,
    /// One object per line.
    Json,
}

/// How to report.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ReportOptions {
    /// What the run is about: `sync to s3://lake/liveperson`.
    pub title: String,
    /// The lake as given, for the query at the end. `None`: no query.
    pub out: Option<String>,
    /// One summary object on stdout in place of the text.
    pub json: bool,
    /// Problems only.
    pub quiet: bool,
    /// The command prints a result of its own: no start, no line a minute, no summary. A terminal shows what is
    /// being done all the same.
    pub bare: bool,
    /// Number of `-v`.
    pub verbosity: u8,
    pub log_format: LogFormat,
    /// Whether stderr is a terminal.
    pub terminal: bool,
    /// Whether colour is wanted there.
    pub color: bool,
    /// Whether stdout is a terminal, too.
    pub results_terminal: bool,
}

/// A fault as one line of stderr, for what ends a command before its work begins.
pub fn fault_text(fault: &Fault, log_format: LogFormat, color: bool) -> String {
    match log_format {
        LogFormat::Text => paint(color, Level::Error, &fault.to_string()),
        LogFormat::Json => json_lines::fault_line(now_ms(), fault).to_string(),
    }
}

/// Takes events from any thread, shows them, and sums them up.
pub struct Reporter {
    shared: Arc<Shared>,
    minute: Mutex<Option<(Sender<()>, JoinHandle<()>)>>,
}

struct Shared {
    options: ReportOptions,
    started: Instant,
    state: Mutex<State>,
    terminal: Option<Terminal>,
}

struct State {
    summary: Summary,
    stage: String,
    /// The latest fault told.
    last_fault: Option<Fault>,
    talk: Box<dyn Write + Send>,
    results: Box<dyn Write + Send>,
}

impl Reporter {
    /// Starts reporting on the process's own stderr and stdout.
    pub fn new(options: ReportOptions) -> Reporter {
        Reporter::to_writers(options, Box::new(std::io::stderr()), Box::new(std::io::stdout()))
    }

    /// Starts reporting: `talk` in place of stderr, `results` in place of stdout.
    pub fn to_writers(
        options: ReportOptions,
        talk: Box<dyn Write + Send>,
        results: Box<dyn Write + Send>,
    ) -> Reporter {
        // The log of the libraries would be written across the bar.
        let bar = options.terminal
            && !options.quiet
            && options.verbosity < 2
            && options.log_format == LogFormat::Text;
        let minutely = !bar && !options.quiet && !options.bare;
        let terminal = bar.then(|| Terminal::new(options.color));
        let stage = if options.bare { printable(&options.title) } else { "starting".into() };
        let state = State { summary: Summary::default(), stage, last_fault: None, talk, results };
        let shared =
            Arc::new(Shared { options, started: Instant::now(), state: Mutex::new(state), terminal });
        let version = env!("CARGO_PKG_VERSION");
        let start = format!("lp-archive {version}: {}", shared.options.title);
        shared.say(&mut shared.lock(), Level::Info, "started", &start, json!({"version": version}));
        if let Some(terminal) = &shared.terminal {
            let state = shared.lock();
            terminal.update(&state.summary, &state.stage);
        }
        let minute = minutely.then(|| shared.clone().tick_every_minute());
        Reporter { shared, minute: Mutex::new(minute) }
    }

    /// The figures so far.
    pub fn summary(&self) -> Summary {
        let mut summary = self.shared.lock().summary.clone();
        summary.seconds = self.shared.started.elapsed().as_secs_f64();
        summary
    }

    /// Says at the end why there was nothing to do, in place of what a run finds.
    pub fn nothing_to_do(&self, why: &'static str) {
        self.shared.lock().summary.nothing_to_do = Some(why);
    }

    /// Says what ended the run before its time, and counts it.
    pub fn run_failed(&self, fault: &Fault) {
        let mut state = self.shared.lock();
        let name = fault.unit.clone().unwrap_or_else(|| "run".into());
        state.summary.fail(FailedUnit::Run, name, fault);
        let fields = json_lines::with_fault(json!({}), fault);
        self.shared.say(&mut state, Level::Error, "run_failed", &fault.to_string(), fields);
    }

    /// Ends the display, prints the summary, and hands it back.
    pub fn finish(&self) -> Summary {
        self.stop_minute();
        if let Some(terminal) = &self.shared.terminal {
            terminal.clear();
        }
        let summary = self.summary();
        let options = &self.shared.options;
        let mut state = self.shared.lock();
        if options.bare {
            return summary;
        }
        let mut printed = Ok(());
        if options.json {
            printed = writeln!(state.results, "{}", summary_json(&summary));
        }
        if options.log_format == LogFormat::Json {
            self.shared.say(&mut state, Level::Info, "summary", "finished", summary_json(&summary));
        } else if !options.quiet {
            let out = options.out.as_deref();
            // Then the faults stand on the screen, right above.
            let on_screen = options.terminal && options.results_terminal && summary.totals.parts == 0;
            let text: String =
                summary_text(&summary, out, on_screen).lines().map(|line| printable(line) + "\n").collect();
            if options.json {
                let _ = state.talk.write_all(text.as_bytes());
            } else {
                printed = state.results.write_all(text.as_bytes());
            }
        }
        let printed = printed_whole(printed.and_then(|()| state.results.flush()));
        drop(state);
        let Err(fault) = printed else { return summary };
        self.run_failed(&fault.advise("the summary is not whole; what was archived is"));
        self.summary()
    }

    fn stop_minute(&self) {
        let minute = self.minute.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some((stop, thread)) = minute {
            drop(stop);
            let _ = thread.join();
        }
    }
}

/// What became of printing on stdout. Whoever closed it has seen enough.
pub fn printed_whole(written: io::Result<()>) -> Result<(), Fault> {
    match written {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => {
            Err(Fault::new(FaultKind::Unavailable, Stage::Write, error.to_string()).of("standard output"))
        }
        _ => Ok(()),
    }
}

impl EventSink for Reporter {
    fn emit(&self, event: Event) {
        let mut state = self.shared.lock();
        if let Event::Warning { message } = &event
            && state.summary.warnings.contains(message)
        {
            return;
        }
        state.summary.add(&event);
        state.summary.seconds = self.shared.started.elapsed().as_secs_f64();
        // While parts are fetched, others go on beside one that is tried again.
        let waiting = || sentences::waiting(&event).filter(|_| state.summary.parts_planned == 0);
        if let Some(stage) = sentences::stage(&event).or_else(waiting) {
            state.stage = printable(&stage);
        }
        let (level, mut text) = sentences::sentence(&event);
        // People read it once; machines get each line whole.
        let mut told = false;
        if let Some(fault) = sentences::fault_of(&event) {
            let cause = Fault { unit: None, ..fault.clone() };
            if self.shared.options.log_format == LogFormat::Text
                && let Some(last) = &state.last_fault
                && (Fault { unit: None, ..last.clone() }) == cause
            {
                told = last == fault;
                text = format!("{}: as above", fault.heading());
            }
            state.last_fault = Some(fault.clone());
        }
        if !told {
            let (name, fields) = json_lines::event_fields(&event);
            self.shared.say(&mut state, level, name, &text, fields);
        }
        if let Some(terminal) = &self.shared.terminal {
            // A command that only looks plans nothing that it will do.
            let planned = (!self.shared.options.bare).then_some(&state.summary);
            terminal.update(planned.unwrap_or(&Summary::default()), &state.stage);
        }
    }
}

impl Drop for Reporter {
    fn drop(&mut self) {
        self.stop_minute();
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn say(&self, state: &mut State, level: Level, event: &str, text: &str, fields: Value) {
        let options = &self.options;
        let wanted = match level {
            Level::Detail => options.verbosity > 0 && !options.quiet,
            Level::Info => !options.quiet && !options.bare,
            Level::Warning | Level::Error => true,
        };
        if !wanted {
            return;
        }
        let text = printable(text);
        let ts_ms = now_ms();
        let _ = match (&self.terminal, options.log_format) {
            (_, LogFormat::Json) => {
                writeln!(state.talk, "{}", json_lines::line(ts_ms, level, event, &text, fields))
            }
            (Some(terminal), LogFormat::Text) => {
                terminal.say(level, &text);
                Ok(())
            }
            (None, LogFormat::Text) => {
                let ts = format_ms(ts_ms.div_euclid(1000) * 1000);
                writeln!(state.talk, "{ts} {}", paint(options.terminal && options.color, level, &text))
            }
        };
    }

    fn tick_every_minute(self: Arc<Self>) -> (Sender<()>, JoinHandle<()>) {
        let (stop, stopped) = channel::<()>();
        let thread = thread::spawn(move || {
            while stopped.recv_timeout(PROGRESS_EVERY) == Err(RecvTimeoutError::Timeout) {
                let mut state = self.lock();
                state.summary.seconds = self.started.elapsed().as_secs_f64();
                let summary = &state.summary;
                let text = format!("{}: {}", state.stage, sentences::progress(summary));
                let fields = json!({
                    "parts_finished": summary.parts_finished,
                    "parts_planned": summary.parts_planned,
                    "bytes_fetched": summary.bytes_fetched,
                    "retries": summary.retries,
                    "quarantined": summary.quarantined_so_far,
                    "failed": summary.failed.len(),
                });
                self.say(&mut state, Level::Info, "progress", &text, fields);
            }
        });
        (stop, thread)
    }
}

fn now_ms() -> i64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_millis() as i64)
}

#[cfg(test)]
mod tests {
    use super::testing::sample_run;
    use super::*;
    use crate::model::{FaultKind, Stage, Stream};

    #[derive(Clone, Default)]
    struct Paper(Arc<Mutex<Vec<u8>>>);

    impl Write for Paper {
        fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
            self.0.lock().unwrap().extend_from_slice(bytes);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }

    impl Paper {
        fn lines(&self) -> Vec<String> {
            String::from_utf8(self.0.lock().unwrap().clone()).unwrap().lines().map(str::to_owned).collect()
        }
    }

    /// Talk and results of the sample run.
    fn run(options: ReportOptions) -> (Vec<String>, Vec<String>) {
        let (talk, results) = (Paper::default(), Paper::default());
        let reporter = Reporter::to_writers(options, Box::new(talk.clone()), Box::new(results.clone()));
        sample_run().into_iter().for_each(|event| reporter.emit(event));
        reporter.run_failed(&Fault::new(FaultKind::Destination, Stage::Commit, "the disk is full"));
        assert_eq!(reporter.finish().failed.len(), 3);
        (talk.lines(), results.lines())
    }

    fn without_time(lines: &[String]) -> Vec<&str> {
        lines.iter().map(|line| line.split_once(' ').unwrap().1).collect()
    }

    #[test]
    fn without_a_terminal() {
        let (talk, results) = run(ReportOptions { title: "sync to lake".into(), ..ReportOptions::default() });
        let expected = [
            concat!("lp-archive ", env!("CARGO_PKG_VERSION"), ": sync to lake"),
            "error: failed to list 1/engagement: the service answers 403; have the data type enabled",
            "error: failed to decode 1/survey/Survey.1.2.part-00001-0: the gzip data ends early",
            "warning: a key has expired",
            "error: failed to commit: the disk is full",
        ];
        assert_eq!(without_time(&talk), expected);
        assert!(results.iter().any(|line| line.starts_with("1 part archived: ")), "{results:?}");
    }

    #[test]
    fn a_cause_is_told_once() {
        for (log_format, second) in [
            (LogFormat::Text, "error: failed to sign in for 1/survey: as above"),
            (LogFormat::Json, "failed to sign in for 1/survey: HTTP 401; check the token"),
        ] {
            let talk = Paper::default();
            let options = ReportOptions { log_format, quiet: true, ..ReportOptions::default() };
            let reporter = Reporter::to_writers(options, Box::new(talk.clone()), Box::new(Paper::default()));
            for stream in [Stream::WebSession, Stream::Survey] {
                let fault =
                    Fault::new(FaultKind::SignIn, Stage::SignIn, "HTTP 401").advise("check the token");
                let fault = fault.of(format!("1/{stream}"));
                reporter.emit(Event::StreamFailed { account: "1".into(), stream, fault });
            }
            let lines = talk.lines();
            assert!(lines[0].contains("failed to sign in for 1/webSession: HTTP 401; check the token"));
            assert!(lines[1].contains(second), "{lines:?}");
        }
    }

    #[test]
    fn a_fault_of_several_streams_is_one_line() {
        for (log_format, lines) in [(LogFormat::Text, 1), (LogFormat::Json, 2)] {
            let talk = Paper::default();
            let options = ReportOptions { log_format, quiet: true, ..ReportOptions::default() };
            let reporter = Reporter::to_writers(options, Box::new(talk.clone()), Box::new(Paper::default()));
            for stream in [Stream::WebSession, Stream::Survey] {
                let fault = Fault::new(FaultKind::Unavailable, Stage::List, "no connection")
                    .of("1 (webSession, survey)");
                reporter.emit(Event::StreamFailed { account: "1".into(), stream, fault });
            }
            assert_eq!(talk.lines().len(), lines, "{:?}", talk.lines());
        }
    }

    #[test]
    fn quiet_tells_problems_only() {
        let (talk, results) = run(ReportOptions { quiet: true, ..ReportOptions::default() });
        assert_eq!(talk.len(), 4);
        assert!(talk.iter().all(|line| line.contains(" error: ") || line.contains(" warning: ")), "{talk:?}");
        assert!(results.is_empty());
    }

    #[test]
    fn bare_tells_problems_and_no_summary() {
        let (talk, results) = run(ReportOptions { bare: true, ..ReportOptions::default() });
        assert!(talk.iter().all(|line| line.contains(" error: ") || line.contains(" warning: ")), "{talk:?}");
        assert!(results.is_empty(), "{results:?}");
    }

    #[test]
    fn verbose_tells_parts() {
        let (talk, _) = run(ReportOptions { verbosity: 1, ..ReportOptions::default() });
        assert!(
            talk.iter().any(|line| line.ends_with("Survey.1.2.part-00000-0: received, 100 B")),
            "{talk:?}"
        );
    }

    #[test]
    fn json_on_stdout_is_one_object_whatever_else_is_said() {
        for quiet in [false, true] {
            let (_, results) = run(ReportOptions { json: true, quiet, ..ReportOptions::default() });
            let [line] = results.as_slice() else { panic!("{results:?}") };
            let value: Value = serde_json::from_str(line).unwrap();
            assert_eq!(value.get("parts"), Some(&json!(1)));
        }
    }

    #[test]
    fn json_lines_hold_every_sentence() {
        let options =
            ReportOptions { log_format: LogFormat::Json, terminal: true, ..ReportOptions::default() };
        let (talk, results) = run(options);
        let events: Vec<String> = talk
            .iter()
            .map(|line| serde_json::from_str::<Value>(line).unwrap()["event"].as_str().unwrap().to_owned())
            .collect();
        assert_eq!(events, ["started", "stream_failed", "part_failed", "warning", "run_failed", "summary"]);
        assert!(results.is_empty());
    }
}
