//! Reads the input back from every ledger and compares it byte for byte.
//!
//! This happens after the peers have stopped, on reopened ledgers, so the data on disk is compared.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use bytes::Bytes;
use gossip::core::ChannelId;
use gossip::ledger::BlockLedger;

use super::blocks::Chain;
use super::input::{Input, InputReader};
use super::progress::Screen;
use crate::failure::Failure;
use crate::interrupt::Interrupt;

/// The contents of a ledger.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Contents {
    /// The number of blocks.
    pub(crate) height: u64,
    /// The hash of the last block's header, in hexadecimal.
    pub(crate) chain_hash: String,
    /// The difference from the input, if there is one.
    pub(crate) difference: Option<String>,
}

/// Compares all ledgers with the input, several at a time.
pub(crate) fn compare_all(
    ledgers: &[PathBuf],
    channel: &ChannelId,
    input: &Input,
    screen: &Screen,
    interrupt: &Interrupt,
) -> Result<Vec<Contents>, Failure> {
    let next = AtomicUsize::new(0);
    let work = || {
        let mut done = Vec::new();
        loop {
            let index = next.fetch_add(1, Ordering::Relaxed);
            let Some(path) = ledgers.get(index) else {
                return Ok(done);
            };
            let comparison = Comparison::new(input, screen, interrupt);
            done.push((index, comparison.run(path, channel)?));
        }
    };
    let workers = thread::available_parallelism()
        .map_or(1, usize::from)
        .min(ledgers.len());
    let mut contents = thread::scope(|scope| {
        let threads: Vec<_> = (0..workers).map(|_| scope.spawn(work)).collect();
        let mut contents = Vec::with_capacity(ledgers.len());
        for thread in threads {
            let crashed = |_| Failure::step("compare a ledger", "its thread crashed");
            contents.extend(thread.join().map_err(crashed)??);
        }
        Ok::<_, Failure>(contents)
    })?;
    contents.sort_unstable_by_key(|(index, _)| *index);
    Ok(contents.into_iter().map(|(_, contents)| contents).collect())
}

/// The comparison of one ledger with the input.
struct Comparison<'a> {
    screen: &'a Screen,
    interrupt: &'a Interrupt,
    reader: InputReader,
    buffer: Vec<u8>,
    compared: u64,
    chain: Chain,
}

/// Reason for the early end of a comparison.
enum Stop {
    /// The ledger differs from the input.
    Different(String),
    /// The comparison failed.
    Failed(Failure),
}

impl From<Failure> for Stop {
    fn from(failure: Failure) -> Self {
        Self::Failed(failure)
    }
}

impl<'a> Comparison<'a> {
    fn new(input: &Input, screen: &'a Screen, interrupt: &'a Interrupt) -> Self {
        Self {
            screen,
            interrupt,
            reader: input.reader(),
            buffer: Vec::new(),
            compared: 0,
            chain: Chain::default(),
        }
    }

    fn run(mut self, path: &Path, channel: &ChannelId) -> Result<Contents, Failure> {
        let difference = match self.compare(path, channel) {
            Ok(()) => None,
            Err(Stop::Different(difference)) => Some(difference),
            Err(Stop::Failed(failure)) => return Err(failure),
        };
        Ok(Contents {
            height: self.chain.height(),
            chain_hash: self.chain.hash(),
            difference,
        })
    }

    fn compare(&mut self, path: &Path, channel: &ChannelId) -> Result<(), Stop> {
        let unreadable =
            |error: &dyn std::fmt::Display| Stop::Different(format!("cannot be read: {error}"));
        let ledger = BlockLedger::open(path).map_err(|error| unreadable(&error))?;
        for block in ledger
            .iter(channel, 0)
            .map_err(|error| unreadable(&error))?
        {
            self.interrupt.check()?;
            let (_, block) = block.map_err(|error| unreadable(&error))?;
            self.block(block)?;
        }
        if self.reader.left() > 0 {
            let bytes = self.reader.left();
            return Err(Stop::Different(format!(
                "ends {bytes} bytes before the input does"
            )));
        }
        Ok(())
    }

    fn block(&mut self, block: Bytes) -> Result<(), Stop> {
        let before = self.compared;
        for transaction in self.chain.append(block).map_err(Stop::Different)? {
            self.transaction(&transaction)?;
        }
        self.screen.compared(self.compared - before);
        Ok(())
    }

    fn transaction(&mut self, transaction: &[u8]) -> Result<(), Stop> {
        self.buffer.resize(transaction.len(), 0);
        let filled = self.reader.fill(&mut self.buffer)?;
        let expected = &self.buffer[..filled];
        if transaction == expected {
            self.compared += filled as u64;
            return Ok(());
        }
        let pairs = transaction.iter().zip(expected);
        let same = pairs
            .take_while(|(found, expected)| found == expected)
            .count();
        self.compared += same as u64;
        Err(Stop::Different(if same == filled {
            "continues after the end of the input".to_owned()
        } else {
            format!("differs from the input at byte {}", self.compared)
        }))
    }
}

#[cfg(test)]
mod tests;
