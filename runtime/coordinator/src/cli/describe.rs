//! The program's options as completions of a shell, and as pages for `man`.

use super::options::Options;

pub(super) fn completions(shell: clap_complete::Shell) -> Vec<u8> {
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut Options::described(), "branchwire", &mut script);
    script
}

/// The page of the program, or of one of its commands.
///
/// # Errors
/// There is no such command.
pub(super) fn page(command: Option<&str>) -> Result<Vec<u8>, String> {
    let mut program = Options::described();
    program.build();
    let described = match command {
        None => Some(program),
        Some(name) => program.find_subcommand(name).map(|found| found.clone().name(format!("branchwire-{name}"))),
    };
    let described = described.ok_or_else(|| format!("there is no command `{}`", command.unwrap_or_default()))?;
    let mut page = Vec::new();
    clap_mangen::Man::new(described).render(&mut page).map_err(|error| error.to_string())?;
    Ok(page)
}
