//! Progress shown while the demo runs: members seen, and one bar per peer.

use indicatif::{MultiProgress, ProgressBar, ProgressDrawTarget, ProgressStyle};

use crate::failure::Failure;

/// Progress bars on stderr; none if it is not a terminal or the user has disabled them.
#[derive(Debug)]
pub(crate) struct Screen {
    bars: MultiProgress,
    stage: ProgressBar,
    peers: Vec<ProgressBar>,
}

impl Screen {
    /// An empty screen. `bars` may be shared with the log.
    pub(crate) fn new(bars: MultiProgress, visible: bool) -> Result<Self, Failure> {
        if !visible {
            bars.set_draw_target(ProgressDrawTarget::hidden());
        }
        let style = style("{prefix:<12} [{bar:32}] {pos}/{len} {msg}")?;
        let stage = bars.add(ProgressBar::new(0)).with_style(style);
        Ok(Self {
            bars,
            stage,
            peers: Vec::new(),
        })
    }

    /// Begins the stage in which peers find each other.
    pub(crate) fn gathering(&self, members: u64) {
        self.stage.set_prefix("members");
        self.stage.set_message("seen by every peer");
        self.stage.set_length(members);
        self.stage.set_position(0);
    }

    /// The lowest number of members seen by a peer, including itself.
    pub(crate) fn members(&self, seen: u64) {
        self.stage.set_position(seen);
    }

    /// Begins the stage in which each peer commits `blocks` blocks.
    pub(crate) fn distributing(&mut self, names: &[String], blocks: u64) -> Result<(), Failure> {
        self.peers = self.bars_for(names, blocks, "{prefix:<12} [{bar:32}] {pos}/{len} blocks")?;
        Ok(())
    }

    /// The height of each peer's ledger.
    pub(crate) fn heights(&self, heights: &[u64]) {
        for (bar, height) in self.peers.iter().zip(heights) {
            bar.set_position(*height);
        }
    }

    /// Begins the stage in which ledgers are compared with the input.
    pub(crate) fn comparing(&self, bytes: u64) -> Result<(), Failure> {
        self.stage.set_style(style(
            "{prefix:<12} [{bar:32}] {bytes}/{total_bytes} {msg}",
        )?);
        self.stage.set_prefix("compare");
        self.stage.set_message("of all ledgers equal to the input");
        self.stage.set_position(0);
        self.stage.set_length(bytes);
        Ok(())
    }

    /// Adds `bytes` compared bytes.
    pub(crate) fn compared(&self, bytes: u64) {
        self.stage.inc(bytes);
    }

    fn bars_for(
        &self,
        names: &[String],
        length: u64,
        template: &str,
    ) -> Result<Vec<ProgressBar>, Failure> {
        let style = style(template)?;
        Ok(names
            .iter()
            .map(|name| {
                let bar = ProgressBar::new(length).with_style(style.clone());
                self.bars.add(bar).with_prefix(name.clone())
            })
            .collect())
    }
}

impl Drop for Screen {
    /// Removes the bars from the terminal, however the demo ends.
    fn drop(&mut self) {
        for bar in self.peers.iter().chain([&self.stage]) {
            bar.finish_and_clear();
        }
    }
}

fn style(template: &str) -> Result<ProgressStyle, Failure> {
    let style = ProgressStyle::with_template(template);
    Ok(style
        .map_err(|error| Failure::step("draw progress", error))?
        .progress_chars("=> "))
}
