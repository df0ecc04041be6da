//! Each error of the decoder.
#![allow(clippy::unwrap_used, reason = "a test's helpers")]

mod support;

use bytes::Bytes;
use gossip_proto::{
    Checked, Content, DecodeError, Limits, MembershipResponse, SignedMessage, common, decode, wire,
};
use prost::Message;
use support::{
    decode_payload, envelope, field, message, put_varint, samples, signed_alive, vector,
};
use wire::gossip_message::Content as Raw;

/// Decodes a message that was encoded without validation.
fn refused(content: Raw) -> DecodeError {
    let message = wire::GossipMessage {
        content: Some(content),
        ..Default::default()
    };
    let error = decode_payload(&message.encode_to_vec()).unwrap_err();
    assert!(!error.is_fatal(), "{error}");
    error
}

fn missing(content: Raw) -> String {
    let error = refused(content);
    let DecodeError::Missing { message, field } = error else {
        panic!("{error}")
    };
    format!("{message}.{field}")
}

#[allow(
    clippy::too_many_lines,
    reason = "a table of what is malformed, and how"
)]
#[test]
fn a_missing_part_is_named() {
    let id = || Bytes::from_static(b"id");
    let alive = wire::AliveMessage {
        membership: Some(wire::Member {
            pki_id: id(),
            ..Default::default()
        }),
        ..Default::default()
    };
    assert_eq!(
        missing(Raw::AliveMsg(alive)),
        "gossip.AliveMessage.timestamp"
    );
    assert_eq!(
        missing(Raw::AliveMsg(Default::default())),
        "gossip.AliveMessage.membership"
    );
    let nameless = wire::AliveMessage {
        membership: Some(wire::Member::default()),
        timestamp: Some(wire::PeerTime::default()),
        ..Default::default()
    };
    assert_eq!(missing(Raw::AliveMsg(nameless)), "gossip.Member.pki_id");
    let request = Raw::MemReq(Default::default());
    assert_eq!(
        missing(request),
        "gossip.MembershipRequest.self_information"
    );
    assert_eq!(
        missing(Raw::DataMsg(Default::default())),
        "gossip.DataMessage.payload"
    );
    assert_eq!(
        missing(Raw::Conn(Default::default())),
        "gossip.ConnEstablish.pki_id"
    );
    let conn = wire::ConnEstablish {
        pki_id: id(),
        ..Default::default()
    };
    assert_eq!(missing(Raw::Conn(conn)), "gossip.ConnEstablish.identity");
    assert_eq!(
        missing(Raw::StateInfo(Default::default())),
        "gossip.StateInfo.pki_id"
    );
    let info = wire::StateInfo {
        pki_id: id(),
        ..Default::default()
    };
    assert_eq!(missing(Raw::StateInfo(info)), "gossip.StateInfo.timestamp");
    let leadership = Raw::LeadershipMsg(Default::default());
    assert_eq!(missing(leadership), "gossip.LeadershipMessage.pki_id");
    let leadership = wire::LeadershipMessage {
        pki_id: id(),
        ..Default::default()
    };
    assert_eq!(
        missing(Raw::LeadershipMsg(leadership)),
        "gossip.LeadershipMessage.timestamp"
    );
    assert_eq!(
        missing(Raw::PeerIdentity(Default::default())),
        "gossip.PeerIdentity.pki_id"
    );
    let identity = wire::PeerIdentity {
        pki_id: id(),
        ..Default::default()
    };
    assert_eq!(
        missing(Raw::PeerIdentity(identity)),
        "gossip.PeerIdentity.cert"
    );
    let element = wire::RemotePvtDataResponse {
        elements: vec![Default::default()],
    };
    assert_eq!(
        missing(Raw::PrivateRes(element)),
        "gossip.PvtDataElement.digest"
    );
    let private = Raw::PrivateData(Default::default());
    assert_eq!(missing(private), "gossip.PrivateDataMessage.payload");
    let private = wire::PrivateDataMessage {
        payload: Some(Default::default()),
    };
    assert_eq!(
        missing(Raw::PrivateData(private)),
        "gossip.PrivatePayload.private_rwset"
    );
}

#[test]
fn a_message_without_content_is_refused() {
    assert_eq!(
        decode_payload(&vector("no_content")).unwrap_err(),
        DecodeError::NoContent
    );
    let unknown_kind = [&[0x18, 1][..], &field(999, b"")].concat();
    assert_eq!(
        decode_payload(&unknown_kind).unwrap_err(),
        DecodeError::NoContent
    );
}

#[test]
fn a_pull_must_say_what_is_pulled() {
    for (msg_type, name) in [
        (Raw::Hello(Default::default()), "gossip.GossipHello"),
        (Raw::DataDig(Default::default()), "gossip.DataDigest"),
        (Raw::DataReq(Default::default()), "gossip.DataRequest"),
        (Raw::DataUpdate(Default::default()), "gossip.DataUpdate"),
    ] {
        let expected = DecodeError::UnknownEnum {
            message: name,
            field: "msg_type",
            value: 0,
        };
        assert_eq!(refused(msg_type), expected);
    }
    let hello = wire::GossipHello {
        msg_type: 3,
        ..Default::default()
    };
    let error = refused(Raw::Hello(hello));
    assert_eq!(
        error.to_string(),
        "gossip.GossipHello.msg_type has the illegal value 3"
    );
}

#[test]
fn an_unknown_tag_is_named() {
    let payload = [&[0x18, 6][..], &field(13, b"")].concat();
    let error = decode_payload(&payload).unwrap_err();
    assert_eq!(
        error.to_string(),
        "gossip.GossipMessage.tag has the illegal value 6"
    );
    assert!(!error.is_fatal());
}

#[test]
fn an_illegal_tag_is_named_with_the_content() {
    let payload = [&[0x18, 2][..], &field(13, b"")].concat();
    let error = decode_payload(&payload).unwrap_err();
    assert_eq!(error.to_string(), "tag OrgOnly is illegal for empty");
}

#[test]
fn malformed_bytes_are_fatal() {
    let cases: [(&[u8], &str); 12] = [
        (b"\x0a", "a number is cut off"),
        (b"\x0a\x05abc", "a field runs past the end"),
        (
            b"\x0a\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01",
            "a field runs past the end",
        ),
        (
            b"\x0a\xff\xff\xff\xff\xff\xff\xff\xff\xff\x02",
            "a number is too large",
        ),
        (
            b"\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01",
            "a number is too large",
        ),
        (b"\xff\xff\xff\xff\xff\x01", "a field number is too large"),
        (b"\x00\x00", "a field has the number 0"),
        (b"\x0e", "a field has an unknown wire type"),
        (b"\x0c", "a field has an unknown wire type"),
        (b"\x08\x01", "a field has another type than the schema's"),
        (b"\xa3\x06\xac\x06", "a group ends with another's number"),
        (b"\xa1\x06\x01", "a field runs past the end"),
    ];
    for (frame, expected) in cases {
        let error = SignedMessage::decode(Bytes::from_static(frame), &Limits::default());
        let error = error.unwrap_err();
        let expected = DecodeError::Malformed {
            message: "gossip.Envelope",
            reason: expected,
        };
        assert_eq!(error, expected, "{frame:x?}");
        assert!(error.is_fatal());
    }
}

#[test]
fn groups_within_groups_end_somewhere() {
    let mut frame = Vec::new();
    for _ in 0..10_000 {
        put_varint(&mut frame, 100 << 3 | 3);
    }
    let error = SignedMessage::decode(frame.into(), &Limits::default()).unwrap_err();
    assert!(error.is_fatal());
    assert!(error.to_string().contains("groups are nested too deeply"));
}

#[test]
fn a_malformed_payload_names_the_inner_message() {
    let payload = field(5, &field(1, b"\x0a\x05abc"));
    let error = decode_payload(&payload).unwrap_err();
    let message = "gossip.Member";
    assert_eq!(
        error,
        DecodeError::Malformed {
            message,
            reason: "a field runs past the end"
        }
    );
    let payload = field(5, &field(1, &field(1, b"\xff")));
    let error = decode_payload(&payload).unwrap_err();
    assert_eq!(
        error,
        DecodeError::Malformed {
            message,
            reason: "a text is not UTF-8"
        }
    );
    assert!(error.is_fatal());
}

#[test]
fn a_malformed_nested_envelope_is_fatal() {
    let payload = [&[0x18, 1][..], &field(7, &field(1, b"\x0a\x05abc"))].concat();
    let error = decode_payload(&payload).unwrap_err();
    assert!(error.is_fatal());
    let message = "gossip.Envelope";
    assert_eq!(
        error,
        DecodeError::Malformed {
            message,
            reason: "a field runs past the end"
        }
    );
}

#[test]
fn nesting_ends_somewhere() {
    let mut policy = common::SignaturePolicy::default().encode_to_vec();
    for _ in 0..200 {
        policy = field(2, &field(2, &policy)).to_vec();
    }
    let error = decode::<common::SignaturePolicyEnvelope>(field(2, &policy), &Limits::default());
    let error = error.unwrap_err();
    assert!(error.is_fatal());
    assert!(
        matches!(error, DecodeError::TooDeep { limit: 64, .. }),
        "{error}"
    );
}

#[test]
fn the_deepest_nesting_that_is_accepted_decodes() {
    let mut limits = Limits::default();
    limits.max_depth = 1000;
    let policy = |levels: usize| {
        (0..levels).fold(Vec::new(), |inner, _| field(2, &field(2, &inner)).to_vec())
    };
    let decoded = |levels| {
        decode::<common::SignaturePolicyEnvelope>(field(2, &policy(levels)), &limits).map(drop)
    };
    assert_eq!(decoded(39), Ok(()));
    assert!(matches!(
        decoded(40),
        Err(DecodeError::TooDeep { limit: 80, .. })
    ));
}

fn too_long<T: Checked>(bytes: Bytes) -> String {
    let error = decode::<T>(bytes, &Limits::default()).err().unwrap();
    assert!(!error.is_fatal());
    error.to_string()
}

#[test]
fn a_field_beyond_its_limit_is_named() {
    for (outer, inner, size, expected) in [
        (
            5,
            Some((1, 3)),
            65,
            "gossip.Member.pki_id has 65 bytes, at most 64 are accepted",
        ),
        (
            5,
            Some((1, 1)),
            257,
            "gossip.Member.endpoint has 257 bytes, at most 256 are accepted",
        ),
        (
            5,
            Some((1, 2)),
            65_537,
            "gossip.Member.metadata has 65537 bytes, at most 65536 are accepted",
        ),
        (
            2,
            None,
            250,
            "gossip.GossipMessage.channel has 250 bytes, at most 249 are accepted",
        ),
    ] {
        let content = vec![b'a'; size];
        let payload = |content: &[u8]| match inner {
            Some((member, number)) => field(outer, &field(member, &field(number, content))),
            None => field(outer, content),
        };
        assert_eq!(too_long::<wire::GossipMessage>(payload(&content)), expected);
        let fits = decode::<wire::GossipMessage>(payload(&content[1..]), &Limits::default());
        fits.unwrap();
    }
    let identity = field(14, &field(2, &vec![1; 65_537]));
    assert!(too_long::<wire::GossipMessage>(identity).starts_with("gossip.ConnEstablish.identity"));
    let error = field(22, &field(1, &vec![b'a'; 4097]));
    assert!(too_long::<wire::GossipMessage>(error).starts_with("gossip.Acknowledgement.error"));
    let signature = field(2, &vec![1; (16 << 10) + 1]);
    assert!(too_long::<wire::Envelope>(signature).starts_with("gossip.Envelope.signature"));
    let name = field(23, &field(1, &field(1, &[b'a'; 1025])));
    assert!(too_long::<wire::GossipMessage>(name).starts_with("gossip.PvtDataDigest.tx_id"));
    let mac = field(17, &field(1, &[1; 65]));
    assert!(too_long::<wire::GossipMessage>(mac).starts_with("gossip.StateInfoPullRequest"));
}

#[test]
fn a_frame_beyond_the_limit_is_not_looked_into() {
    let mut limits = Limits::default();
    limits.max_envelope = 10;
    let error = SignedMessage::decode(vec![0xff; 11].into(), &limits).unwrap_err();
    let message = "gossip.Envelope";
    assert_eq!(
        error,
        DecodeError::TooLong {
            message,
            actual: 11,
            limit: 10
        }
    );
    assert!(!error.is_fatal());
}

#[test]
fn a_sub_message_that_is_kept_raw_may_occur_once() {
    let alive = envelope(&vector("alive"));
    let twice = [&field(1, &alive)[..], &field(1, &alive)].concat();
    let expected = DecodeError::Repeated {
        message: "gossip.MembershipRequest",
        field: "self_information",
    };
    assert_eq!(decode_payload(&field(6, &twice)).unwrap_err(), expected);
    let split = [
        &field(6, &field(1, &alive))[..],
        &field(6, &field(1, &alive)),
    ]
    .concat();
    assert_eq!(decode_payload(&split).unwrap_err(), expected);
    assert!(!expected.is_fatal());
}

#[test]
fn lists_beyond_the_limit_are_named() {
    let mut limits = Limits::default();
    limits.max_list = 2;
    let alive = signed_alive().envelope().clone();
    for (count, fits) in [(2, true), (3, false)] {
        let dead = vec![alive.clone(); count];
        let response = MembershipResponse {
            dead,
            ..Default::default()
        };
        let sent = SignedMessage::unsigned(message(Content::MembershipResponse(response)));
        let decoded = SignedMessage::decode(sent.encoded().clone(), &limits);
        assert_eq!(decoded.is_ok(), fits);
        if let Err(error) = decoded {
            assert_eq!(
                error.to_string(),
                "gossip.MembershipResponse.dead has more than 2 elements"
            );
            assert!(!error.is_fatal());
        }
    }
}

#[test]
fn lists_together_beyond_the_limit_are_refused() {
    let mut limits = Limits::default();
    limits.max_elements = 5;
    let response = samples()
        .into_iter()
        .find(|content| matches!(content, Content::StateResponse(_)));
    let frame = SignedMessage::unsigned(message(response.unwrap()))
        .encoded()
        .clone();
    let error = SignedMessage::decode(frame.clone(), &limits).unwrap_err();
    let root = "gossip.GossipMessage";
    assert_eq!(
        error,
        DecodeError::TooManyElements {
            message: root,
            limit: 5
        }
    );
    limits.max_elements = 6;
    SignedMessage::decode(frame, &limits).unwrap();
}
