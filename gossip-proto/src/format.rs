//! Display of messages in one line: ids and MACs in hex, sizes and counts instead of contents.

use std::fmt::{Debug, Display, Formatter, Result};

use crate::{
    Alive, ConnEstablish, Content, DataUpdate, GossipMessage, Hello, Leadership, MembershipRequest,
    MembershipResponse, Payload, PeerIdentity, PeerTime, PrivateData, PrivateElement, PullIds,
    PullKind, StateInfo, StateInfoPull,
};

/// Longest id, and most ids, shown in full.
const SHOWN: usize = 64;

struct Hex<'a>(&'a [u8]);

impl Display for Hex<'_> {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        for byte in self.0.iter().take(SHOWN) {
            write!(f, "{byte:02x}")?;
        }
        if self.0.len() > SHOWN {
            f.write_str("..")
        } else {
            Ok(())
        }
    }
}

impl Display for PeerTime {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        write!(f, "{}.{}", self.incarnation, self.sequence)
    }
}

impl Display for GossipMessage {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        let channel = self.channel.escape_ascii();
        write!(
            f,
            "nonce {}, channel \"{channel}\", tag {:?}, ",
            self.nonce, self.tag
        )?;
        Display::fmt(&self.content, f)
    }
}

impl Display for Content {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        write!(f, "{}", self.kind())?;
        match self {
            Self::Alive(body) => write!(f, ": {body}"),
            Self::MembershipRequest(body) => write!(f, ": {body}"),
            Self::MembershipResponse(body) => write!(f, ": {body}"),
            Self::Data(body) => write!(f, ": {body}"),
            Self::Hello(body) => write!(f, ": {body}"),
            Self::Digest(body) | Self::DataRequest(body) => write!(f, ": {body}"),
            Self::DataUpdate(body) => write!(f, ": {body}"),
            Self::Empty => Ok(()),
            Self::Conn(body) => write!(f, ": {body}"),
            Self::StateInfo(body) => write!(f, ": {body}"),
            Self::StateSnapshot(items) => write!(f, ": {} items", items.len()),
            Self::StateInfoPull(body) => write!(f, ": {body}"),
            Self::StateRequest(body) => write!(f, ": blocks {} to {}", body.start, body.end),
            Self::StateResponse(blocks) => {
                write!(f, ": {} blocks", blocks.len())?;
                match blocks.as_slice() {
                    [] => Ok(()),
                    [only] => write!(f, ", {}", only.seq_num),
                    [first, .., last] => write!(f, ", {} to {}", first.seq_num, last.seq_num),
                }
            }
            Self::Leadership(body) => write!(f, ": {body}"),
            Self::PeerIdentity(body) => write!(f, ": {body}"),
            Self::Ack(error) if error.is_empty() => f.write_str(": success"),
            Self::Ack(error) => write!(f, ": {error:?}"),
            Self::PrivateRequest(digests) => write!(f, ": {} digests", digests.len()),
            Self::PrivateResponse(elements) => write!(f, ": {} elements", elements.len()),
            Self::PrivateData(body) => write!(f, ": {body}"),
            Self::Tree(tree) => {
                write!(f, ": height {}", tree.ledger_height)?;
                if let Some(branch) = tree.branch {
                    write!(f, ", {branch:?}")?;
                }
                if let Some(limit) = tree.limit {
                    write!(f, ", place below {limit}")?;
                }
                if let Some(count) = tree.offer {
                    write!(f, ", offers block {}", count.get() - 1)?;
                }
                match tree.tell_at {
                    Some(height) => write!(f, ", tell at {height}"),
                    None => Ok(()),
                }
            }
            Self::Application(message) => {
                write!(f, ": {:?}, {} bytes", message.topic, message.data.len())
            }
            Self::Pulses(pulses) => write!(f, ": {} pulses", pulses.len()),
        }
    }
}

impl Display for Alive {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        let identity = self.identity.as_ref().map_or(0, |identity| identity.len());
        write!(
            f,
            "pki_id {}, endpoint {:?}, metadata {} bytes, time {}, identity {identity} bytes",
            Hex(&self.pki_id),
            self.endpoint,
            self.metadata.len(),
            self.time,
        )?;
        if self.leaving {
            f.write_str(", leaving")?;
        }
        Ok(())
    }
}

impl Display for MembershipRequest {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        write!(f, "self information: {}", self.self_information)?;
        if self.want_identities {
            f.write_str(", wants identities")?;
        }
        holds(f, &self.held)
    }
}

impl Display for StateInfoPull {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        write!(f, "channel MAC {}", Hex(&self.channel_mac))?;
        holds(f, &self.held)
    }
}

impl Display for MembershipResponse {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        let (alive, dead, identities) = (self.alive.len(), self.dead.len(), self.identities.len());
        write!(f, "{alive} alive, {dead} dead, {identities} identities")?;
        match self.pulses.len() {
            0 => Ok(()),
            pulses => write!(f, ", {pulses} pulses"),
        }
    }
}

impl Display for Payload {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        let (block, private) = (self.data.len(), self.private_data.len());
        write!(
            f,
            "block {}, {block} bytes, {private} private elements",
            self.seq_num
        )
    }
}

impl Display for Hello {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        let metadata = self.metadata.len();
        write!(
            f,
            "{:?}, nonce {}, metadata {metadata} bytes",
            self.kind, self.nonce
        )
    }
}

/// Ids of blocks are decimal numbers, ids of identities are hashes.
impl Display for PullIds {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        write!(
            f,
            "{:?}, nonce {}, {} ids [",
            self.kind,
            self.nonce,
            self.ids.len()
        )?;
        for (place, id) in self.ids.iter().take(SHOWN).enumerate() {
            if place > 0 {
                f.write_str(" ")?;
            }
            match self.kind {
                PullKind::Block => write!(f, "{}", id.escape_ascii())?,
                PullKind::Identity => write!(f, "{}", Hex(id))?,
            }
        }
        f.write_str(if self.ids.len() > SHOWN { " ..]" } else { "]" })
    }
}

impl Display for DataUpdate {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        write!(
            f,
            "{:?}, nonce {}, {} items",
            self.kind,
            self.nonce,
            self.data.len()
        )
    }
}

impl Display for ConnEstablish {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        write!(
            f,
            "pki_id {}, identity {} bytes, binding {}, probe {}, capabilities {:#x}, network {}, incarnation {}",
            Hex(&self.pki_id),
            self.identity.len(),
            Hex(&self.binding),
            self.probe,
            self.capabilities,
            Hex(&self.network_id),
            self.incarnation,
        )
    }
}

impl Display for StateInfo {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        let (id, mac) = (Hex(&self.pki_id), Hex(&self.channel_mac));
        write!(f, "pki_id {id}, time {}, channel MAC {mac}", self.time)?;
        let Some(properties) = &self.properties else {
            return f.write_str(", no properties");
        };
        write!(f, ", height {}", properties.ledger_height)?;
        if properties.left_channel {
            f.write_str(", left")?;
        }
        write!(f, ", {} chaincodes", properties.chaincodes.len())
    }
}

impl Display for Leadership {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        let what = if self.is_declaration {
            "declaration"
        } else {
            "proposal"
        };
        write!(
            f,
            "{what}, pki_id {}, time {}",
            Hex(&self.pki_id),
            self.time
        )
    }
}

impl Display for PeerIdentity {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        let (cert, metadata) = (self.cert.len(), self.metadata.len());
        write!(
            f,
            "pki_id {}, cert {cert} bytes, metadata {metadata} bytes",
            Hex(&self.pki_id)
        )
    }
}

impl Display for PrivateElement {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        write!(f, "{:?}, {} write sets", self.digest, self.payload.len())
    }
}

impl Display for PrivateData {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        write!(
            f,
            "collection {:?}, namespace {:?}, tx_id {:?}, write set {} bytes, simulated at {}",
            self.collection,
            self.namespace,
            self.tx_id,
            self.rwset.len(),
            self.sim_height,
        )
    }
}

/// The number of digests, of eight bytes each, that a requester sends.
fn holds(f: &mut Formatter<'_>, held: &[u8]) -> Result {
    match held.len() / 8 {
        0 => Ok(()),
        held => write!(f, ", holds {held}"),
    }
}

macro_rules! debug_as_display {
    ($($message:ty)*) => {$(
        impl Debug for $message {
            fn fmt(&self, f: &mut Formatter<'_>) -> Result {
                write!(f, "{self}")
            }
        }
    )*};
}

debug_as_display! {
    GossipMessage Content Alive MembershipRequest MembershipResponse Payload Hello PullIds
    DataUpdate ConnEstablish StateInfo StateInfoPull Leadership PeerIdentity PrivateElement PrivateData
}
