//! The only places that write to stdout and stderr, besides the progress bars and the log.

use std::io::{self, ErrorKind, IsTerminal, Write};

use indicatif::MultiProgress;
use tracing_subscriber::EnvFilter;
use tracing_subscriber::fmt::MakeWriter;

use crate::failure::Failure;

/// Prints a report. A reader that has gone away (`gossip demo | head`) is no failure.
pub(crate) fn report(text: &str) -> Result<(), Failure> {
    let mut stdout = io::stdout().lock();
    match writeln!(stdout, "{text}").and_then(|()| stdout.flush()) {
        Err(error) if error.kind() != ErrorKind::BrokenPipe => {
            Err(Failure::step("write the report to stdout", error))
        }
        Ok(()) | Err(_) => Ok(()),
    }
}

/// Tells the user something on stderr that belongs to no report.
pub(crate) fn note(text: &str) {
    // Nobody is left to tell when stderr itself is gone.
    let _ = writeln!(io::stderr().lock(), "gossip: {text}");
}

/// Tells why the command failed, in one line.
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
