//! Names of peers, and their messages.

use std::time::Duration;

use bytes::Bytes;
use gossip_proto::{
    Alive, Branch, Content, GossipMessage, Limits, MembershipRequest, MembershipResponse, Payload,
    PeerTime, PrivateData, Properties, Pulse, RawEnvelope, SignedMessage, StateInfo, StateInfoPull,
    Tag, Tree, UnsignedMessage, channel_mac,
};

use crate::peers::membership::walk;
use crate::{ChannelId, OrgId, PeerId};

pub(crate) fn peer(name: &str) -> PeerId {
    PeerId::new(name.as_bytes())
}

/// The organisation of peers `a1`, `a2`, .. is `a`.
pub(crate) fn org_of(name: &str) -> OrgId {
    OrgId::new(&name.as_bytes()[..1])
}

pub(crate) fn identity_of(name: &str) -> Bytes {
    Bytes::from(format!("identity of {name}"))
}

pub(crate) fn external(name: &str) -> String {
    format!("{name}.example:1")
}

pub(crate) fn internal(name: &str) -> String {
    format!("{name}.lan:1")
}

pub(crate) fn secs(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

pub(crate) fn millis(millis: u64) -> Duration {
    Duration::from_millis(millis)
}

pub(crate) fn main_channel() -> ChannelId {
    ChannelId::new("main")
}

/// A heartbeat to build.
#[derive(Clone)]
pub(crate) struct Beat {
    pub(crate) name: String,
    pub(crate) time: PeerTime,
    pub(crate) external: bool,
    pub(crate) secret: Option<String>,
    pub(crate) identity: bool,
    /// The peer whose identity it carries instead of its own.
    pub(crate) borrowed: Option<&'static str>,
    pub(crate) metadata: &'static str,
    pub(crate) anchored: bool,
    pub(crate) leaving: bool,
}

/// The heartbeat of `name` with number `sequence`, both endpoints and the identity.
pub(crate) fn beat(name: &str, sequence: u64) -> Beat {
    Beat {
        name: name.to_owned(),
        time: PeerTime {
            incarnation: 1,
            sequence,
        },
        external: true,
        secret: Some(internal(name)),
        identity: true,
        borrowed: None,
        metadata: "",
        anchored: false,
        leaving: false,
    }
}

impl Beat {
    pub(crate) fn hidden(mut self) -> Self {
        self.external = false;
        self
    }

    pub(crate) fn anonymous(mut self) -> Self {
        self.identity = false;
        self
    }

    pub(crate) fn secret(mut self, secret: Option<&str>) -> Self {
        self.secret = secret.map(str::to_owned);
        self
    }

    /// Its farewell.
    pub(crate) fn leaving(mut self) -> Self {
        self.leaving = true;
        self.secret(None)
    }

    /// Starts or continues a hash chain.
    pub(crate) fn anchored(mut self) -> Self {
        self.anchored = true;
        self
    }

    /// Signed by the peer itself.
    pub(crate) fn message(&self) -> SignedMessage {
        self.signed_by(&self.name)
    }

    /// Signed by `signer`.
    pub(crate) fn signed_by(&self, signer: &str) -> SignedMessage {
        let alive = Alive {
            pki_id: Bytes::copy_from_slice(self.name.as_bytes()),
            endpoint: if self.external {
                external(&self.name)
            } else {
                String::new()
            },
            metadata: Bytes::from_static(self.metadata.as_bytes()),
            time: self.time,
            identity: self
                .identity
                .then(|| identity_of(self.borrowed.unwrap_or(&self.name))),
            pulse_anchor: self.anchored.then(|| link(&self.name, self.time.sequence)),
            leaving: self.leaving,
        };
        let message = message(0, "", Tag::Empty, Content::Alive(alive));
        sign(
            signer,
            UnsignedMessage::new(message, self.secret.as_deref()),
        )
    }

    pub(crate) fn envelope(&self) -> RawEnvelope {
        self.message().envelope().clone()
    }
}

/// The link number `sequence` of the hash chain of `name`, of a thousand.
fn link(name: &str, sequence: u64) -> [u8; 32] {
    let secret = *blake3::hash(name.as_bytes()).as_bytes();
    walk(&secret, 1000_u64.saturating_sub(sequence))
}

/// The pulse of `name` with number `sequence`.
pub(crate) fn pulse(name: &str, sequence: u64) -> Pulse {
    Pulse {
        pki_id: Bytes::copy_from_slice(name.as_bytes()),
        sequence,
        proof: link(name, sequence),
    }
}

pub(crate) fn pulses(pulses: &[Pulse]) -> SignedMessage {
    let content = Content::Pulses(pulses.to_vec());
    SignedMessage::unsigned(message(0, "", Tag::Empty, content))
}

pub(crate) fn message(nonce: u64, channel: &str, tag: Tag, content: Content) -> GossipMessage {
    let channel = Bytes::copy_from_slice(channel.as_bytes());
    GossipMessage {
        nonce,
        channel,
        tag,
        content,
    }
}

pub(crate) fn sign(signer: &str, unsigned: UnsignedMessage) -> SignedMessage {
    let identity = identity_of(signer);
    let payload = signature(&identity, unsigned.payload());
    let secret = unsigned
        .secret_payload()
        .map(|text| signature(&identity, text));
    unsigned.sign(payload, secret)
}

/// The message of `signer` with `length` additional bytes in an unknown field.
pub(crate) fn bloated(signer: &str, message: &SignedMessage, length: usize) -> SignedMessage {
    let mut payload = message.envelope().payload().to_vec();
    put_field(&mut payload, 999, &vec![7; length]);
    let made = signature(&identity_of(signer), &payload);
    let mut frame = Vec::new();
    put_field(&mut frame, 1, &payload);
    put_field(&mut frame, 2, &made);
    SignedMessage::decode(frame.into(), &Limits::default()).unwrap()
}

fn put_field(out: &mut Vec<u8>, number: u64, content: &[u8]) {
    for mut varint in [number << 3 | 2, content.len() as u64] {
        while varint >= 0x80 {
            out.push((varint & 0x7f) as u8 | 0x80);
            varint >>= 7;
        }
        out.push(varint as u8);
    }
    out.extend_from_slice(content);
}

pub(super) fn signature(identity: &[u8], text: &[u8]) -> Bytes {
    let mut hasher = blake3::Hasher::new();
    hasher.update(identity).update(b" signs ").update(text);
    Bytes::copy_from_slice(hasher.finalize().as_bytes())
}

/// The state info of `name` in the channel `main`, with number `sequence`.
pub(crate) fn state_info(name: &str, sequence: u64, height: u64) -> SignedMessage {
    state_info_by(name, name, sequence, height)
}

pub(crate) fn state_info_by(signer: &str, name: &str, sequence: u64, height: u64) -> SignedMessage {
    let properties = Properties {
        ledger_height: height,
        ..Properties::default()
    };
    state_info_with(signer, name, sequence, "main", properties)
}

pub(crate) fn state_info_with(
    signer: &str,
    name: &str,
    sequence: u64,
    channel: &str,
    properties: Properties,
) -> SignedMessage {
    let info = StateInfo {
        pki_id: Bytes::copy_from_slice(name.as_bytes()),
        time: PeerTime {
            incarnation: 1,
            sequence,
        },
        channel_mac: Bytes::copy_from_slice(&channel_mac(name.as_bytes(), channel.as_bytes())),
        properties: Some(properties),
    };
    let message = message(0, "", Tag::ChanOrOrg, Content::StateInfo(info));
    sign(signer, UnsignedMessage::new(message, None))
}

/// A block that the crypto service accepts.
pub(crate) fn good_block(seq: u64) -> Bytes {
    Bytes::from(format!("good {seq}"))
}

/// A good block large enough to be offered instead of pushed.
pub(crate) fn large_block(seq: u64) -> Bytes {
    let mut block = good_block(seq).to_vec();
    block.resize(16 * 1024, b' ');
    block.into()
}

/// The message that pushes a block.
pub(crate) fn pushed(seq: u64, data: Bytes) -> SignedMessage {
    pushed_with(seq, data, Vec::new())
}

pub(crate) fn pushed_with(seq: u64, data: Bytes, private_data: Vec<Bytes>) -> SignedMessage {
    let payload = Payload {
        seq_num: seq,
        data,
        private_data,
    };
    SignedMessage::unsigned(message(0, "main", Tag::ChanAndOrg, Content::Data(payload)))
}

pub(crate) fn request(own: &Beat, nonce: u64) -> SignedMessage {
    request_with(own, nonce, Bytes::new(), None)
}

/// A membership request with a have set and a pulse.
pub(crate) fn request_with(
    own: &Beat,
    nonce: u64,
    held: Bytes,
    pulse: Option<Pulse>,
) -> SignedMessage {
    let request = MembershipRequest {
        self_information: own.envelope(),
        want_identities: false,
        held,
        pulse,
    };
    SignedMessage::unsigned(message(
        nonce,
        "",
        Tag::Empty,
        Content::MembershipRequest(request),
    ))
}

pub(crate) fn response(nonce: u64, response: MembershipResponse) -> SignedMessage {
    SignedMessage::unsigned(message(
        nonce,
        "",
        Tag::Empty,
        Content::MembershipResponse(response),
    ))
}

/// The request of `name` for the state infos of `channel`.
pub(crate) fn state_info_pull(name: &str, channel: &str) -> SignedMessage {
    state_info_pull_with(name, channel, 0, Bytes::new())
}

/// The same with a have set.
pub(crate) fn state_info_pull_with(
    name: &str,
    channel: &str,
    nonce: u64,
    held: Bytes,
) -> SignedMessage {
    let mac = channel_mac(name.as_bytes(), channel.as_bytes());
    let content = Content::StateInfoPull(StateInfoPull {
        channel_mac: Bytes::copy_from_slice(&mac),
        held,
    });
    SignedMessage::unsigned(message(nonce, "", Tag::ChanOrOrg, content))
}

pub(crate) fn snapshot(channel: &str, elements: &[SignedMessage]) -> SignedMessage {
    let elements = elements.iter().map(|one| one.envelope().clone()).collect();
    SignedMessage::unsigned(message(
        0,
        channel,
        Tag::ChanOrOrg,
        Content::StateSnapshot(elements),
    ))
}

/// A peer's tree message in `main`.
pub(crate) fn tree(ledger_height: u64, branch: Option<Branch>) -> SignedMessage {
    let tree = Tree {
        ledger_height,
        branch,
        ..Tree::default()
    };
    tree_message(tree)
}

pub(crate) fn tree_message(tree: Tree) -> SignedMessage {
    SignedMessage::unsigned(message(0, "main", Tag::ChanAndOrg, Content::Tree(tree)))
}

/// A message for applications only.
pub(crate) fn private_data() -> GossipMessage {
    let content = Content::PrivateData(PrivateData {
        collection: "collection".into(),
        namespace: "chaincode".into(),
        tx_id: "tx".into(),
        rwset: Bytes::from_static(b"write set"),
        sim_height: 1,
        collection_configs: Bytes::new(),
    });
    message(0, "main", Tag::ChanOnly, content)
}
