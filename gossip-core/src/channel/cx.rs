//! The context of a channel: the tools, the crypto service, and the peers.

use std::ops::{Deref, DerefMut};

use crate::cx::Cx;
use crate::peers::Peers;
use crate::peers::link::Sent;
use crate::peers::outbox::Frame;
use crate::{LinkId, PeerId};

/// The context that a channel acts through. Where both halves are needed, name them: `cx.peers.send(&mut cx.cx, ..)`.
pub(crate) struct ChannelCx<'a> {
    pub(crate) cx: Cx<'a>,
    pub(crate) peers: &'a mut Peers,
}

impl ChannelCx<'_> {
    /// Sends a frame to a peer. Dials it if it is not connected.
    pub(super) fn send(&mut self, peer: &PeerId, frame: Frame) -> Sent {
        self.peers.send(&mut self.cx, peer, frame)
    }

    /// Sends a frame to a peer if it is connected; does not dial.
    pub(super) fn send_linked(&mut self, peer: &PeerId, frame: Frame) -> Sent {
        self.peers.send_linked(&mut self.cx, peer, frame)
    }

    /// Replies on the link that a message arrived on.
    pub(super) fn reply(&mut self, link: LinkId, frame: Frame) {
        self.peers.links.send_on(&mut self.cx, link, frame);
    }

    /// Draws random connected members of our organisation that understand `capability`, among those that `accept`
    /// admits.
    pub(super) fn draw_ours_linked(
        &mut self,
        count: usize,
        capability: u64,
        accept: impl Fn(&PeerId) -> bool,
    ) -> Vec<PeerId> {
        let config = self.cx.config;
        self.peers
            .draw_ours_linked(config, count, capability, accept)
    }
}

impl<'a> Deref for ChannelCx<'a> {
    type Target = Cx<'a>;

    fn deref(&self) -> &Cx<'a> {
        &self.cx
    }
}

impl DerefMut for ChannelCx<'_> {
    fn deref_mut(&mut self) -> &mut Self::Target {
        &mut self.cx
    }
}
