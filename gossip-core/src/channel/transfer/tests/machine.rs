//! Commit, requester and server of one channel, combined as the channel does, without peers.

use bytes::Bytes;
use gossip_proto::{Payload, StateRequest};

use crate::channel::commit::{Commit, Insert, Want};
use crate::channel::transfer::claims::HeightClaim;
use crate::channel::transfer::requester::Ask;
use crate::channel::transfer::{Asker, BlockServer, Requester, Served};
use crate::gate::admitted::{Admitted, BlockItem, BlockSource};
use crate::out::Out;
use crate::rng::ModuleRng;
use crate::ticket::LedgerUse;
use crate::{
    BlockOrigin, ChannelId, LedgerError, LedgerOutcome, LinkId, PeerId, RequestError, RequestId,
    Ticket,
};

/// An action that the channel would take next.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Effect {
    Ready {
        height: u64,
    },
    Failed {
        error: LedgerError,
    },
    HeightChanged(u64),
    Accepted {
        seq: u64,
        data: Bytes,
        origin: BlockOrigin,
        request: Option<RequestId>,
    },
    Known {
        request: RequestId,
    },
    Verify {
        seq: u64,
    },
    Ask(Ask),
    Respond {
        link: LinkId,
        nonce: u64,
        payloads: Vec<Payload>,
    },
}

pub(crate) struct Machine {
    channel: ChannelId,
    pub(crate) commit: Commit,
    requester: Requester,
    server: BlockServer,
}

impl Machine {
    pub(crate) fn new(cx: &mut Out<'_>, channel: ChannelId, rng: ModuleRng) -> Self {
        Self {
            commit: Commit::new(cx, channel.clone()),
            requester: Requester::new(channel.clone(), rng),
            server: BlockServer::new(channel.clone()),
            channel,
        }
    }

    pub(crate) fn height(&self) -> u64 {
        self.commit.height()
    }

    pub(crate) fn buffered(&self) -> usize {
        self.commit.buffer().len()
    }

    pub(crate) fn halted(&self) -> Option<&str> {
        self.commit.halted()
    }

    /// As the channel does for a pushed block.
    pub(crate) fn want(&self, cx: &mut Out<'_>, seq: u64) -> Want {
        let want = self.commit.want(seq);
        match want {
            Want::Yes => {}
            Want::Known => cx.metrics().blocks_duplicate += 1,
            Want::Beyond => cx.metrics().blocks_beyond_window += 1,
        }
        want
    }

    pub(crate) fn admit(
        &mut self,
        cx: &mut Out<'_>,
        seq: u64,
        data: Bytes,
        origin: BlockOrigin,
    ) -> Vec<Effect> {
        if !self.commit.runs() {
            return Vec::new();
        }
        let from = PeerId::new(b"sender");
        let source = match origin {
            BlockOrigin::Push => BlockSource::Pushed { from },
            BlockOrigin::StateTransfer => BlockSource::Transfer { from },
            BlockOrigin::Pull => BlockSource::Pulled { from },
            BlockOrigin::Local => panic!("published, not sent"),
        };
        self.requester.on_checked(cx, seq);
        let block = self.verified(seq, data.clone(), source);
        let stored = self.commit.admit(cx, &block) == Insert::Stored;
        let accepted = Effect::Accepted {
            seq,
            data,
            origin,
            request: None,
        };
        let mut effects: Vec<_> = stored.then_some(accepted).into_iter().collect();
        effects.extend(self.go_on(cx, None));
        effects
    }

    pub(crate) fn publish(
        &mut self,
        cx: &mut Out<'_>,
        id: RequestId,
        seq: u64,
        data: Bytes,
    ) -> Vec<Effect> {
        let request = id;
        match self.commit.check_room(seq, data.len()) {
            Ok(true) => {}
            Ok(false) => return vec![Effect::Known { request }],
            Err(error) => {
                cx.answer(id, Err(error));
                return Vec::new();
            }
        }
        self.requester.end_check(seq, None);
        let block = self.verified(seq, data.clone(), BlockSource::Local { id });
        assert_eq!(self.commit.admit(cx, &block), Insert::Stored);
        let mut effects = vec![Effect::Accepted {
            seq,
            data,
            origin: BlockOrigin::Local,
            request: Some(id),
        }];
        effects.extend(self.go_on(cx, None));
        effects
    }

    fn verified(&self, seq: u64, data: Bytes, source: BlockSource) -> Admitted<BlockItem> {
        Admitted::unchecked(BlockItem::new(&self.channel, (seq, data), source))
    }

    pub(crate) fn on_ledger_done(
        &mut self,
        cx: &mut Out<'_>,
        ticket: Ticket,
        outcome: LedgerOutcome,
    ) -> Vec<Effect> {
        let owner = cx.io.tickets.take(ticket).expect("a ticket of the ledger");
        if owner.purpose == LedgerUse::Serve {
            let served = self
                .server
                .on_read(cx, self.commit.buffer(), ticket, outcome);
            let served = served.into_iter().flat_map(|(link, nonce, served)| {
                served.into_iter().map(move |served| match served {
                    Served::Response(payloads) => Effect::Respond {
                        link,
                        nonce,
                        payloads,
                    },
                    Served::Update(_) => panic!("no pull is under way"),
                })
            });
            return served.collect();
        }
        let progress = self.commit.on_ledger_done(cx, outcome);
        if progress.halted {
            self.requester.stop(cx);
        }
        let asks = self.go_on(cx, None);
        let height = self.height();
        let started = progress.started.map(|started| match started {
            Ok(()) => Effect::Ready { height },
            Err(error) => Effect::Failed { error },
        });
        let moved = progress.moved.then_some(Effect::HeightChanged(height));
        started.into_iter().chain(moved).chain(asks).collect()
    }

    pub(crate) fn on_claim(
        &mut self,
        cx: &mut Out<'_>,
        peer: &PeerId,
        height: u64,
        connected: bool,
    ) -> Vec<Effect> {
        if self.halted().is_some() {
            return Vec::new();
        }
        self.requester
            .on_claim(cx, peer, HeightClaim { height, connected });
        self.go_on(cx, None)
    }

    pub(crate) fn on_connected(&mut self, peer: &PeerId) {
        self.requester.on_connected(peer);
    }

    pub(crate) fn on_disconnected(&mut self, cx: &mut Out<'_>, peer: &PeerId) -> Vec<Effect> {
        self.requester.on_disconnected(cx, peer);
        self.go_on(cx, None)
    }

    pub(crate) fn on_unsent(&mut self, cx: &mut Out<'_>, peer: &PeerId) {
        self.requester.on_disconnected(cx, peer);
        self.requester.arm(cx, Some(cx.now));
    }

    pub(crate) fn on_peer_gone(&mut self, cx: &mut Out<'_>, peer: &PeerId) -> Vec<Effect> {
        self.requester.on_peer_gone(cx, peer);
        self.go_on(cx, None)
    }

    pub(crate) fn on_bad_block(
        &mut self,
        cx: &mut Out<'_>,
        peer: &PeerId,
        seq: u64,
    ) -> Vec<Effect> {
        self.requester.on_bad_block(cx, peer, seq);
        self.go_on(cx, None)
    }

    pub(crate) fn on_link_gone(&mut self, link: LinkId) {
        self.server.on_link_gone(link);
    }

    pub(crate) fn on_request(
        &mut self,
        cx: &mut Out<'_>,
        peer: &PeerId,
        link: LinkId,
        nonce: u64,
        request: StateRequest,
    ) -> Option<Effect> {
        let asker = Asker {
            peer: peer.clone(),
            link: Some(link),
            nonce,
        };
        let buffer = self.commit.buffer();
        let payloads = self.server.on_state_request(cx, buffer, asker, request)?;
        Some(Effect::Respond {
            link,
            nonce,
            payloads,
        })
    }

    pub(crate) fn on_response(
        &mut self,
        cx: &mut Out<'_>,
        peer: &PeerId,
        nonce: u64,
        payloads: Vec<Payload>,
    ) -> Vec<Effect> {
        let buffer = self.commit.buffer();
        let brought = self
            .requester
            .on_response(cx, buffer, (peer, nonce), payloads);
        let asks = self.go_on(cx, brought.short.then_some(peer));
        let blocks = brought.blocks.into_iter();
        let verify = blocks.map(|(seq, data)| {
            assert_eq!(data, super::data(seq));
            Effect::Verify { seq }
        });
        verify.chain(asks).collect()
    }

    pub(crate) fn on_timer(&mut self, cx: &mut Out<'_>) -> Vec<Effect> {
        if self.commit.runs() {
            self.requester.on_timer(cx, self.commit.buffer());
        }
        self.go_on(cx, None)
    }

    pub(crate) fn stop(mut self, cx: &mut Out<'_>, error: &RequestError) {
        self.commit.stop(cx, error);
        cx.timers().cancel_channel(&self.channel);
        cx.io.tickets.forget_channel(&self.channel);
    }

    fn go_on(&mut self, cx: &mut Out<'_>, avoid: Option<&PeerId>) -> Vec<Effect> {
        if !self.commit.runs() {
            return Vec::new();
        }
        self.commit.proceed(cx);
        let buffer = self.commit.buffer();
        let asks = self.requester.pump(cx, buffer, avoid);
        asks.into_iter().map(Effect::Ask).collect()
    }
}
