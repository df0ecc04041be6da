//! Our own state info in a channel.

use std::time::Duration;

use bytes::Bytes;
use gossip_proto::{
    Chaincode, Content, PeerTime, Properties, RawEnvelope, SignedMessage, StateInfo,
    UnsignedMessage, channel_mac,
};

use crate::compose::message;
use crate::out::Out;
use crate::timer::{ChannelTimer, TimerKey};
use crate::{ChannelId, Instant};

/// Our state in a channel, and its latest publication.
#[derive(Debug)]
pub(crate) struct OwnState {
    channel: ChannelId,
    properties: Properties,
    time: PeerTime,
    signed: Option<SignedMessage>,
    /// Something has changed since the last request for a signature.
    dirty: bool,
    signing: bool,
    asked_at: Option<Instant>,
}

impl OwnState {
    /// A publication contains our incarnation, so that a later start takes precedence over an earlier one, regardless
    /// of the clock. Within one start the time of joining orders the publications before a leave and after a return:
    /// `joined` is greater than at any earlier join, by more than the number of publications since.
    pub(crate) fn new(channel: ChannelId, incarnation: u64, joined: Instant) -> Self {
        Self {
            channel,
            properties: Properties::default(),
            time: PeerTime {
                incarnation,
                sequence: joined.as_nanos(),
            },
            signed: None,
            dirty: false,
            signing: false,
            asked_at: None,
        }
    }

    /// The latest publication.
    pub(crate) fn signed(&self) -> Option<&SignedMessage> {
        self.signed.as_ref()
    }

    /// The latest publication as other peers store it: its time, whether we take part, and the message.
    pub(crate) fn published(&self) -> Option<(PeerTime, bool, &RawEnvelope)> {
        let signed = self.signed.as_ref()?;
        let Content::StateInfo(info) = signed.content() else {
            return None;
        };
        let left = info
            .properties
            .as_ref()
            .is_some_and(|told| told.left_channel);
        Some((info.time, !left, signed.envelope()))
    }

    pub(crate) fn has_left(&self) -> bool {
        self.properties.left_channel
    }

    pub(crate) fn set_height(&mut self, cx: &mut Out<'_>, height: u64) {
        self.properties.ledger_height = height;
        self.mark_dirty(cx);
    }

    pub(crate) fn set_chaincodes(&mut self, cx: &mut Out<'_>, chaincodes: Vec<Chaincode>) {
        self.properties.chaincodes = chaincodes;
        self.mark_dirty(cx);
    }

    pub(crate) fn set_left(&mut self, cx: &mut Out<'_>) {
        self.properties.left_channel = true;
        self.asked_at = None;
        self.dirty = true;
        self.arm(cx);
    }

    /// Withdraws a departure that has not ended the channel yet.
    pub(crate) fn rejoin(&mut self, cx: &mut Out<'_>) {
        if std::mem::take(&mut self.properties.left_channel) {
            self.mark_dirty(cx);
        }
    }

    /// Publishes a change at once if the last publication is old enough, otherwise as soon as it is.
    pub(crate) fn mark_dirty(&mut self, cx: &mut Out<'_>) {
        // Once dirty, a timer is set, or a peer that can read it is awaited.
        if !std::mem::replace(&mut self.dirty, true) {
            self.arm(cx);
        }
    }

    fn arm(&self, cx: &mut Out<'_>) {
        let pause = cx.config.channel.publish_interval;
        let earliest = self.asked_at.map_or(cx.now, |at| at + pause).max(cx.now);
        let key = TimerKey::Channel(ChannelTimer::Publish, self.channel.clone());
        cx.timers().set_earlier(key, earliest);
    }

    /// There is a peer to read what could not be published before.
    pub(crate) fn wake(&self, cx: &mut Out<'_>) {
        if self.dirty {
            self.arm(cx);
        }
    }

    /// The next publication, if one is due and none is being signed.
    pub(crate) fn next(&mut self, cx: &Out<'_>) -> Option<UnsignedMessage> {
        if !self.dirty || self.signing {
            return None;
        }
        self.dirty = false;
        self.signing = true;
        self.asked_at = Some(cx.now);
        self.time.sequence = self.time.sequence.saturating_add(1);
        let own = cx.config.identity.peer.as_bytes();
        let info = StateInfo {
            pki_id: Bytes::copy_from_slice(own),
            time: self.time,
            channel_mac: Bytes::copy_from_slice(&channel_mac(
                own,
                self.channel.as_str().as_bytes(),
            )),
            properties: Some(self.properties.clone()),
        };
        let message = message(None, 0, Content::StateInfo(info));
        Some(UnsignedMessage::new(message, None))
    }

    /// A signature has been returned, or has failed. After a failure it is tried again after the interval.
    pub(crate) fn on_signed(&mut self, cx: &mut Out<'_>, signed: Option<SignedMessage>) {
        self.signing = false;
        if signed.is_some() {
            self.signed = signed;
        } else {
            self.dirty = true;
            self.asked_at = Some(cx.now + Duration::from_secs(1));
        }
        self.wake(cx);
    }
}
