//! Reads envelopes, and the messages that flood a network, in one pass: blocks, heartbeats, state
//! infos.
//!
//! Only what a common encoder writes is taken: each field at most once and in order, no field of a
//! later version, everything within the limits. Anything else is `None` here and left to the general
//! way, which knows how fields merge and what to call an error. What is taken means the same there.

use std::str;

use bytes::Bytes;

use crate::{Alive, Content, GossipMessage, Limits, Payload, PeerTime, Properties, StateInfo, Tag};

/// Where the parts of an envelope are.
#[derive(Default)]
pub(crate) struct EnvelopeParts<'a> {
    pub(crate) payload: &'a [u8],
    pub(crate) signature: &'a [u8],
    /// Payload and signature of the secret.
    pub(crate) secret: Option<(&'a [u8], &'a [u8])>,
}

/// The parts of a `gossip.Envelope`.
pub(crate) fn envelope<'a>(bytes: &'a [u8], limits: &Limits) -> Option<EnvelopeParts<'a>> {
    if bytes.len() > limits.max_envelope || limits.max_depth < DEPTH {
        return None;
    }
    let mut parts = EnvelopeParts::default();
    let mut fields = Fields::new(bytes);
    while let Some(key) = fields.key()? {
        match key {
            LENGTH_1 => parts.payload = fields.bytes(limits.max_envelope)?,
            LENGTH_2 => parts.signature = fields.bytes(limits.max_signature)?,
            LENGTH_3 => parts.secret = Some(secret(fields.bytes(limits.max_envelope)?, limits)?),
            _ => return None,
        }
    }
    Some(parts)
}

/// A `gossip.GossipMessage` of one of the kinds named above.
pub(crate) fn message(bytes: &Bytes, limits: &Limits) -> Option<GossipMessage> {
    if bytes.len() > limits.max_envelope || limits.max_depth < DEPTH {
        return None;
    }
    let (mut nonce, mut channel, mut tag) = (0, &[][..], Tag::Undefined);
    let mut fields = Fields::new(bytes);
    let content = loop {
        match fields.key()?? {
            VARINT_1 => nonce = fields.varint()?,
            LENGTH_2 => channel = fields.bytes(limits.max_channel)?,
            VARINT_3 => tag = known_tag(fields.varint()?)?,
            LENGTH_5 => break Content::Alive(alive(bytes, fields.message()?, limits)?),
            LENGTH_8 => break Content::Data(block(bytes, fields.message()?)?),
            LENGTH_15 => break Content::StateInfo(state_info(bytes, fields.message()?, limits)?),
            _ => return None,
        }
    };
    fields.rest.is_empty().then(|| GossipMessage {
        nonce,
        channel: bytes.slice_ref(channel),
        tag,
        content,
    })
}

fn secret<'a>(bytes: &'a [u8], limits: &Limits) -> Option<(&'a [u8], &'a [u8])> {
    let (mut payload, mut signature) = (&[][..], &[][..]);
    let mut fields = Fields::new(bytes);
    while let Some(key) = fields.key()? {
        match key {
            LENGTH_1 => payload = fields.bytes(limits.max_metadata)?,
            LENGTH_2 => signature = fields.bytes(limits.max_signature)?,
            _ => return None,
        }
    }
    Some((payload, signature))
}

const fn known_tag(value: u64) -> Option<Tag> {
    Some(match value {
        0 => Tag::Undefined,
        1 => Tag::Empty,
        2 => Tag::OrgOnly,
        3 => Tag::ChanOnly,
        4 => Tag::ChanAndOrg,
        5 => Tag::ChanOrOrg,
        _ => return None,
    })
}

/// A `gossip.DataMessage` without private data.
fn block(frame: &Bytes, mut outer: Fields<'_>) -> Option<Payload> {
    if outer.key()?? != LENGTH_1 {
        return None;
    }
    let mut fields = outer.message()?;
    let (mut seq_num, mut data) = (0, &[][..]);
    while let Some(key) = fields.key()? {
        match key {
            VARINT_1 => seq_num = fields.varint()?,
            LENGTH_2 => data = fields.bytes(usize::MAX)?,
            _ => return None,
        }
    }
    outer.rest.is_empty().then(|| Payload {
        seq_num,
        data: frame.slice_ref(data),
        private_data: Vec::new(),
    })
}

/// A `gossip.AliveMessage`.
fn alive(frame: &Bytes, mut outer: Fields<'_>, limits: &Limits) -> Option<Alive> {
    let (mut endpoint, mut metadata, mut pki_id) = ("", &[][..], &[][..]);
    let (mut time, mut identity, mut anchor, mut leaving) = (None, &[][..], None, false);
    while let Some(key) = outer.key()? {
        match key {
            LENGTH_1 => {
                let mut fields = outer.message()?;
                while let Some(key) = fields.key()? {
                    match key {
                        LENGTH_1 => {
                            endpoint = str::from_utf8(fields.bytes(limits.max_endpoint)?).ok()?;
                        }
                        LENGTH_2 => metadata = fields.bytes(limits.max_metadata)?,
                        LENGTH_3 => pki_id = fields.bytes(limits.max_pki_id)?,
                        _ => return None,
                    }
                }
            }
            LENGTH_2 => time = Some(peer_time(outer.message()?)?),
            LENGTH_4 => identity = outer.bytes(limits.max_identity)?,
            LENGTH_1000 => anchor = Some(outer.bytes(limits.max_hash)?.try_into().ok()?),
            VARINT_1001 => leaving = outer.varint()? != 0,
            _ => return None,
        }
    }
    Some(Alive {
        time: time?,
        pki_id: present(frame, pki_id)?,
        endpoint: endpoint.to_owned(),
        metadata: frame.slice_ref(metadata),
        identity: present(frame, identity),
        pulse_anchor: anchor,
        leaving,
    })
}

/// A `gossip.StateInfo` without chaincodes.
fn state_info(frame: &Bytes, mut outer: Fields<'_>, limits: &Limits) -> Option<StateInfo> {
    let (mut time, mut pki_id, mut mac, mut properties) = (None, &[][..], &[][..], None);
    while let Some(key) = outer.key()? {
        match key {
            LENGTH_2 => time = Some(peer_time(outer.message()?)?),
            LENGTH_3 => pki_id = outer.bytes(limits.max_pki_id)?,
            LENGTH_4 => mac = outer.bytes(limits.max_hash)?,
            LENGTH_5 => {
                let told = properties.insert(Properties::default());
                let mut fields = outer.message()?;
                while let Some(key) = fields.key()? {
                    match key {
                        VARINT_1 => told.ledger_height = fields.varint()?,
                        VARINT_2 => told.left_channel = fields.varint()? != 0,
                        _ => return None,
                    }
                }
            }
            _ => return None,
        }
    }
    Some(StateInfo {
        time: time?,
        pki_id: present(frame, pki_id)?,
        channel_mac: frame.slice_ref(mac),
        properties,
    })
}

fn peer_time(mut fields: Fields<'_>) -> Option<PeerTime> {
    let mut time = PeerTime::default();
    while let Some(key) = fields.key()? {
        match key {
            VARINT_1 => time.incarnation = fields.varint()?,
            VARINT_2 => time.sequence = fields.varint()?,
            _ => return None,
        }
    }
    Some(time)
}

fn present(frame: &Bytes, part: &[u8]) -> Option<Bytes> {
    (!part.is_empty()).then(|| frame.slice_ref(part))
}

/// Messages within messages that are followed here.
const DEPTH: usize = 2;

/// Keys: a field's number and the type of its value.
const VARINT_1: u32 = 1 << 3;
const VARINT_2: u32 = 2 << 3;
const VARINT_3: u32 = 3 << 3;
const LENGTH_1: u32 = 1 << 3 | 2;
const LENGTH_2: u32 = 2 << 3 | 2;
const LENGTH_3: u32 = 3 << 3 | 2;
const LENGTH_4: u32 = 4 << 3 | 2;
const LENGTH_5: u32 = 5 << 3 | 2;
const LENGTH_8: u32 = 8 << 3 | 2;
const LENGTH_15: u32 = 15 << 3 | 2;
const LENGTH_1000: u32 = 1000 << 3 | 2;
const VARINT_1001: u32 = 1001 << 3;

/// The fields of a message, in order.
struct Fields<'a> {
    rest: &'a [u8],
    last: u32,
}

impl<'a> Fields<'a> {
    const fn new(bytes: &'a [u8]) -> Self {
        Self {
            rest: bytes,
            last: 0,
        }
    }

    /// The next field's key, `Some(None)` at the end, `None` if it is out of order.
    #[inline]
    fn key(&mut self) -> Option<Option<u32>> {
        let Some((first, mut rest)) = self.rest.split_first() else {
            return Some(None);
        };
        let mut key = u32::from(*first);
        if key & 0x80 != 0 {
            let (second, behind) = rest.split_first()?;
            if second & 0x80 != 0 {
                return None;
            }
            key = key & 0x7f | u32::from(*second) << 7;
            rest = behind;
        }
        if key <= self.last {
            return None;
        }
        (self.rest, self.last) = (rest, key);
        Some(Some(key))
    }

    #[inline]
    fn varint(&mut self) -> Option<u64> {
        let (first, rest) = self.rest.split_first()?;
        self.rest = rest;
        if first & 0x80 == 0 {
            return Some(u64::from(*first));
        }
        self.long_varint(u64::from(first & 0x7f))
    }

    fn long_varint(&mut self, mut value: u64) -> Option<u64> {
        for place in 1..10 {
            let (byte, rest) = self.rest.split_first()?;
            self.rest = rest;
            if place == 9 && *byte > 1 {
                return None;
            }
            value |= u64::from(byte & 0x7f) << (7 * place);
            if byte & 0x80 == 0 {
                return Some(value);
            }
        }
        None
    }

    #[inline]
    fn bytes(&mut self, limit: usize) -> Option<&'a [u8]> {
        let length = usize::try_from(self.varint()?).ok()?;
        if length > limit {
            return None;
        }
        let (taken, rest) = self.rest.split_at_checked(length)?;
        self.rest = rest;
        Some(taken)
    }

    fn message(&mut self) -> Option<Self> {
        self.bytes(usize::MAX).map(Self::new)
    }
}

#[cfg(test)]
mod tests;
