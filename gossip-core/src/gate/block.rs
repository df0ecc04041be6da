//! Blocks, published, pushed and sent on request.

use std::collections::VecDeque;

use bytes::Bytes;
use gossip_proto::{Content, GossipMessage, Payload, SignedMessage, Tag};

use super::news::{Admitted, BlockNews, BlockSource, News, Sender};
use super::{Check, Gate, Key, Known, MAX_COPIES, count, verified};
use crate::cx::Cx;
use crate::{ChannelId, CryptoError, CryptoJob, CryptoOutcome, LinkId};

impl Gate {
    /// Has a block of the application, or of a peer that we asked, verified.
    pub(crate) fn check_block(&mut self, cx: &mut Cx<'_>, link: Option<LinkId>, block: BlockNews) {
        let key = Key::Block(block.channel.clone(), block.seq);
        if let Some(ticket) = self.in_flight.get(&key) {
            if let Some(Check::Block { news, copies, .. }) = self.jobs.get_mut(*ticket) {
                // What we asked for, or were asked for, is awaited, so it always has a place: there
                // is no more of it than of publications and requests outstanding.
                if !is_pushed(&block) || has_place(news, copies, &block) {
                    copies.push_back(block);
                } else {
                    cx.metrics().duplicates += 1;
                }
            }
            return;
        }
        let job = CryptoJob::VerifyBlock {
            channel: block.channel.clone(),
            seq: block.seq,
            block: block.data.clone(),
        };
        let check = Check::Block {
            key: key.clone(),
            news: block,
            copies: VecDeque::new(),
        };
        let ticket = self.jobs.start(cx, link, job, check);
        self.in_flight.insert(key, ticket);
    }

    pub(super) fn pushed_block(
        &mut self,
        cx: &mut Cx<'_>,
        known: &Known<'_>,
        sender: Sender,
        message: &SignedMessage,
        payload: &Payload,
        news: &mut Vec<News>,
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
        let wanted = own.wants_pushed(cx, seq);
        if wanted {
            news.push(News::CheckingBlock {
                channel: channel.clone(),
                seq,
                bytes: payload.data.len() as u64,
            });
        }
        if seq >= own.transfer.height() {
            news.push(News::Holder {
                channel: channel.clone(),
                seq,
                peer: sender.peer.clone(),
            });
        }
        if !wanted {
            return;
        }
        // Private data is not covered by the orderers' signatures: it is not passed on.
        let clean = if payload.private_data.is_empty() {
            message.clone()
        } else {
            block_message(&channel, seq, payload.data.clone())
        };
        let block = BlockNews {
            channel,
            seq,
            data: payload.data.clone(),
            holders: vec![sender.peer.clone()],
            source: BlockSource::Pushed { from: sender.peer },
            message: Some(clean),
        };
        self.check_block(cx, Some(sender.link), block);
    }

    pub(super) fn conclude_block(
        &mut self,
        cx: &mut Cx<'_>,
        mut block: BlockNews,
        mut copies: VecDeque<BlockNews>,
        outcome: CryptoOutcome,
        news: &mut Vec<News>,
    ) {
        if let Err(error) = verified(outcome) {
            count(cx, false);
            cx.metrics().blocks_bad += 1;
            let data = block.data.clone();
            news.push(bad_block(block, error));
            // Another copy may be the true one.
            while let Some(copy) = copies.pop_front() {
                if copy.data == data {
                    news.push(bad_block(copy, error));
                } else {
                    self.check_block(cx, None, copy);
                }
            }
            return;
        }
        // They are looked at again when the block is known.
        let mut publications = Vec::new();
        for copy in copies {
            cx.metrics().duplicates += 1;
            match copy.source {
                BlockSource::Local { id } => {
                    let BlockNews {
                        channel, seq, data, ..
                    } = copy;
                    publications.push(News::Publish {
                        id,
                        channel,
                        seq,
                        data,
                    });
                }
                BlockSource::Pushed { from } if copy.data == block.data => {
                    block.holders.push(from);
                    block.message = block.message.or(copy.message);
                }
                BlockSource::Pushed { .. } | BlockSource::Transfer { .. } => {}
            }
        }
        news.push(News::Block(Admitted::new(block)));
        news.append(&mut publications);
    }
}

fn is_pushed(block: &BlockNews) -> bool {
    matches!(block.source, BlockSource::Pushed { .. })
}

/// A pushed copy waits with at most a few others, one of each sender.
fn has_place(first: &BlockNews, copies: &VecDeque<BlockNews>, block: &BlockNews) -> bool {
    let mut known = std::iter::once(first).chain(copies);
    let pushed = copies.iter().filter(|copy| is_pushed(copy)).count();
    pushed < MAX_COPIES && known.all(|copy| copy.source != block.source)
}

fn bad_block(block: BlockNews, error: CryptoError) -> News {
    News::BadBlock {
        channel: block.channel,
        seq: block.seq,
        source: block.source,
        error,
    }
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
