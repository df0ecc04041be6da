//! Nearly valid steps of a pull: of the right kind, often with a nonce that the node has used.

use std::collections::VecDeque;

use bytes::Bytes;
use gossip_core::proto::{
    Content, DataUpdate, GossipMessage, Hello, PeerIdentity, PullIds, PullKind, RawEnvelope,
    SignedMessage, Tag, UnsignedMessage,
};

use gossip_core::LinkId;

use super::choices::Choices;
use super::messages;

/// The latest hellos of the node, with their links.
#[derive(Default)]
pub(super) struct Hellos(VecDeque<(LinkId, PullKind, u64)>);

impl Hellos {
    pub(super) fn note(&mut self, link: LinkId, message: &SignedMessage) {
        if let Content::Hello(hello) = message.content() {
            self.0.push_front((link, hello.kind, hello.nonce));
            self.0.truncate(4);
        }
    }

    /// Answers the latest hello with the steps of a round, sometimes altered.
    pub(super) fn answer(
        &mut self,
        choices: &mut Choices<'_>,
    ) -> Option<(LinkId, Vec<SignedMessage>)> {
        let (link, kind, nonce) = self.0.pop_front()?;
        let contents = [
            Content::Digest(ids(choices, kind, nonce)),
            update(choices, kind, nonce),
            update(choices, kind, nonce),
        ];
        Some((link, messages_of(kind, contents)))
    }

    /// One step, or a hello and the request that follows it.
    pub(super) fn steps(&self, choices: &mut Choices<'_>) -> Vec<SignedMessage> {
        let known = self.0.front().map(|(_, kind, nonce)| (*kind, *nonce));
        let kind = [PullKind::Block, PullKind::Identity][usize::from(choices.below(2))];
        let invented = (kind, u64::from(choices.below(3)));
        let (kind, nonce) = known.filter(|_| choices.flag()).unwrap_or(invented);
        match choices.below(6) {
            0 => messages_of(kind, [hello(kind, nonce)]),
            1 => messages_of(kind, [Content::Digest(ids(choices, kind, nonce))]),
            2 => messages_of(kind, [Content::DataRequest(ids(choices, kind, nonce))]),
            3 => messages_of(kind, [update(choices, kind, nonce)]),
            _ => {
                let request = Content::DataRequest(ids(choices, kind, nonce));
                messages_of(kind, [hello(kind, nonce), request])
            }
        }
    }
}

fn messages_of<const N: usize>(kind: PullKind, contents: [Content; N]) -> Vec<SignedMessage> {
    let unsigned = contents.map(|content| SignedMessage::unsigned(message(kind, content)));
    unsigned.to_vec()
}

fn hello(kind: PullKind, nonce: u64) -> Content {
    let metadata = Bytes::new();
    Content::Hello(Hello {
        nonce,
        metadata,
        kind,
    })
}

fn update(choices: &mut Choices<'_>, kind: PullKind, nonce: u64) -> Content {
    let data = (0..choices.below(6)).map(|_| item(choices, kind)).collect();
    Content::DataUpdate(DataUpdate { nonce, data, kind })
}

fn ids(choices: &mut Choices<'_>, kind: PullKind, nonce: u64) -> PullIds {
    let id = |choices: &mut Choices<'_>| match kind {
        PullKind::Block => Bytes::from(choices.number().to_string()),
        PullKind::Identity => Bytes::copy_from_slice(&[choices.below(12)]),
    };
    let ids = (0..choices.below(9)).map(|_| id(choices)).collect();
    PullIds { nonce, ids, kind }
}

fn item(choices: &mut Choices<'_>, kind: PullKind) -> RawEnvelope {
    let content = match (kind, choices.below(8)) {
        (_, 0) => return messages::any(choices).envelope().clone(),
        (PullKind::Block, _) => Content::Data(messages::payload(choices)),
        (PullKind::Identity, odd) => {
            let pki_id = Bytes::copy_from_slice(&[choices.below(12)]);
            Content::PeerIdentity(PeerIdentity {
                cert: if odd == 1 {
                    Bytes::from_static(b"other")
                } else {
                    pki_id.clone()
                },
                pki_id,
                metadata: Bytes::new(),
            })
        }
    };
    let unsigned = UnsignedMessage::new(message(kind, content), None);
    let signed = unsigned.sign(Bytes::from_static(b"s"), None);
    signed.envelope().clone()
}

fn message(kind: PullKind, content: Content) -> GossipMessage {
    let (channel, tag) = match kind {
        PullKind::Block => (Bytes::from_static(b"c"), Tag::ChanAndOrg),
        PullKind::Identity => (Bytes::new(), Tag::Empty),
    };
    GossipMessage {
        nonce: 0,
        channel,
        tag,
        content,
    }
}
