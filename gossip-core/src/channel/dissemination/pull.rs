//! Blocks by pull, for peers that get none by push.

use std::collections::BTreeSet;

use bytes::Bytes;
use gossip_proto::{Content, PullIds, RawEnvelope, SignedMessage};

use crate::channel::commit::Want;
use crate::channel::transfer::Asker;
use crate::channel::{Channel, ChannelCx};
use crate::gate::admitted::{BlockItem, BlockSource, Sender};
use crate::out::Out;
use crate::peers::membership::AliveMember;
use crate::peers::outbox::Frame;
use crate::pull::{ItemId, Pull};
use crate::{LinkId, PeerId};

/// A block's number, encoded in decimal digits.
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

/// The pull of blocks. It offers the ledger's latest blocks and those in the buffer.
pub(crate) type BlockPull = Pull<u64>;

impl Channel {
    /// A message of a pull round has passed the gate.
    pub(crate) fn on_pull(
        &mut self,
        cx: &mut ChannelCx<'_>,
        sender: &Sender,
        message: &SignedMessage,
    ) {
        let content = message.content();
        if let Content::Hello(hello) = content {
            let ids = self.offered_ids(cx);
            let digest = self.pull.on_hello(cx, &sender.peer, hello.nonce, &ids);
            if let Some(digest) = digest {
                cx.reply(sender.link, Frame::view(digest));
            }
        } else if let Content::Digest(digest) = content {
            let (commit, transfer) = (&self.commit, &self.transfer);
            let wants = |seq: &u64| transfer.lacks(*seq, commit);
            let requests = self.pull.on_digest(cx, &sender.peer, digest, wants);
            cx.peers.send_pulls(&mut cx.cx, requests);
        } else if let Content::DataRequest(request) = content {
            self.serve_pull(cx, sender, request);
        } else if let Content::DataUpdate(update) = content {
            for (seq, data) in self.take_update(cx, &sender.peer, update.nonce, &update.data) {
                self.check_pulled(cx, sender, seq, data);
            }
        }
    }

    /// The next step of our own pull is due.
    pub(crate) fn fire_pull(&mut self, cx: &mut ChannelCx<'_>) {
        let sends = if self.pull.is_resting() {
            let peers = self.holders_of_blocks(cx);
            self.pull.begin(cx, peers)
        } else {
            self.pull.step(cx)
        };
        cx.peers.send_pulls(&mut cx.cx, sends);
    }

    pub(crate) fn send_update(
        &self,
        cx: &mut ChannelCx<'_>,
        link: LinkId,
        nonce: u64,
        items: Vec<RawEnvelope>,
    ) {
        cx.metrics().pull_items_sent += items.len() as u64;
        if !items.is_empty() {
            cx.reply(link, Frame::bulk(self.pull.update(nonce, items)));
        }
    }

    /// A peer requests blocks.
    fn serve_pull(&mut self, cx: &mut ChannelCx<'_>, sender: &Sender, request: &PullIds) {
        if !cx.peers.links.has_bulk_room(cx.config, sender.link) {
            cx.metrics().pull_refused += 1;
            return;
        }
        let asked = self.pull.on_request(cx, &sender.peer, request);
        let offered = self.offered_ids(cx);
        let wanted = asked.intersection(&offered).copied().collect();
        let asker = Asker {
            peer: sender.peer.clone(),
            link: Some(sender.link),
            nonce: request.nonce,
        };
        let items = self.server.on_pull(cx, self.commit.buffer(), asker, wanted);
        self.send_update(cx, sender.link, request.nonce, items);
    }

    /// Starts the verification of the requested blocks in an update that are still missing.
    fn take_update(
        &mut self,
        cx: &mut Out<'_>,
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
            let ours = *message.message().channel == *self.id.as_str().as_bytes();
            let (true, Content::Data(payload)) = (ours, message.content()) else {
                cx.metrics().violations += 1;
                continue;
            };
            let seq = payload.seq_num;
            if self.pull.take(cx, from, &seq, envelope.encoded().len())
                && self.commit.want(seq) == Want::Yes
            {
                taken.push((seq, payload.data.clone()));
            }
        }
        taken
    }

    fn check_pulled(&mut self, cx: &mut ChannelCx<'_>, sender: &Sender, seq: u64, data: Bytes) {
        if self.commit.buffer().want(seq) == Want::Yes {
            self.transfer.await_verdict(cx, seq, data.len() as u64);
        }
        let from = sender.peer.clone();
        let holders = vec![from.clone()];
        let source = BlockSource::Pulled { from };
        let block = BlockItem {
            holders,
            ..BlockItem::new(&self.id, (seq, data), source)
        };
        cx.check_block(Some(sender.link), block);
    }

    /// The numbers of available blocks, at most as many as fit into a digest.
    fn offered_ids(&self, cx: &Out<'_>) -> BTreeSet<u64> {
        let height = self.height();
        let stored = height.saturating_sub(cx.config.pull.max_blocks)..height;
        let most = cx.config.pull.max_ids.get();
        let held = self.commit.buffer().numbers();
        stored.chain(held).take(most).collect()
    }

    /// The participants of our organisation to pull from. Only legacy peers while push is on, as the others get missing
    /// blocks without a pull.
    fn holders_of_blocks(&self, cx: &mut ChannelCx<'_>) -> Vec<PeerId> {
        let config = cx.cx.out.config;
        let pushes = config.push.is_on();
        let legacy = if pushes {
            cx.peers.legacy_members()
        } else {
            BTreeSet::new()
        };
        if self.own.has_left() || self.joining.is_some() || (pushes && legacy.is_empty()) {
            return Vec::new();
        }
        let room = cx.peers.links.room_for_more(config);
        let own_org = &config.identity.org;
        let accept = |member: &AliveMember| {
            member.org.as_ref() == Some(own_org)
                && (room || member.connected)
                && (!pushes || legacy.contains(&member.peer))
                && self.is_participant(&member.peer)
        };
        let alive = cx.peers.membership.alive();
        alive.draw(config.pull.peers, accept)
    }
}
