//! The progress display of a terminal: a bar at the bottom, problems above it.

use std::io::{self, Write};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use console::Term;
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle, TermLike};

use super::sentences::{Level, progress};
use super::summary::Summary;

/// The bar and whether it may have colour.
pub struct Terminal {
    bar: ProgressBar,
    color: bool,
    /// Whether something is done, so that the rest can be estimated.
    going: AtomicBool,
}

impl Terminal {
    /// Starts the display on stderr.
    pub fn new(color: bool) -> Terminal {
        let target = ProgressDrawTarget::term_like_with_hz(Box::new(Narrower(Term::buffered_stderr())), 15);
        let bar = ProgressBar::with_draw_target(Some(0), target);
        let terminal = Terminal { bar, color, going: AtomicBool::new(false) };
        terminal.set_template("{spinner:.cyan} {wide_msg} {elapsed}", "{spinner} {wide_msg} {elapsed}");
        terminal.bar.enable_steady_tick(Duration::from_millis(120));
        terminal
    }

    /// Shows the figures so far; `stage` is what is being done.
    pub fn update(&self, summary: &Summary, stage: &str) {
        if summary.parts_planned == 0 {
            self.bar.set_message(stage.to_owned());
            return;
        }
        if summary.parts_finished == 0 {
            self.bar.reset_eta();
        } else if !self.going.swap(true, Ordering::Relaxed) {
            self.set_template(
                "{spinner:.cyan} {bar:20.cyan/dim} {wide_msg} {eta} left",
                "{spinner} {bar:20} {wide_msg} {eta} left",
            );
        }
        self.bar.set_length(summary.parts_planned);
        self.bar.set_position(summary.parts_finished);
        self.bar.set_message(format!("{} | {stage}", progress(summary)));
    }

    fn set_template(&self, colored: &str, plain: &str) {
        if let Ok(style) = ProgressStyle::with_template(if self.color { colored } else { plain }) {
            self.bar.set_style(style.progress_chars("━╸─"));
        }
    }

    /// A line above the bar.
    pub fn say(&self, level: Level, text: &str) {
        self.bar.suspend(|| {
            // A terminal that went away must not end the run.
            let _ = writeln!(std::io::stderr(), "{}", paint(self.color, level, text));
        });
    }

    /// Takes the bar away.
    pub fn clear(&self) {
        self.bar.finish_and_clear();
    }
}

/// A terminal with some columns at its right end left free: there it echoes the `^C` of whoever stops the run, which
/// would else begin a new line and leave the bar behind above it.
#[derive(Debug)]
struct Narrower(Term);

/// Room for `^C`, twice.
const FREE_COLUMNS: u16 = 5;

impl TermLike for Narrower {
    fn width(&self) -> u16 {
        self.0.size().1.saturating_sub(FREE_COLUMNS).max(1)
    }

    fn height(&self) -> u16 {
        self.0.size().0
    }

    fn move_cursor_up(&self, n: usize) -> io::Result<()> {
        self.0.move_cursor_up(n)
    }

    fn move_cursor_down(&self, n: usize) -> io::Result<()> {
        self.0.move_cursor_down(n)
    }

    fn move_cursor_right(&self, n: usize) -> io::Result<()> {
        self.0.move_cursor_right(n)
    }

    fn move_cursor_left(&self, n: usize) -> io::Result<()> {
        self.0.move_cursor_left(n)
    }

    fn write_line(&self, text: &str) -> io::Result<()> {
        self.0.write_line(text)
    }

    fn write_str(&self, text: &str) -> io::Result<()> {
        self.0.write_str(text)
    }

    fn clear_line(&self) -> io::Result<()> {
        self.0.clear_line()
    }

    fn flush(&self) -> io::Result<()> {
        self.0.flush()
    }
}

/// `error: …` and `warning: …`, with colour where wanted.
pub fn paint(color: bool, level: Level, text: &str) -> String {
    let (word, code) = match level {
        Level::Error => ("error:", "1;31"),
        Level::Warning => ("warning:", "1;33"),
        Level::Info | Level::Detail => return text.to_owned(),
    };
    if color { format!("\x1b[{code}m{word}\x1b[0m {text}") } else { format!("{word} {text}") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn colour_only_where_wanted() {
        for (color, level, expected) in [
            (false, Level::Error, "error: x"),
            (true, Level::Error, "\x1b[1;31merror:\x1b[0m x"),
            (true, Level::Info, "x"),
            (false, Level::Warning, "warning: x"),
        ] {
            assert_eq!(paint(color, level, "x"), expected);
        }
    }
}
