//! Output to stdout and stderr; only progress bars and the log write elsewhere.

use std::io::{self, ErrorKind, IsTerminal, Write};

use indicatif::MultiProgress;
use tracing_subscriber::EnvFilter;
use tracing_subscriber::fmt::MakeWriter;

use crate::failure::Failure;

/// Prints a report. A closed pipe (`gossip demo | head`) is not a failure.
pub(crate) fn report(text: &str) -> Result<(), Failure> {
    let mut stdout = io::stdout().lock();
    match writeln!(stdout, "{text}").and_then(|()| stdout.flush()) {
        Err(error) if error.kind() != ErrorKind::BrokenPipe => {
            Err(Failure::step("write the report to stdout", error))
        }
        Ok(()) | Err(_) => Ok(()),
    }
}

/// Prints a note to stderr.
pub(crate) fn note(text: &str) {
    // If stderr is closed, the note is lost.
    let _ = writeln!(io::stderr().lock(), "gossip: {text}");
}

/// Prints the reason of a failure to stderr, in one line.
pub(crate) fn error(failure: &Failure) {
    let line = failure
        .to_string()
        .split_whitespace()
        .collect::<Vec<_>>()
        .join(" ");
    let interrupted = matches!(failure, Failure::Interrupted);
    note(&if interrupted {
        line
    } else {
        format!("error: {line}")
    });
}

/// Sends the log to stderr, above the progress bars if there are any.
pub(crate) fn init_log(filter: EnvFilter, bars: &MultiProgress) {
    let writer = AboveBars(bars.clone());
    let colours = io::stderr().is_terminal();
    let log = tracing_subscriber::fmt().with_env_filter(filter);
    log.with_ansi(colours).with_writer(writer).init();
}

#[derive(Clone)]
struct AboveBars(MultiProgress);

impl<'a> MakeWriter<'a> for AboveBars {
    type Writer = Self;

    fn make_writer(&'a self) -> Self {
        self.clone()
    }
}

impl Write for AboveBars {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        self.0
            .suspend(|| io::stderr().write_all(line))
            .map(|()| line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        io::stderr().flush()
    }
}
