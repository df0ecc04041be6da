//! Golden vectors of protobuf's reference implementation.
#![allow(clippy::unwrap_used, reason = "a test's helpers")]

#[path = "support/json.rs"]
mod json;
mod support;

use bytes::Bytes;
use gossip_proto::{
    Checked, Content, DecodeError, GossipMessage, Limits, PeerTime, PullKind, SignedMessage, Tag,
    block_data_hash, block_header_der, block_header_hash, channel_mac, common, decode, msp, protos,
    rwset, wire,
};
use json::Json;
use serde_json::Value;
use support::{bytes_of, decode_payload, vector, vectors};

/// Decodes, compares each field, and encodes back.
fn check<T: Checked + Json>(entry: &Value) {
    let encoded = bytes_of(entry, "hex");
    let message: T = decode(encoded.clone(), &Limits::default()).unwrap();
    assert_eq!(message.json(), entry["json"], "{}", entry["name"]);
    assert_eq!(message.encode_to_vec(), encoded, "{}", entry["name"]);
}

#[test]
fn every_vector_decodes_to_its_fields_and_encodes_to_its_bytes() {
    let all = vectors();
    let entries = all["messages"].as_array().unwrap();
    assert_eq!(entries.len(), 41);
    for entry in entries {
        match entry["type"].as_str().unwrap() {
            "gossip.GossipMessage" => check::<wire::GossipMessage>(entry),
            "gossip.Secret" => check::<wire::Secret>(entry),
            "gossip.Envelope" => check::<wire::Envelope>(entry),
            "gossip.PvtDataPayload" => check::<wire::PvtDataPayload>(entry),
            "protos.CollectionConfigPackage" => check::<protos::CollectionConfigPackage>(entry),
            "rwset.TxPvtReadWriteSet" => check::<rwset::TxPvtReadWriteSet>(entry),
            "msp.SerializedIdentity" => check::<msp::SerializedIdentity>(entry),
            "common.Block" => check::<common::Block>(entry),
            other => panic!("no check for {other}"),
        }
    }
}

#[test]
fn every_gossip_vector_survives_validation_byte_for_byte() {
    let all = vectors();
    let mut seen = 0;
    for entry in all["messages"].as_array().unwrap() {
        if entry["type"] != "gossip.GossipMessage" {
            continue;
        }
        let encoded = bytes_of(entry, "hex");
        let decoded = decode_payload(&encoded);
        if entry["name"] == "no_content" {
            assert_eq!(decoded.unwrap_err(), DecodeError::NoContent);
            continue;
        }
        let again = SignedMessage::unsigned(decoded.unwrap().message().clone());
        assert_eq!(again.envelope().payload(), &encoded, "{}", entry["name"]);
        seen += 1;
    }
    assert_eq!(seen, 32);
}

#[test]
fn envelope_vectors_keep_their_parts() {
    let limits = Limits::default();
    let encoded = vector("envelope_alive_with_secret");
    let message = SignedMessage::decode(encoded.clone(), &limits).unwrap();
    assert_eq!(message.encoded(), &encoded);
    assert_eq!(message.envelope().payload(), &vector("alive"));
    assert_eq!(message.envelope().signature().len(), 64);
    assert_eq!(
        message.envelope().secret().unwrap().payload,
        vector("secret")
    );
    assert_eq!(
        message.internal_endpoint().as_deref(),
        Some("10.0.0.7:7051")
    );
    let unsigned: wire::Envelope = decode(vector("envelope_unsigned"), &limits).unwrap();
    assert!(unsigned.signature.is_empty());
}

#[test]
fn block_headers_hash_as_the_orderers_do() {
    let all = vectors();
    let entries = all["block_header_hashes"].as_array().unwrap();
    assert_eq!(entries.len(), 5);
    for entry in entries {
        let header = common::BlockHeader {
            number: entry["number"].as_u64().unwrap(),
            previous_hash: bytes_of(entry, "previous_hash"),
            data_hash: bytes_of(entry, "data_hash"),
        };
        assert_eq!(block_header_der(&header), bytes_of(entry, "der"));
        assert_eq!(block_header_hash(&header)[..], bytes_of(entry, "hash"));
    }
}

#[test]
fn long_hashes_take_more_length_bytes_in_der() {
    let header = common::BlockHeader {
        number: 255,
        previous_hash: vec![1; 0x80].into(),
        data_hash: vec![2; 0x100].into(),
    };
    let der = block_header_der(&header);
    assert_eq!(der[..4], [0x30, 0x82, 0x01, 0x8b]);
    assert_eq!(der[4..8], [0x02, 0x02, 0x00, 0xff]);
    assert_eq!(der[8..11], [0x04, 0x81, 0x80]);
    assert_eq!(der[139..143], [0x04, 0x82, 0x01, 0x00]);
    assert_eq!(der.len(), 4 + 0x18b);
}

#[test]
fn data_hash_is_over_the_concatenated_transactions() {
    let data = |entries: &[&'static [u8]]| common::BlockData {
        data: entries.iter().copied().map(Bytes::from_static).collect(),
    };
    let hash = block_data_hash(&data(&[b"ab", b"c"]));
    assert_eq!(
        hex::encode(hash),
        "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
    );
    assert_eq!(hash, block_data_hash(&data(&[b"a", b"bc"])));
}

#[test]
fn channel_macs_match_the_vectors() {
    let all = vectors();
    let entries = all["channel_macs"].as_array().unwrap();
    assert_eq!(entries.len(), 6);
    for entry in entries {
        let channel = entry["channel"].as_str().unwrap();
        let mac = channel_mac(&bytes_of(entry, "pki_id"), channel.as_bytes());
        assert_eq!(mac[..], bytes_of(entry, "mac"));
    }
}

fn validated(name: &str) -> GossipMessage {
    decode_payload(&vector(name)).unwrap().message().clone()
}

#[test]
fn validated_fields_are_those_of_the_same_name() {
    let Content::Alive(alive) = validated("alive").content else {
        panic!()
    };
    assert_eq!(alive.endpoint, "peer0.org1.example:7051");
    assert_eq!(alive.metadata, "meta");
    assert_eq!(
        alive.time,
        PeerTime {
            incarnation: 1_700_000_000_123_456_789,
            sequence: 42
        }
    );
    assert_eq!(alive.identity.unwrap(), "IDENTITY-BYTES");
    let Content::Alive(alive) = validated("alive_no_identity").content else {
        panic!()
    };
    assert_eq!((alive.identity, alive.endpoint.as_str()), (None, ""));

    let state_request = validated("state_request");
    assert_eq!(state_request.nonce, 11);
    assert_eq!(state_request.channel, "mychannel");
    assert_eq!(state_request.tag, Tag::ChanOrOrg);
    let Content::StateRequest(request) = state_request.content else {
        panic!()
    };
    assert_eq!((request.start, request.end), (1, 11));

    let Content::StateInfo(info) = validated("state_info").content else {
        panic!()
    };
    assert_eq!(
        info.time,
        PeerTime {
            incarnation: 3,
            sequence: 4
        }
    );
    assert_eq!(
        info.channel_mac[..],
        channel_mac(&info.pki_id, b"mychannel")
    );
    let properties = info.properties.unwrap();
    assert_eq!(
        (properties.ledger_height, properties.left_channel),
        (1234, false)
    );
    let chaincode = &properties.chaincodes[0];
    assert_eq!(
        (chaincode.name.as_str(), chaincode.version.as_str()),
        ("cc", "1.0")
    );
    assert_eq!(chaincode.metadata, "m");
}

#[test]
fn validated_fields_of_payloads_are_those_of_the_same_name() {
    let Content::Conn(conn) = validated("conn_probe").content else {
        panic!()
    };
    assert_eq!(conn.identity[..], [0x00, 0x07, 0x0e]);
    assert_eq!((conn.binding.len(), conn.probe), (32, true));
    assert_eq!((conn.capabilities, conn.incarnation), (0, 0));

    let Content::Data(block) = validated("data_msg").content else {
        panic!()
    };
    assert_eq!(
        (block.seq_num, block.data.len(), block.private_data.len()),
        (5, 100, 3)
    );

    let Content::PrivateRequest(digests) = validated("private_req").content else {
        panic!()
    };
    let first = &digests[0];
    let names = [
        first.tx_id.as_str(),
        first.namespace.as_str(),
        first.collection.as_str(),
    ];
    assert_eq!(names, ["tx1", "ns", "col"]);
    assert_eq!((first.block_seq, first.seq_in_block), (9, 2));

    let Content::PrivateData(data) = validated("private_data").content else {
        panic!()
    };
    let names = [
        data.tx_id.as_str(),
        data.namespace.as_str(),
        data.collection.as_str(),
    ];
    assert_eq!(names, ["tx1", "ns", "col"]);
    assert_eq!((data.rwset.len(), data.sim_height), (40, 10));
    assert_eq!(data.collection_configs, vector("collection_configs"));

    let Content::Leadership(message) = validated("leadership_declaration").content else {
        panic!()
    };
    assert_eq!(
        message.time,
        PeerTime {
            incarnation: 1,
            sequence: 2
        }
    );
    assert!(message.is_declaration);
    let Content::PeerIdentity(identity) = validated("peer_identity").content else {
        panic!()
    };
    assert_eq!((identity.pki_id.len(), identity.cert.len()), (32, 50));
}

/// Digests are bytes, not text.
#[test]
fn digests_of_any_bytes_decode() {
    let payload = "12096d796368616e6e656c52171201ff1202ffff1203ffffff1204ffffffff1203313030";
    let expected: [&[u8]; 5] = [&[0xff], &[0xff; 2], &[0xff; 3], &[0xff; 4], b"100"];
    let decoded = |hex_text: &str| -> wire::GossipMessage {
        decode(hex::decode(hex_text).unwrap().into(), &Limits::default()).unwrap()
    };
    let message = decoded(payload);
    assert_eq!(message.channel, "mychannel");
    let Some(wire::gossip_message::Content::DataDig(digest)) = message.content else {
        panic!()
    };
    assert_eq!(digest.digests, expected);
    let message = decoded(&payload.replacen("52", "5a", 1));
    let Some(wire::gossip_message::Content::DataReq(request)) = message.content else {
        panic!()
    };
    assert_eq!(request.digests, expected);
}

#[test]
fn pull_vectors_name_their_kind() {
    for step in ["hello", "data_dig", "data_req", "data_update"] {
        let block = validated(&format!("{step}_block"));
        assert_eq!(block.content.pull_kind(), Some(PullKind::Block));
        let identity = validated(&format!("{step}_identity"));
        assert_eq!(identity.content.pull_kind(), Some(PullKind::Identity));
        assert_eq!(identity.content.kind().as_str(), step);
    }
    assert_eq!(validated("empty").content.pull_kind(), None);
}
