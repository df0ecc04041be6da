use std::str;

use bytes::Bytes;

use super::fields::{
    DEPTH, Fields, LENGTH_1, LENGTH_2, LENGTH_3, LENGTH_4, LENGTH_5, LENGTH_8, LENGTH_15,
    LENGTH_1000, VARINT_1, VARINT_2, VARINT_3, VARINT_1001,
};
use crate::{Alive, Content, GossipMessage, Limits, Payload, PeerTime, Properties, StateInfo, Tag};

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
                let known = properties.insert(Properties::default());
                let mut fields = outer.message()?;
                while let Some(key) = fields.key()? {
                    match key {
                        VARINT_1 => known.ledger_height = fields.varint()?,
                        VARINT_2 => known.left_channel = fields.varint()? != 0,
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
