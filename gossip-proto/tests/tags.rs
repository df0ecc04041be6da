//! The legal tag of each content, and the meaning of the tags.
#![allow(clippy::unwrap_used, reason = "a test's helpers")]

mod support;

use gossip_proto::{Content, DecodeError, GossipMessage, Kind, PullKind, SignedMessage, Tag};
use support::{decode_payload, message, pull_samples, samples, signed_alive};

const TAGS: [Tag; 6] = [
    Tag::Undefined,
    Tag::Empty,
    Tag::OrgOnly,
    Tag::ChanOnly,
    Tag::ChanAndOrg,
    Tag::ChanOrOrg,
];

const fn expected(kind: Kind, pull: Option<PullKind>) -> Tag {
    match (kind, pull) {
        (_, Some(PullKind::Block)) | (Kind::Data | Kind::Leadership | Kind::Tree, _) => {
            Tag::ChanAndOrg
        }
        (_, Some(PullKind::Identity)) => Tag::Empty,
        (Kind::PeerIdentity, _) => Tag::OrgOnly,
        (
            Kind::StateInfo
            | Kind::StateInfoPull
            | Kind::StateSnapshot
            | Kind::StateRequest
            | Kind::StateResponse,
            _,
        ) => Tag::ChanOrOrg,
        (Kind::PrivateRequest | Kind::PrivateResponse | Kind::PrivateData, _) => Tag::ChanOnly,
        (Kind::Ack, _) => Tag::Undefined,
        _ => Tag::Empty,
    }
}

#[test]
fn exactly_one_tag_is_legal_for_each_content() {
    for content in samples() {
        let (kind, pull) = (content.kind(), content.pull_kind());
        for tag in TAGS {
            let message = GossipMessage {
                tag,
                ..message(content.clone())
            };
            let legal = tag == expected(kind, pull);
            assert_eq!(message.check_tag().is_ok(), legal, "{tag:?} for {kind}");
            let envelope = SignedMessage::unsigned(message);
            let decoded = decode_payload(envelope.envelope().payload());
            if legal {
                decoded.unwrap();
            } else {
                let error = decoded.unwrap_err();
                assert_eq!(error, DecodeError::IllegalTag { kind, tag });
                assert!(!error.is_fatal());
            }
        }
    }
}

#[test]
fn samples_cover_every_kind() {
    let seen: std::collections::BTreeSet<_> = samples().iter().map(Content::kind).collect();
    assert_eq!(seen, Kind::ALL.into());
}

#[test]
fn a_nested_message_is_exempt_from_the_tag_check() {
    for content in samples() {
        let message = GossipMessage {
            tag: Tag::Undefined,
            ..message(content)
        };
        let sent = SignedMessage::unsigned(message.clone());
        let limits = gossip_proto::Limits::default();
        let decoded = SignedMessage::decode_nested(sent.envelope(), &limits).unwrap();
        assert_eq!(decoded.message(), &message);
    }
}

#[test]
fn tags_restrict_to_channel_and_organisation() {
    let restricted = |tag: Tag| (tag.is_channel_restricted(), tag.is_org_restricted());
    assert_eq!(restricted(Tag::ChanAndOrg), (true, true));
    assert_eq!(restricted(Tag::OrgOnly), (false, true));
    assert_eq!(restricted(Tag::ChanOrOrg), (true, false));
    assert_eq!(restricted(Tag::ChanOnly), (true, false));
    assert_eq!(restricted(Tag::Empty), (false, false));
    assert_eq!(restricted(Tag::Undefined), (false, false));
}

#[test]
fn only_steps_of_a_pull_have_a_pull_kind() {
    let steps = [
        Kind::Hello,
        Kind::Digest,
        Kind::DataRequest,
        Kind::DataUpdate,
    ];
    for content in samples() {
        assert_eq!(
            content.pull_kind().is_some(),
            steps.contains(&content.kind())
        );
    }
    let alive = signed_alive().envelope().clone();
    for kind in [PullKind::Block, PullKind::Identity] {
        for content in pull_samples(kind, &alive) {
            assert_eq!(content.pull_kind(), Some(kind));
        }
    }
}
