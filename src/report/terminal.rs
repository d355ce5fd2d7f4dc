//! The progress display of a terminal: a bar at the bottom, problems above it.

use std::time::Duration;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use super::sentences::{Level, progress};
use super::summary::Summary;

/// The bar and whether it may have colour.
pub struct Terminal {
    bar: ProgressBar,
    color: bool,
}

impl Terminal {
    /// Starts the display on stderr.
    pub fn new(color: bool) -> Terminal {
        let bar = ProgressBar::with_draw_target(Some(0), ProgressDrawTarget::stderr());
        let template = if color {
            "{spinner:.cyan} {bar:24.cyan/dim} {msg}, {eta} left"
        } else {
            "{spinner} {bar:24} {msg}, {eta} left"
        };
        if let Ok(style) = ProgressStyle::with_template(template) {
            bar.set_style(style.progress_chars("━╸─"));
        }
        bar.enable_steady_tick(Duration::from_millis(120));
        Terminal { bar, color }
    }

    /// Shows the figures so far; `stage` is what is being done.
    pub fn update(&self, summary: &Summary, stage: &str) {
        self.bar.set_length(summary.parts_planned);
        self.bar.set_position(summary.parts_finished);
        self.bar.set_message(format!("{stage}: {}", progress(summary)));
    }

    /// A line above the bar.
    pub fn say(&self, level: Level, text: &str) {
        self.bar.suspend(|| eprintln!("{}", paint(self.color, level, text)));
    }

    /// Takes the bar away.
    pub fn clear(&self) {
        self.bar.finish_and_clear();
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
