//! The report of the demo.

use std::time::Duration;

use comfy_table::presets::UTF8_BORDERS_ONLY;
use comfy_table::{CellAlignment, Table};
use serde::Serialize;

use crate::size::ByteSize;

/// The result of a run; `--json` prints it unchanged.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Report {
    /// `ok` if every ledger equals the input and all chain hashes are equal, else `failed`.
    pub(crate) verdict: &'static str,
    /// Problems, one line each.
    pub(crate) problems: Vec<String>,
    /// `tokio` or `smol`.
    pub(crate) runtime: &'static str,
    /// `tcp` or `mem`.
    pub(crate) transport: &'static str,
    /// Organisations.
    pub(crate) orgs: u16,
    /// Peers in each organisation.
    pub(crate) peers_per_org: u16,
    /// The files distributed.
    pub(crate) input: Vec<String>,
    /// Their total length.
    pub(crate) input_bytes: u64,
    /// Bytes of input in each block except the last.
    pub(crate) block_size: u64,
    /// Blocks distributed.
    pub(crate) blocks: u64,
    /// Times of the run.
    pub(crate) timing: TimingReport,
    /// One entry per peer.
    pub(crate) peers: Vec<PeerReport>,
    /// The folder of the ledgers, if they are kept.
    pub(crate) ledgers: Option<String>,
}

/// Times, in the unit that the field's name ends with.
#[derive(Clone, Copy, Debug, Serialize)]
pub(crate) struct TimingReport {
    /// Time until every peer saw all others.
    pub(crate) membership_s: f64,
    /// From the first publication to the last commit.
    pub(crate) dissemination_s: f64,
    /// Time to read all ledgers back.
    pub(crate) comparison_s: f64,
    /// The whole run.
    pub(crate) total_s: f64,
    /// From the publication of a block to its commit at the last peer: median.
    pub(crate) last_peer_p50_ms: f64,
    /// The same: 99th percentile.
    pub(crate) last_peer_p99_ms: f64,
    /// The same: slowest block.
    pub(crate) last_peer_max_ms: f64,
    /// Blocks that reached all peers, per second of dissemination.
    pub(crate) blocks_per_s: f64,
    /// Bytes of input that reached all peers, per second of dissemination.
    pub(crate) bytes_per_s: f64,
}

/// One peer.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct PeerReport {
    /// Its name.
    pub(crate) name: String,
    /// Its organisation.
    pub(crate) org: String,
    /// Whether it publishes blocks.
    pub(crate) leader: bool,
    /// Blocks in its ledger.
    pub(crate) height: u64,
    /// The hash of its last block's header.
    pub(crate) chain_hash: String,
    /// Whether its ledger equals the input, byte for byte.
    pub(crate) equal: bool,
    /// Blocks published by it.
    pub(crate) blocks_published: u64,
    /// New blocks received by push.
    pub(crate) blocks_pushed: u64,
    /// New blocks received by state transfer.
    pub(crate) blocks_transferred: u64,
    /// Blocks received by push that were known already.
    pub(crate) blocks_duplicate: u64,
    /// Bytes of messages sent.
    pub(crate) bytes_sent: u64,
    /// Bytes of messages received.
    pub(crate) bytes_received: u64,
}

impl Report {
    /// The report as text: the table, the times and the verdict.
    pub(crate) fn to_text(&self) -> String {
        let timing = &self.timing;
        let mut lines = vec![
            self.table().to_string(),
            format!(
                "publication to last peer: p50 {}, p99 {}, max {}",
                millis(timing.last_peer_p50_ms),
                millis(timing.last_peer_p99_ms),
                millis(timing.last_peer_max_ms),
            ),
            format!(
                "dissemination: {:.2} s, {:.1} blocks/s, {}/s to every peer",
                timing.dissemination_s,
                timing.blocks_per_s,
                bytes(timing.bytes_per_s),
            ),
            format!(
                "total: {:.2} s ({:.2} s until all peers saw each other, {:.2} s to read all ledgers back)",
                timing.total_s, timing.membership_s, timing.comparison_s,
            ),
        ];
        lines.extend(self.ledgers.iter().map(|path| format!("ledgers: {path}")));
        lines.push(self.verdict_line());
        lines.join("\n")
    }

    /// `verdict: ok` or `verdict: failed`, with reasons.
    pub(crate) fn verdict_line(&self) -> String {
        let peers = self.peers.len();
        if self.problems.is_empty() {
            let chain = self
                .peers
                .first()
                .map_or("", |peer| peer.chain_hash.as_str());
            format!(
                "verdict: {}: {peers} of {peers} ledgers equal the {} bytes of input in {} blocks, chain hash {}",
                self.verdict,
                self.input_bytes,
                self.blocks,
                short(chain),
            )
        } else {
            format!("verdict: {}: {}", self.verdict, self.problems.join("; "))
        }
    }

    fn table(&self) -> Table {
        let mut table = Table::new();
        table.load_style(UTF8_BORDERS_ONLY);
        table.set_header([
            "peer",
            "height",
            "chain hash",
            "own",
            "push",
            "transfer",
            "dups",
            "sent",
            "received",
            "input",
        ]);
        for peer in &self.peers {
            table.add_row([
                if peer.leader {
                    format!("{} *", peer.name)
                } else {
                    peer.name.clone()
                },
                peer.height.to_string(),
                short(&peer.chain_hash).to_owned(),
                peer.blocks_published.to_string(),
                peer.blocks_pushed.to_string(),
                peer.blocks_transferred.to_string(),
                peer.blocks_duplicate.to_string(),
                bytes(peer.bytes_sent as f64),
                bytes(peer.bytes_received as f64),
                if peer.equal { "equal" } else { "DIFFERENT" }.to_owned(),
            ]);
        }
        for column in [1, 3, 4, 5, 6, 7, 8] {
            if let Some(column) = table.column_mut(column) {
                column.set_cell_alignment(CellAlignment::Right);
            }
        }
        table
    }
}

/// Describes the input and its blocks.
pub(crate) fn describe_input(
    input: &[String],
    input_bytes: u64,
    blocks: u64,
    block_size: ByteSize,
) -> String {
    let files = match input {
        [one] => one.clone(),
        several => format!("{} files", several.len()),
    };
    format!(
        "{files}: {} in {blocks} blocks of up to {block_size}",
        bytes(input_bytes as f64)
    )
}

/// Seconds, rounded for a report.
pub(crate) fn seconds(time: Duration) -> f64 {
    round(time.as_secs_f64())
}

/// Milliseconds, rounded for a report.
pub(crate) fn milliseconds(time: Duration) -> f64 {
    round(time.as_secs_f64() * 1e3)
}

/// Count per second, rounded for a report; 0 if no time has passed.
pub(crate) fn rate(count: u64, time: Duration) -> f64 {
    if time.is_zero() {
        0.0
    } else {
        round(count as f64 / time.as_secs_f64())
    }
}

fn round(value: f64) -> f64 {
    (value * 1e3).round() / 1e3
}

fn short(hash: &str) -> &str {
    hash.get(..12).unwrap_or(hash)
}

fn millis(value: f64) -> String {
    if value < 10.0 {
        format!("{value:.2} ms")
    } else {
        format!("{value:.0} ms")
    }
}

fn bytes(value: f64) -> String {
    let units = ["B", "KiB", "MiB", "GiB", "TiB"];
    let mut value = value;
    let mut unit = 0;
    while value >= 1024.0 && unit + 1 < units.len() {
        value /= 1024.0;
        unit += 1;
    }
    if unit == 0 {
        format!("{value:.0} B")
    } else {
        format!("{value:.1} {}", units[unit])
    }
}
