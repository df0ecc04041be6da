//! Blocks, published, pushed and sent on request.

use bytes::Bytes;
use gossip_proto::{Content, GossipMessage, Payload, SignedMessage, StateRequest, Tag, Tree};

use super::checks::{Checked, copies_of, note_each};
use super::news::{Admitted, BlockFault, BlockNews, BlockSource, ChainNews, News, Sender};
use super::{Check, Claim, Copies, Gate, Key, Known, count, verified};
use crate::cx::Cx;
use crate::state_transfer::Want;
use crate::{ChannelId, CryptoError, CryptoJob, CryptoOutcome, LinkId, PeerId, Ticket, Verdict};

impl Gate {
    /// Has a block of the application, or of a peer that we asked, verified.
    pub(crate) fn check_block(&mut self, cx: &mut Cx<'_>, link: Option<LinkId>, block: BlockNews) {
        let key = Key::Block(block.channel.clone(), block.seq);
        let Some(block) = self.join_check(cx, link, &key, block) else {
            return;
        };
        let Some(block) = self.validations.join(cx, block) else {
            return;
        };
        self.start_check(cx, link, key, Copies::new(block));
    }

    /// From now on the application looks at a channel's blocks before they get through, or not.
    pub(crate) fn switch_validation(&mut self, channel: &ChannelId, on: bool) {
        self.validations.switch(channel, on);
    }

    /// The application has looked at a block.
    pub(crate) fn on_validated(&mut self, cx: &mut Cx<'_>, ticket: Ticket, verdict: Verdict) {
        if let Some(copies) = self.validations.finish(ticket) {
            self.conclude_validation(cx, copies, verdict);
        }
    }

    /// Blocks that the application has not judged in time are ignored.
    pub(crate) fn fire_validations(&mut self, cx: &mut Cx<'_>) {
        while let Some(copies) = self.validations.pop_overdue(cx) {
            cx.metrics().validations_lost += 1;
            self.conclude_validation(cx, copies, Verdict::Ignore);
        }
    }

    fn conclude_validation(
        &mut self,
        cx: &mut Cx<'_>,
        copies: Copies<BlockNews>,
        verdict: Verdict,
    ) {
        let fault = match verdict {
            Verdict::Accept => {
                admit_block(cx, copies);
                return;
            }
            Verdict::Ignore => {
                cx.metrics().blocks_ignored += 1;
                BlockFault::Ignored
            }
            Verdict::Reject => {
                cx.metrics().blocks_rejected += 1;
                BlockFault::Rejected
            }
        };
        self.turn_away(cx, copies, fault);
    }

    pub(super) fn pushed_block(
        &mut self,
        cx: &mut Cx<'_>,
        known: &Known<'_>,
        sender: Sender,
        message: &SignedMessage,
        payload: &Payload,
    ) {
        let Some(channel) = self.channel_of(cx, known, &sender, message.message()) else {
            return;
        };
        if !sender
            .org
            .as_ref()
            .is_some_and(|org| known.identities.is_own_org(org))
        {
            // Blocks are pushed within an organisation; others ask for them.
            cx.metrics().violations += 1;
            return;
        }
        let seq = payload.seq_num;
        let Some(own) = known.channels.get(&channel) else {
            return;
        };
        let want = own.wants_pushed(cx, seq);
        if want == Want::Yes {
            cx.raise(News::Chain(ChainNews::Checking {
                channel: channel.clone(),
                seq,
                bytes: payload.data.len() as u64,
            }));
        }
        if seq >= own.transfer.height() {
            cx.raise(News::Chain(ChainNews::Holder {
                channel: channel.clone(),
                seq,
                peer: sender.peer.clone(),
            }));
        }
        if want == Want::Known {
            let peer = sender.peer;
            cx.raise(News::Chain(ChainNews::Superfluous { channel, seq, peer }));
            return;
        }
        if want != Want::Yes {
            return;
        }
        let block = pushed_news(channel, sender.peer, message, payload);
        self.check_block(cx, Some(sender.link), block);
    }

    /// Somebody asks for blocks.
    pub(super) fn state_request(
        &mut self,
        cx: &mut Cx<'_>,
        known: &Known<'_>,
        sender: &Sender,
        message: &GossipMessage,
        request: StateRequest,
    ) {
        let Some(channel) = self.channel_of(cx, known, sender, message) else {
            return;
        };
        let asked = News::Chain(ChainNews::Request {
            sender: sender.clone(),
            channel: channel.clone(),
            nonce: message.nonce,
            request,
        });
        self.with_access(cx, known, sender, channel, asked);
    }

    /// Blocks have come; whether they were asked for is known to whoever asks.
    pub(super) fn state_response(
        &self,
        cx: &mut Cx<'_>,
        known: &Known<'_>,
        sender: Sender,
        message: &GossipMessage,
        payloads: &[Payload],
    ) {
        if let Some(channel) = self.channel_of(cx, known, &sender, message) {
            cx.raise(News::Chain(ChainNews::Response {
                sender,
                channel,
                nonce: message.nonce,
                payloads: payloads.to_vec(),
            }));
        }
    }

    /// A neighbour tells its height: only one of our organisation is such.
    pub(super) fn tree(
        &self,
        cx: &mut Cx<'_>,
        known: &Known<'_>,
        sender: Sender,
        message: &GossipMessage,
        tree: Tree,
    ) {
        let own_org = sender.org.as_ref();
        if !own_org.is_some_and(|org| known.identities.is_own_org(org)) {
            cx.metrics().violations += 1;
        } else if let Some(channel) = self.channel_of(cx, known, &sender, message) {
            cx.raise(News::Chain(ChainNews::Tree {
                sender,
                channel,
                tree,
            }));
        }
    }

    pub(super) fn conclude_block(
        &mut self,
        cx: &mut Cx<'_>,
        copies: Copies<BlockNews>,
        outcome: CryptoOutcome,
    ) {
        if let Err(error) = verified(outcome) {
            count(cx, &Err::<(), _>(error));
            if error != CryptoError::Overloaded {
                cx.metrics().blocks_bad += 1;
            }
            self.turn_away(cx, copies, BlockFault::Unverified(error));
            return;
        }
        if !self.validations.is_on(&copies.first.channel) {
            admit_block(cx, copies);
        } else if let Some(copies) = self.validations.start(cx, copies) {
            cx.metrics().blocks_ignored += 1;
            self.turn_away(cx, copies, BlockFault::Ignored);
        }
    }

    /// A block does not get through, nor do those that are equal to it. Different ones are looked at.
    fn turn_away(&mut self, cx: &mut Cx<'_>, copies: Copies<BlockNews>, fault: BlockFault) {
        let (first, mut rest) = copies.rest();
        let data = first.data.clone();
        cx.raise(bad_block(first, fault));
        // Another copy may be the true one.
        while let Some(copies) = rest {
            if copies.first.data != data {
                let key = Key::Block(copies.first.channel.clone(), copies.first.seq);
                self.start_check(cx, None, key, copies);
                return;
            }
            let (same, others) = copies.rest();
            cx.raise(bad_block(same, fault));
            rest = others;
        }
    }
}

impl Checked for BlockNews {
    fn job(&self) -> CryptoJob {
        CryptoJob::VerifyBlock {
            channel: self.channel.clone(),
            seq: self.seq,
            block: self.data.clone(),
        }
    }

    copies_of!(Block);
}

impl Claim for BlockNews {
    fn is_same(&self, other: &Self) -> bool {
        self.data == other.data
    }

    fn shares_sender(&self, other: &Self) -> bool {
        self.source == other.source
            || self
                .holders
                .iter()
                .any(|holder| other.holders.contains(holder))
    }

    fn merge(&mut self, same: Self) {
        note_each(&mut self.holders, same.holders);
        self.message = self.message.take().or(same.message);
    }

    fn has_several_senders(&self) -> bool {
        self.holders.len() > 1
    }

    /// What we asked for, or were asked for.
    fn is_awaited(&self) -> bool {
        !matches!(self.source, BlockSource::Pushed { .. })
    }

    fn bytes(&self) -> u64 {
        self.data.len() as u64
    }
}

fn pushed_news(
    channel: ChannelId,
    from: PeerId,
    message: &SignedMessage,
    payload: &Payload,
) -> BlockNews {
    let (seq, data) = (payload.seq_num, &payload.data);
    // Nothing besides the block is covered by the orderers' signatures, so nothing is passed on.
    let bare = message.is_bare() && message.message().nonce == 0;
    let clean = if bare && payload.private_data.is_empty() {
        message.clone()
    } else {
        block_message(&channel, seq, data.clone())
    };
    BlockNews {
        channel,
        seq,
        data: data.clone(),
        holders: vec![from.clone()],
        source: BlockSource::Pushed { from },
        message: Some(clean),
    }
}

/// The block is good: whoever published it as well is answered when it is known.
fn admit_block(cx: &mut Cx<'_>, copies: Copies<BlockNews>) {
    let (block, others) = copies.into_parts();
    cx.raise(News::Chain(ChainNews::Block(Admitted::new(block))));
    for copy in others {
        cx.metrics().duplicates += 1;
        if let BlockSource::Local { id } = copy.source {
            cx.raise(News::Chain(ChainNews::Publish {
                id,
                channel: copy.channel,
                seq: copy.seq,
                data: copy.data,
            }));
        }
    }
}

fn bad_block(block: BlockNews, fault: BlockFault) -> News {
    News::Chain(ChainNews::Bad {
        channel: block.channel,
        seq: block.seq,
        source: block.source,
        fault,
    })
}

/// The message that carries a block.
pub(crate) fn block_message(channel: &ChannelId, seq: u64, data: Bytes) -> SignedMessage {
    SignedMessage::unsigned(GossipMessage {
        nonce: 0,
        channel: Bytes::copy_from_slice(channel.as_str().as_bytes()),
        tag: Tag::ChanAndOrg,
        content: Content::Data(Payload {
            seq_num: seq,
            data,
            private_data: Vec::new(),
        }),
    })
}
