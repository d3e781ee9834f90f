//! Whether output has colours.

use std::io::IsTerminal;

/// Whether colours are wanted there: not in a file or a journal. By <https://no-color.org> an empty variable does not count.
pub(super) fn has_colours(stream: &impl IsTerminal) -> bool {
    let no_color = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
    stream.is_terminal() && !no_color
}
