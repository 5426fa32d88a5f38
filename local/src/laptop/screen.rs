//! Where progress is shown: lines that change in place on a terminal, one line for each change elsewhere.

use std::{
    collections::BTreeMap,
    io::{IsTerminal, Write},
    time::Duration,
};

use indicatif::{MultiProgress, ProgressBar, ProgressStyle};

use super::picture::{Line, Step};

/// Shows lines by name; a line that did not change is not shown again.
#[derive(Debug)]
pub struct Screen {
    shown: BTreeMap<String, Line>,
    bars: Option<(MultiProgress, BTreeMap<String, ProgressBar>)>,
}

/// How often a spinner moves.
const SPIN: Duration = Duration::from_millis(120);

impl Screen {
    /// The terminal if stderr is one, plain lines otherwise.
    pub fn new() -> Self {
        let bars = std::io::stderr().is_terminal().then(|| (MultiProgress::new(), BTreeMap::new()));
        Self { shown: BTreeMap::new(), bars }
    }

    /// Shows how far something is.
    pub fn show(&mut self, line: Line) {
        if self.shown.get(&line.name) == Some(&line) {
            return;
        }
        let text = format!("{:<16} {:<9} {}", line.name, line.step.word(), line.detail);
        match &mut self.bars {
            None => eprint(text.trim_end()),
            Some((all, bars)) => {
                let bar = bars.entry(line.name.clone()).or_insert_with(|| {
                    let bar = all.add(ProgressBar::new_spinner());
                    if let Ok(style) = ProgressStyle::with_template("{spinner:.cyan} {wide_msg} {elapsed:>4}")
                    {
                        bar.set_style(style);
                    }
                    bar.enable_steady_tick(SPIN);
                    bar
                });
                match line.step {
                    Step::Done | Step::Found => bar.finish_with_message(text),
                    _ => bar.set_message(text),
                }
            }
        }
        self.shown.insert(line.name.clone(), line);
    }

    /// Says something once, above the lines.
    pub fn say(&self, text: &str) {
        match &self.bars {
            Some((all, _)) => {
                let _ = all.println(text);
            }
            None => eprint(text),
        }
    }

    /// Nothing more will change.
    pub fn finish(self) {
        if let Some((_, bars)) = self.bars {
            for bar in bars.into_values().filter(|bar| !bar.is_finished()) {
                bar.abandon();
            }
        }
    }
}

impl Default for Screen {
    fn default() -> Self {
        Self::new()
    }
}

/// Prints to stderr; a reader that went away must not stop a cluster.
pub(super) fn eprint(text: &str) {
    let _ = writeln!(std::io::stderr(), "{text}");
}

/// Prints to stdout, in the same spirit.
pub(super) fn print(text: &str) {
    let _ = writeln!(std::io::stdout(), "{text}");
}
