//! Standard output: tables as wide as the terminal, colours on a terminal only.

use std::io::{self, IsTerminal as _, Write as _};

use comfy_table::{Attribute, Cell, Color, ContentArrangement, Table, presets};

use crate::cli::colours::has_colours;

/// Colours that mean something.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Tone {
    Plain,
    Good,
    Bad,
    Waiting,
}

impl Tone {
    /// That of a transaction's status, or of an answer.
    pub(super) fn of(word: &str) -> Self {
        match word {
            "succeed" | "success" => Self::Good,
            "failed" | "failure" | "unknown" => Self::Bad,
            "aborting" | "ongoing" => Self::Waiting,
            _ => Self::Plain,
        }
    }

    fn color(self) -> Option<Color> {
        match self {
            Self::Plain => None,
            Self::Good => Some(Color::Green),
            Self::Bad => Some(Color::Red),
            Self::Waiting => Some(Color::Yellow),
        }
    }
}

/// A table of texts, each with its tone.
pub(super) struct Rows {
    table: Table,
    colours: bool,
}

impl Rows {
    /// On a terminal as wide as that; in a pipe each row stays on its line.
    pub(super) fn new(header: &[&str]) -> Self {
        let mut table = Table::new();
        table.load_style(presets::NOTHING);
        let is_terminal = io::stdout().is_terminal();
        table.set_content_arrangement(if is_terminal {
            ContentArrangement::Dynamic
        } else {
            ContentArrangement::Disabled
        });
        let colours = has_colours(&io::stdout());
        let head = |word: &&str| if colours { Cell::new(word).add_attribute(Attribute::Bold) } else { Cell::new(word) };
        table.set_header(header.iter().map(head));
        Self { table, colours }
    }

    pub(super) fn add(&mut self, row: impl IntoIterator<Item = (String, Tone)>) {
        let colours = self.colours;
        self.table.add_row(row.into_iter().map(|(text, tone)| {
            let cell = Cell::new(text);
            match tone.color().filter(|_| colours) {
                Some(color) => cell.fg(color),
                None => cell,
            }
        }));
    }

    pub(super) fn print(&self) -> io::Result<()> {
        line(&self.table.trim_fmt())
    }
}

/// A text without a tone.
pub(super) fn cell(text: impl Into<String>) -> (String, Tone) {
    (text.into(), Tone::Plain)
}

/// Prints a line, at once: others may read it from a pipe.
pub(super) fn line(text: &str) -> io::Result<()> {
    let mut stdout = io::stdout().lock();
    writeln!(stdout, "{text}")?;
    stdout.flush()
}
