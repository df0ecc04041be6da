//! Blocks for peers, by state request or by pull: from the buffer and the ledger, within budgets.

use std::collections::{BTreeMap, BTreeSet};

use bytes::Bytes;
use gossip_proto::{Payload, RawEnvelope, StateRequest};

use crate::channel::commit::PayloadBuffer;
use crate::compose::block_message;
use crate::out::Out;
use crate::snapshot::Stores;
use crate::ticket::{LedgerUse, Owner};
use crate::{ChannelId, Config, LedgerOp, LedgerOutcome, LinkId, PeerId, Ticket};

/// The reads under way for peers: of each kind one per peer, and `max_serving` in all.
#[derive(Debug)]
pub(crate) struct BlockServer {
    channel: ChannelId,
    reads: BTreeMap<Ticket, Read>,
}

#[derive(Debug)]
struct Read {
    asker: Asker,
    /// The numbers being read.
    start: u64,
    count: u64,
    /// The rest of a pull.
    pull: Option<Pull>,
}

/// The requesting peer, and the link for the answer.
#[derive(Clone, Debug)]
pub(crate) struct Asker {
    pub(crate) peer: PeerId,
    /// `None` after the end of that link. The read still counts until it is done.
    pub(crate) link: Option<LinkId>,
    pub(crate) nonce: u64,
}

/// The rest of a request by pull.
#[derive(Debug)]
struct Pull {
    rest: BTreeSet<u64>,
    spent: u64,
}

/// Blocks for a peer.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Served {
    /// For a state request; empty if it is refused.
    Response(Vec<Payload>),
    /// For a request by pull.
    Update(Vec<RawEnvelope>),
}

impl BlockServer {
    pub(crate) fn new(channel: ChannelId) -> Self {
        Self {
            channel,
            reads: BTreeMap::new(),
        }
    }

    /// A state request. Starts a read, or returns the blocks if the buffer holds them. Each request is answered, a
    /// refused one by an empty list, so that the peer asks another one without waiting for a timeout.
    pub(crate) fn on_state_request(
        &mut self,
        cx: &mut Out<'_>,
        buffer: &PayloadBuffer,
        asker: Asker,
        request: StateRequest,
    ) -> Option<Vec<Payload>> {
        let config = &cx.config.state_transfer;
        let StateRequest { start, end } = request;
        let height = buffer.next();
        if start >= height && start <= end && buffer.holds(start) {
            cx.metrics().state_requests_served += 1;
            return Some(held(buffer, (start, end), config.max_response_bytes));
        }
        if start > end || start >= height || self.is_busy(cx.config, &asker.peer, false) {
            cx.metrics().state_requests_refused += 1;
            return Some(Vec::new());
        }
        // Fabric uses its batch size as the distance between two inclusive bounds.
        let batch = u64::try_from(config.batch.get()).unwrap_or(u64::MAX);
        let end = end.min(start.saturating_add(batch)).min(height - 1);
        let read = Read {
            asker,
            start,
            count: end - start + 1,
            pull: None,
        };
        self.read(cx, config.max_response_bytes, read);
        None
    }

    /// A request by pull. Starts to read `wanted`. Returns the blocks that need no read.
    pub(crate) fn on_pull(
        &mut self,
        cx: &mut Out<'_>,
        buffer: &PayloadBuffer,
        asker: Asker,
        wanted: BTreeSet<u64>,
    ) -> Vec<RawEnvelope> {
        if self.is_busy(cx.config, &asker.peer, true) {
            cx.metrics().pull_refused += 1;
            return Vec::new();
        }
        let pull = Pull {
            rest: wanted,
            spent: 0,
        };
        self.go_on(cx, buffer, asker, pull)
    }

    /// The ledger has read. Returns the blocks to send, the link and the nonce.
    pub(crate) fn on_read(
        &mut self,
        cx: &mut Out<'_>,
        buffer: &PayloadBuffer,
        ticket: Ticket,
        outcome: LedgerOutcome,
    ) -> Option<(LinkId, u64, Vec<Served>)> {
        let read = self.reads.remove(&ticket)?;
        let (link, nonce) = (read.asker.link?, read.asker.nonce);
        // A ledger may lack its oldest blocks.
        let blocks = match outcome {
            LedgerOutcome::Blocks(Ok(blocks)) => blocks,
            LedgerOutcome::Blocks(Err(_))
            | LedgerOutcome::Height(_)
            | LedgerOutcome::Committed(_) => Vec::new(),
        };
        let blocks = (read.start..read.start.saturating_add(read.count)).zip(blocks);
        let Some(mut pull) = read.pull else {
            let payloads: Vec<_> = blocks.map(payload).collect();
            if payloads.is_empty() {
                cx.metrics().state_requests_refused += 1;
            } else {
                cx.metrics().state_requests_served += 1;
            }
            return Some((link, nonce, vec![Served::Response(payloads)]));
        };
        let mut items = Vec::new();
        for block in blocks {
            pull.add(cx.config, &self.channel, block, &mut items);
        }
        let rest = self.go_on(cx, buffer, read.asker, pull);
        let updates = [items, rest].map(Served::Update);
        Some((link, nonce, updates.into()))
    }

    /// A link has ended: no answer is sent on it.
    pub(crate) fn on_link_gone(&mut self, link: LinkId) {
        for read in self.reads.values_mut() {
            read.asker.link.take_if(|of| *of == link);
        }
    }

    pub(crate) fn stores(&self, config: &Config, stores: &mut Stores) {
        let most = config.state_transfer.max_serving.get().saturating_mul(2);
        stores.add("requests for blocks being served", self.reads.len(), most);
    }

    fn is_busy(&self, config: &Config, peer: &PeerId, pulled: bool) -> bool {
        let reads = self.reads.values();
        let mut alike = reads.filter(|read| read.pull.is_some() == pulled);
        let full = alike.clone().count() >= config.state_transfer.max_serving.get();
        full || alike.any(|read| read.asker.peer == *peer)
    }

    /// Continues a pull: returns blocks that the buffer holds, and starts the read of the next ones.
    fn go_on(
        &mut self,
        cx: &mut Out<'_>,
        buffer: &PayloadBuffer,
        asker: Asker,
        mut pull: Pull,
    ) -> Vec<RawEnvelope> {
        let height = buffer.next();
        let mut items = Vec::new();
        while let Some(seq) = pull.rest.pop_first() {
            if let Some(block) = buffer.get(seq) {
                pull.add(cx.config, &self.channel, (seq, block.clone()), &mut items);
            } else if seq < height {
                let mut count = 1;
                while seq + count < height && pull.rest.remove(&(seq + count)) {
                    count += 1;
                }
                let budget = cx.config.pull.max_update_bytes;
                let left = budget.saturating_sub(pull.spent);
                let read = Read {
                    asker,
                    start: seq,
                    count,
                    pull: Some(pull),
                };
                self.read(cx, left, read);
                break;
            }
        }
        items
    }

    fn read(&mut self, cx: &mut Out<'_>, max_bytes: u64, read: Read) {
        let owner = Owner {
            channel: self.channel.clone(),
            purpose: LedgerUse::Serve,
        };
        let op = LedgerOp::Read {
            channel: self.channel.clone(),
            start: read.start,
            end: read.start + read.count - 1,
            max_bytes,
        };
        let ticket = cx.ledger(owner, op);
        self.reads.insert(ticket, read);
    }
}

impl Pull {
    /// Adds a block unless it exceeds the budget; then the request is done. The first always fits.
    fn add(
        &mut self,
        config: &Config,
        channel: &ChannelId,
        (seq, block): (u64, Bytes),
        items: &mut Vec<RawEnvelope>,
    ) {
        let item = block_message(channel, seq, block).envelope().clone();
        let total = self.spent.saturating_add(item.encoded().len() as u64);
        if self.spent > 0 && total > config.pull.max_update_bytes {
            self.rest.clear();
            return;
        }
        self.spent = total;
        items.push(item);
    }
}

/// The blocks from `start` on in the buffer, up to `end` and so many bytes. The first is included in any case.
fn held(buffer: &PayloadBuffer, (start, end): (u64, u64), max_bytes: u64) -> Vec<Payload> {
    let mut bytes = 0_u64;
    (start..=end)
        .map_while(|seq| Some((seq, buffer.get(seq)?.clone())))
        .take_while(|(seq, data)| {
            bytes = bytes.saturating_add(data.len() as u64);
            *seq == start || bytes <= max_bytes
        })
        .map(payload)
        .collect()
}

fn payload((seq_num, data): (u64, Bytes)) -> Payload {
    Payload {
        seq_num,
        data,
        private_data: Vec::new(),
    }
}
