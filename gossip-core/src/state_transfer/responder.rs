//! Blocks for peers that ask.

use std::collections::BTreeMap;

use gossip_proto::{Payload, StateRequest};

use super::Effect;
use super::payload_buffer::PayloadBuffer;
use crate::cx::Cx;
use crate::{ChannelId, Command, LedgerOp, LedgerOutcome, LinkId, PeerId, Ticket};

/// The reads under way for others: one per peer, `max_serving` in all.
///
/// Every request is answered, one that is refused by an empty list, so that nobody waits for a
/// timeout to try elsewhere.
#[derive(Debug, Default)]
pub(super) struct Responder {
    serving: BTreeMap<Ticket, Serving>,
}

#[derive(Debug)]
struct Serving {
    peer: PeerId,
    /// Where to answer; absent once that link is gone. The read still counts until it is done.
    link: Option<LinkId>,
    nonce: u64,
    start: u64,
    count: u64,
}

impl Responder {
    pub(super) fn owns(&self, ticket: Ticket) -> bool {
        self.serving.contains_key(&ticket)
    }

    pub(super) fn len(&self) -> usize {
        self.serving.len()
    }

    /// Starts a read for `peer`, or answers with the effect returned: what waits for the ledger is at hand, and
    /// empty is what is refused.
    pub(super) fn on_request(
        &mut self,
        cx: &mut Cx<'_>,
        channel: &ChannelId,
        buffer: &PayloadBuffer,
        (peer, link, nonce): (&PeerId, LinkId, u64),
        request: StateRequest,
    ) -> Option<Effect> {
        let config = &cx.config.state_transfer;
        let StateRequest { start, end } = request;
        let height = buffer.next();
        if start >= height && start <= end && buffer.holds(start) {
            cx.metrics().state_requests_served += 1;
            return Some(Effect::Respond {
                link,
                nonce,
                payloads: held(buffer, (start, end), config.max_response_bytes),
            });
        }
        let busy = self.serving.len() >= config.max_serving.get()
            || self.serving.values().any(|serving| serving.peer == *peer);
        if start > end || start >= height || busy {
            cx.metrics().state_requests_refused += 1;
            return Some(Effect::Respond {
                link,
                nonce,
                payloads: Vec::new(),
            });
        }
        // Fabric takes its batch size for the distance between two inclusive bounds.
        let batch = u64::try_from(config.batch.get()).unwrap_or(u64::MAX);
        let end = end.min(start.saturating_add(batch)).min(height - 1);
        let max_bytes = config.max_response_bytes;
        let ticket = cx.ticket();
        cx.emit(Command::Ledger {
            ticket,
            op: LedgerOp::Read {
                channel: channel.clone(),
                start,
                end,
                max_bytes,
            },
        });
        let serving = Serving {
            peer: peer.clone(),
            link: Some(link),
            nonce,
            start,
            count: end - start + 1,
        };
        self.serving.insert(ticket, serving);
        None
    }

    pub(super) fn on_link_gone(&mut self, link: LinkId) {
        for serving in self.serving.values_mut() {
            if serving.link == Some(link) {
                serving.link = None;
            }
        }
    }

    pub(super) fn on_done(
        &mut self,
        cx: &mut Cx<'_>,
        ticket: Ticket,
        outcome: LedgerOutcome,
    ) -> Option<Effect> {
        let serving = self.serving.remove(&ticket)?;
        let link = serving.link?;
        let blocks = match outcome {
            LedgerOutcome::Blocks(Ok(blocks)) => blocks,
            LedgerOutcome::Blocks(Err(_))
            | LedgerOutcome::Height(_)
            | LedgerOutcome::Committed(_) => Vec::new(),
        };
        let payloads: Vec<Payload> = (0..serving.count)
            .zip(blocks)
            .map(|(offset, data)| Payload {
                seq_num: serving.start + offset,
                data,
                private_data: Vec::new(),
            })
            .collect();
        if payloads.is_empty() {
            cx.metrics().state_requests_refused += 1;
        } else {
            cx.metrics().state_requests_served += 1;
        }
        Some(Effect::Respond {
            link,
            nonce: serving.nonce,
            payloads,
        })
    }
}

/// The blocks from `start` on that wait for the ledger, up to `end` and so many bytes, but the first in any case.
fn held(buffer: &PayloadBuffer, (start, end): (u64, u64), max_bytes: u64) -> Vec<Payload> {
    let mut bytes = 0_u64;
    (start..=end)
        .map_while(|seq| Some((seq, buffer.get(seq)?)))
        .take_while(|(seq, data)| {
            bytes = bytes.saturating_add(data.len() as u64);
            *seq == start || bytes <= max_bytes
        })
        .map(|(seq_num, data)| Payload {
            seq_num,
            data: data.clone(),
            private_data: Vec::new(),
        })
        .collect()
}
