//! Blocks by pull.

use std::collections::{BTreeMap, BTreeSet};

use bytes::Bytes;
use gossip_proto::{Content, Hello, PullIds, RawEnvelope, SignedMessage};

use super::{ItemId, Outgoing, Pull};
use crate::cx::Cx;
use crate::gate::{Sender, block_message};
use crate::rng::ModuleRng;
use crate::state_transfer::{StateTransfer, Want};
use crate::{BlockOrigin, ChannelId, Command, LedgerOp, LedgerOutcome, LinkId, PeerId, Ticket};

/// A block's number, told in decimal digits.
impl ItemId for u64 {
    fn encode(&self) -> Bytes {
        Bytes::from(self.to_string())
    }

    fn decode(bytes: &[u8]) -> Option<Self> {
        let text = std::str::from_utf8(bytes).ok()?;
        let number: Self = text.parse().ok()?;
        (number.to_string() == text).then_some(number)
    }
}

/// The ledger's latest blocks, and those that wait for it.
#[derive(Debug)]
pub(crate) struct BlockPull {
    pub(crate) pull: Pull<u64>,
    channel: ChannelId,
    /// Requests being answered: one of each peer, `state_transfer.max_serving` in all.
    serving: BTreeMap<Ticket, Serving>,
}

#[derive(Debug)]
struct Serving {
    peer: PeerId,
    /// Where to answer; absent once that link is gone. The read still counts until it is done.
    link: Option<LinkId>,
    nonce: u64,
    /// The numbers being read.
    start: u64,
    count: u64,
    /// What is left of the request.
    rest: BTreeSet<u64>,
    spent: u64,
}

impl BlockPull {
    pub(crate) fn new(cx: &mut Cx<'_>, channel: ChannelId, rng: ModuleRng) -> Self {
        Self {
            pull: Pull::new(cx, Some(channel.clone()), rng),
            channel,
            serving: BTreeMap::new(),
        }
    }

    /// Whether the answer to this ticket belongs here.
    pub(crate) fn owns(&self, ticket: Ticket) -> bool {
        self.serving.contains_key(&ticket)
    }

    /// A link is gone: no answer is sent there any more.
    pub(crate) fn on_link_gone(&mut self, link: LinkId) {
        for serving in self.serving.values_mut() {
            if serving.link == Some(link) {
                serving.link = None;
            }
        }
    }

    /// Answers a hello with the numbers at hand.
    pub(crate) fn on_hello(
        &mut self,
        cx: &mut Cx<'_>,
        transfer: &StateTransfer,
        peer: &PeerId,
        hello: &Hello,
    ) -> Option<SignedMessage> {
        let ids = offered(cx, transfer);
        self.pull.on_hello(cx, peer, hello.nonce, &ids)
    }

    /// A peer tells which blocks it holds.
    pub(crate) fn on_digest(
        &mut self,
        cx: &mut Cx<'_>,
        transfer: &StateTransfer,
        from: &PeerId,
        digest: &PullIds,
    ) -> Vec<Outgoing> {
        let wants = |seq: &u64| transfer.lacks(*seq);
        self.pull.on_digest(cx, from, digest, wants)
    }

    /// A peer requests blocks: begins to read them. Returns what need not be read.
    pub(crate) fn on_request(
        &mut self,
        cx: &mut Cx<'_>,
        transfer: &StateTransfer,
        sender: &Sender,
        request: &PullIds,
    ) -> Option<SignedMessage> {
        let asked = self.pull.on_request(cx, &sender.peer, request);
        let rest: BTreeSet<u64> = asked
            .intersection(&offered(cx, transfer))
            .copied()
            .collect();
        let busy = self.serving.len() >= cx.config.state_transfer.max_serving.get()
            || self.serving.values().any(|one| one.peer == sender.peer);
        if busy {
            cx.metrics().pull_refused += 1;
            return None;
        }
        let serving = Serving {
            peer: sender.peer.clone(),
            link: Some(sender.link),
            nonce: request.nonce,
            start: 0,
            count: 0,
            rest,
            spent: 0,
        };
        self.proceed(cx, transfer, serving)
    }

    /// The ledger has read. Returns what to send on which link.
    pub(crate) fn on_ledger_done(
        &mut self,
        cx: &mut Cx<'_>,
        transfer: &StateTransfer,
        ticket: Ticket,
        outcome: LedgerOutcome,
    ) -> Vec<(LinkId, SignedMessage)> {
        let Some(mut serving) = self.serving.remove(&ticket) else {
            return Vec::new();
        };
        let Some(link) = serving.link else {
            return Vec::new();
        };
        // A ledger may lack its oldest blocks.
        let blocks = match outcome {
            LedgerOutcome::Blocks(Ok(blocks)) => blocks,
            LedgerOutcome::Blocks(Err(_))
            | LedgerOutcome::Height(_)
            | LedgerOutcome::Committed(_) => Vec::new(),
        };
        let numbers = serving.start..serving.start.saturating_add(serving.count);
        let mut data = Vec::new();
        for read in numbers.zip(blocks) {
            serving.add(cx, &self.channel, read, &mut data);
        }
        let first = self.update(cx, serving.nonce, data);
        let last = self.proceed(cx, transfer, serving);
        let messages = first.into_iter().chain(last);
        messages.map(|message| (link, message)).collect()
    }

    /// Of what an update brings, what was asked for and is still missing: to be verified.
    pub(crate) fn on_update(
        &mut self,
        cx: &mut Cx<'_>,
        transfer: &StateTransfer,
        from: &PeerId,
        nonce: u64,
        data: &[RawEnvelope],
    ) -> Vec<(u64, Bytes)> {
        let mut taken = Vec::new();
        if !self.pull.expects_update(cx, from, nonce) {
            return taken;
        }
        for envelope in data.iter().take(cx.config.pull.max_ids.get()) {
            let Ok(message) = SignedMessage::decode_nested(envelope, &cx.config.limits) else {
                cx.metrics().violations += 1;
                continue;
            };
            let ours = *message.message().channel == *self.channel.as_str().as_bytes();
            let (true, Content::Data(payload)) = (ours, message.content()) else {
                cx.metrics().violations += 1;
                continue;
            };
            let seq = payload.seq_num;
            if !self.pull.take(cx, from, &seq, envelope.encoded().len()) {
                continue;
            }
            if transfer.want(cx, seq, BlockOrigin::Pull) == Want::Yes {
                taken.push((seq, payload.data.clone()));
            }
        }
        taken
    }

    /// Goes on with a request: takes what waits for the ledger from there, and has the next ones read.
    fn proceed(
        &mut self,
        cx: &mut Cx<'_>,
        transfer: &StateTransfer,
        mut serving: Serving,
    ) -> Option<SignedMessage> {
        let nonce = serving.nonce;
        let mut data = Vec::new();
        while let Some(seq) = serving.rest.first().copied() {
            if let Some(block) = transfer.held_block(seq) {
                serving.rest.pop_first();
                serving.add(cx, &self.channel, (seq, block.clone()), &mut data);
            } else if seq < transfer.height() {
                self.read(cx, transfer.height(), serving);
                break;
            } else {
                serving.rest.pop_first();
            }
        }
        self.update(cx, nonce, data)
    }

    /// Reads as many consecutive blocks as come next.
    fn read(&mut self, cx: &mut Cx<'_>, height: u64, mut serving: Serving) {
        let Some(start) = serving.rest.pop_first() else {
            return;
        };
        serving.start = start;
        serving.count = 1;
        while start + serving.count < height && serving.rest.remove(&(start + serving.count)) {
            serving.count += 1;
        }
        let budget = cx.config.pull.max_update_bytes;
        let ticket = cx.ticket();
        cx.emit(Command::Ledger {
            ticket,
            op: LedgerOp::Read {
                channel: self.channel.clone(),
                start,
                end: start + serving.count - 1,
                max_bytes: budget.saturating_sub(serving.spent),
            },
        });
        self.serving.insert(ticket, serving);
    }

    fn update(&self, cx: &mut Cx<'_>, nonce: u64, data: Vec<RawEnvelope>) -> Option<SignedMessage> {
        cx.metrics().pull_items_sent += data.len() as u64;
        (!data.is_empty()).then(|| self.pull.update(nonce, data))
    }
}

impl Serving {
    /// Adds a block unless that exceeds the budget; then the request is done. The first always fits.
    fn add(
        &mut self,
        cx: &Cx<'_>,
        channel: &ChannelId,
        (seq, block): (u64, Bytes),
        data: &mut Vec<RawEnvelope>,
    ) {
        let item = block_message(channel, seq, block).envelope().clone();
        let total = self.spent.saturating_add(item.encoded().len() as u64);
        if self.spent > 0 && total > cx.config.pull.max_update_bytes {
            self.rest.clear();
            return;
        }
        self.spent = total;
        data.push(item);
    }
}

/// The numbers at hand, at most as many as fit into a digest.
fn offered(cx: &Cx<'_>, transfer: &StateTransfer) -> BTreeSet<u64> {
    let height = transfer.height();
    let stored = height.saturating_sub(cx.config.pull.max_blocks)..height;
    let most = cx.config.pull.max_ids.get();
    stored.chain(transfer.held_numbers()).take(most).collect()
}
