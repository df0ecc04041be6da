//! Valid blocks of an orderer, and each defect of a block.
#![allow(clippy::unwrap_used, reason = "helpers of tests")]

mod common;

use bytes::Bytes;
use common::{DAY, Network, check, cut, decode, hour_ago};
use gossip_driver::MessageCryptoService;
use gossip_driver::core::proto::common::{
    Block, BlockMetadata, ChannelHeader, Envelope, Header, Metadata, MetadataSignature, Payload,
    SignatureHeader,
};
use gossip_driver::core::proto::{block_data_hash, block_header_der, block_header_hash};
use gossip_driver::core::{ChannelId, CryptoError};
use gossip_msp::{
    BlockContent, BlockError, ChannelDefinition, CutBlock, KeyKind, MakeError, Orderer,
    SigningIdentity, Validity,
};
use prost::Message;

/// Replaces the transactions, the data hash and the signature.
fn reseal(block: &mut Block, transactions: Vec<Bytes>, signers: &[&SigningIdentity]) {
    let data = block.data.as_mut().unwrap();
    data.data = transactions;
    let header = block.header.as_mut().unwrap();
    header.data_hash = Bytes::copy_from_slice(&block_data_hash(data));
    sign(block, signers);
}

fn sign(block: &mut Block, signers: &[&SigningIdentity]) {
    let header = block_header_der(block.header.as_ref().unwrap());
    let signatures = signers.iter().map(|signer| {
        let signature_header = SignatureHeader {
            creator: signer.bytes().clone(),
            nonce: Bytes::from_static(b"nonce"),
        }
        .encode_to_vec();
        let signed = [b"value", &signature_header[..], &header].concat();
        MetadataSignature {
            signature_header: signature_header.into(),
            signature: signer.sign(&signed).unwrap().into(),
            ..Default::default()
        }
    });
    let signatures = Metadata {
        value: Bytes::from_static(b"value"),
        signatures: signatures.collect(),
    };
    let entries = vec![
        signatures.encode_to_vec().into(),
        Bytes::new(),
        Bytes::new(),
    ];
    block.metadata = Some(BlockMetadata { metadata: entries });
}

#[test]
fn a_chain_of_blocks_verifies_and_gives_the_payloads_back() {
    let network = Network::new();
    let (channel, mut orderer) = network.channel("mychannel", 1);
    let big = vec![7; 300_000];
    let payloads = [&b"first"[..], b"", &big];
    let mut previous = Vec::new();
    for number in 0..3 {
        let block = cut(&mut orderer, &payloads);
        assert_eq!(block.number, number);
        assert_eq!(
            network.service.verify_block(&channel, number, &block.bytes),
            Ok(())
        );
        let content = BlockContent::read(block.bytes.clone()).unwrap();
        assert_eq!(content.number(), number);
        assert_eq!(content.previous_hash()[..], previous);
        assert_eq!(content.header_hash(), block.header_hash);
        assert_eq!(content.channel().unwrap(), channel);
        let found: Vec<_> = content.payloads().map(Result::unwrap).collect();
        assert_eq!(found, payloads);
        previous = block.header_hash.to_vec();
    }
}

#[test]
fn blocks_match_the_schema() {
    let network = Network::new();
    let (_, mut orderer) = network.channel("mychannel", 1);
    let block = cut(&mut orderer, &[b"data"]);
    let decoded = decode(&block);
    assert_eq!(decoded.encode_to_vec(), block.bytes);
    assert_eq!(decoded.metadata.as_ref().unwrap().metadata.len(), 5);
    let header = decoded.header.unwrap();
    assert_eq!(block_header_hash(&header), block.header_hash);
    let data = decoded.data.unwrap();
    assert_eq!(block_data_hash(&data)[..], header.data_hash);
    let envelope = Envelope::decode(data.data[0].clone()).unwrap();
    let payload = Payload::decode(envelope.payload.clone()).unwrap();
    assert_eq!(&payload.data[..], b"data");
    let headers = payload.header.unwrap();
    let channel_header = ChannelHeader::decode(headers.channel_header).unwrap();
    assert_eq!(
        (channel_header.r#type, channel_header.channel_id.as_str()),
        (0, "mychannel")
    );
    assert_eq!(channel_header.tx_id.len(), 64);
    let creator = SignatureHeader::decode(headers.signature_header)
        .unwrap()
        .creator;
    let verified = network
        .service
        .verify(&creator, &envelope.signature, &envelope.payload);
    assert_eq!(verified, Ok(()));
}

#[test]
fn a_resumed_orderer_continues_the_chain() {
    let network = Network::new();
    let (channel, mut orderer) = network.channel("mychannel", 1);
    let first = cut(&mut orderer, &[b"data"]);
    let signer = network.orderer("another");
    let mut resumed = Orderer::new(channel.clone(), signer).resume(1, first.header_hash);
    assert_eq!(resumed.next_number(), 1);
    let second = cut(&mut resumed, &[b"data"]);
    assert_eq!(
        network.service.check_block(&channel, 1, &second.bytes),
        Ok(())
    );
    let content = BlockContent::read(second.bytes).unwrap();
    assert_eq!(content.previous_hash()[..], first.header_hash);
}

#[test]
fn an_empty_or_oversized_block_is_not_made() {
    let network = Network::new();
    let (_, mut orderer) = network.channel("mychannel", 1);
    assert!(matches!(orderer.cut(&[]), Err(MakeError::EmptyBlock)));
    let big = Bytes::from(vec![0; 60 * 1024 * 1024]);
    let refused = orderer.cut(&[big.clone(), big]);
    assert!(matches!(refused, Err(MakeError::BlockTooLarge { .. })));
    assert_eq!(orderer.next_number(), 0);
}

#[test]
fn garbage_and_other_encodings_are_no_blocks() {
    let network = Network::new();
    let (channel, mut orderer) = network.channel("mychannel", 1);
    let good = cut(&mut orderer, &[b"data"]).bytes.to_vec();
    let undecodable = |block: &[u8]| {
        let refused = network.service.check_block(&channel, 0, block);
        assert!(
            matches!(refused, Err(BlockError::Undecodable(_))),
            "{refused:?}"
        );
        assert_eq!(
            network.service.verify_block(&channel, 0, block),
            Err(CryptoError::BadBlock)
        );
    };
    undecodable(b"garbage");
    undecodable(&good[..good.len() - 1]);
    undecodable(&[&good[..], &[0x22, 0x00]].concat());
    undecodable(&[&good[..], &good].concat());
    let data_length = good[1] as usize + 3;
    assert_eq!(good[data_length - 1], 0x12);
    let (head, tail) = good.split_at(data_length);
    let (length, rest) = tail.split_at(2);
    undecodable(&[head, &[length[0], length[1] | 0x80, 0x00], rest].concat());
}

#[test]
fn a_block_without_header_number_or_transactions_is_refused() {
    let network = Network::new();
    let (channel, mut orderer) = network.channel("mychannel", 1);
    let block = cut(&mut orderer, &[b"data"]);
    let service = &network.service;
    let good = decode(&block);
    let headless = Block {
        header: None,
        ..good.clone()
    };
    assert_eq!(
        check(service, &channel, &headless),
        Err(BlockError::NoHeader)
    );
    let wrong = Err(BlockError::WrongNumber {
        expected: 7,
        found: 0,
    });
    assert_eq!(service.check_block(&channel, 7, &block.bytes), wrong);
    let empty = Block { data: None, ..good };
    assert_eq!(check(service, &channel, &empty), Err(BlockError::Empty));
}

#[test]
fn a_block_of_another_or_an_unknown_channel_is_refused() {
    let network = Network::new();
    let (channel, _) = network.channel("mychannel", 1);
    let (other, mut orderer) = network.channel("other", 1);
    let block = cut(&mut orderer, &[b"data"]);
    let service = &network.service;
    assert_eq!(service.check_block(&other, 0, &block.bytes), Ok(()));
    let refused = service.check_block(&channel, 0, &block.bytes);
    assert_eq!(refused, Err(BlockError::WrongChannel("mychannel".into())));
    let refused = service.check_block(&ChannelId::new("none"), 0, &block.bytes);
    assert_eq!(refused, Err(BlockError::UnknownChannel("none".into())));
}

#[test]
fn transactions_other_than_the_header_vouches_for_are_refused() {
    let network = Network::new();
    let (channel, mut orderer) = network.channel("mychannel", 1);
    let good = decode(&cut(&mut orderer, &[b"one", b"two"]));
    let service = &network.service;
    let transactions = &good.data.as_ref().unwrap().data;
    let with = |transactions: Vec<Bytes>| {
        let mut block = good.clone();
        block.data.as_mut().unwrap().data = transactions;
        block
    };
    let (one, two) = (transactions[0].clone(), transactions[1].clone());
    for altered in [
        vec![two.clone(), one.clone()],
        vec![one.clone()],
        vec![one.clone(); 3],
    ] {
        assert_eq!(
            check(service, &channel, &with(altered)),
            Err(BlockError::WrongDataHash)
        );
    }
    // The same bytes with other boundaries have the same hash.
    let joined = Bytes::from([&one[..], &two].concat());
    let moved = vec![
        one.slice(..one.len() - 1),
        Bytes::from([&one[one.len() - 1..], &two].concat()),
    ];
    for altered in [vec![joined], moved] {
        let refused = check(service, &channel, &with(altered));
        assert_eq!(refused, Err(BlockError::IllFormedTransaction(0)));
    }
}

#[test]
fn transactions_that_are_no_canonical_envelopes_are_refused_though_signed() {
    let network = Network::new();
    let (channel, mut orderer) = network.channel("mychannel", 1);
    let signer = network.orderer("signer");
    let block = decode(&cut(&mut orderer, &[b"data"]));
    let good = block.data.as_ref().unwrap().data[0].clone();
    let envelope = Envelope::decode(good.clone()).unwrap();
    let sealed = |transactions: Vec<Bytes>| {
        let mut block = block.clone();
        reseal(&mut block, transactions, &[&signer]);
        check(&network.service, &channel, &block)
    };
    assert_eq!(sealed(vec![good.clone()]), Ok(()));
    let without_signature = Envelope {
        signature: Bytes::new(),
        ..envelope.clone()
    };
    let without_payload = Envelope {
        payload: Bytes::new(),
        ..envelope.clone()
    };
    let swapped = {
        let payload = Envelope {
            signature: Bytes::new(),
            ..envelope.clone()
        }
        .encode_to_vec();
        let signature = Envelope {
            payload: Bytes::new(),
            ..envelope
        }
        .encode_to_vec();
        [signature, payload].concat()
    };
    let repeated = [&good[..], &good].concat();
    for bad in [
        b"garbage".to_vec(),
        vec![],
        without_signature.encode_to_vec(),
        without_payload.encode_to_vec(),
        swapped,
        repeated,
        good[..good.len() - 1].to_vec(),
    ] {
        let refused = sealed(vec![good.clone(), bad.into()]);
        assert_eq!(refused, Err(BlockError::IllFormedTransaction(1)));
    }
    // An unknown field, at the place where every implementation keeps it.
    let extended = Bytes::from([&good[..], &[0x1a, 0x01, 0xff]].concat());
    assert_eq!(sealed(vec![good.clone(), extended]), Ok(()));
    // The same as groups, nested as deep as Fabric's decoder follows.
    let groups = [[0x1b; 10_000], [0x1c; 10_000]].concat();
    let nested = Bytes::from([&good[..], &groups].concat());
    assert_eq!(sealed(vec![good.clone(), nested]), Ok(()));
    let bottomless = Bytes::from([&good[..], &[0x1b; 1_000_000]].concat());
    let refused = sealed(vec![good.clone(), bottomless]);
    assert_eq!(refused, Err(BlockError::IllFormedTransaction(1)));
}

#[test]
fn a_single_configuration_transaction_may_be_encoded_freely() {
    let network = Network::new();
    let (channel, mut orderer) = network.channel("mychannel", 1);
    let signer = network.orderer("signer");
    let mut block = decode(&cut(&mut orderer, &[b"data"]));
    let config = |kind| {
        let channel_header = ChannelHeader {
            r#type: kind,
            channel_id: "mychannel".into(),
            ..Default::default()
        };
        let header = Header {
            channel_header: channel_header.encode_to_vec().into(),
            signature_header: Bytes::new(),
        };
        let payload = Payload {
            header: Some(header),
            data: Bytes::from_static(b"config"),
        };
        let payload = Bytes::from(payload.encode_to_vec());
        Bytes::from(
            Envelope {
                payload,
                signature: Bytes::new(),
            }
            .encode_to_vec(),
        )
    };
    reseal(&mut block, vec![config(1)], &[&signer]);
    assert_eq!(check(&network.service, &channel, &block), Ok(()));
    let ill_formed = Err(BlockError::IllFormedTransaction(0));
    reseal(&mut block, vec![config(1), config(1)], &[&signer]);
    assert_eq!(check(&network.service, &channel, &block), ill_formed);
    reseal(&mut block, vec![config(3)], &[&signer]);
    assert_eq!(check(&network.service, &channel, &block), ill_formed);
}

#[test]
fn only_different_orderers_count_as_signers() {
    let network = Network::new();
    let (channel, orderer) = network.channel("mychannel", 2);
    let (second, third) = (network.orderer("second"), network.orderer("third"));
    let peer = network.member("peer").signing_identity().unwrap();
    let mut orderer = orderer.with_cosigner(second.clone());
    let good = cut(&mut orderer, &[b"data"]);
    let service = &network.service;
    assert_eq!(service.check_block(&channel, 0, &good.bytes), Ok(()));

    let mut block = decode(&good);
    let mut signed_by = |signers: &[&SigningIdentity]| {
        sign(&mut block, signers);
        check(service, &channel, &block)
    };
    let too_few = |found| Err(BlockError::TooFewSignatures { required: 2, found });
    assert_eq!(signed_by(&[&second, &third]), Ok(()));
    assert_eq!(signed_by(&[]), too_few(0));
    assert_eq!(signed_by(&[&second]), too_few(1));
    assert_eq!(signed_by(&[&second, &second]), too_few(1));
    assert_eq!(signed_by(&[&peer, &second]), too_few(1));
    assert_eq!(signed_by(&[&peer, &second, &third]), Ok(()));
}

#[test]
fn a_signature_over_another_header_does_not_count() {
    let network = Network::new();
    let (channel, mut orderer) = network.channel("mychannel", 1);
    let first = decode(&cut(&mut orderer, &[b"data"]));
    let mut second = decode(&cut(&mut orderer, &[b"data"]));
    second.metadata = first.metadata;
    let refused = check(&network.service, &channel, &second);
    assert_eq!(
        refused,
        Err(BlockError::TooFewSignatures {
            required: 1,
            found: 0
        })
    );
}

#[test]
fn a_pinned_certificate_signs_alone_and_definitions_are_replaced_at_run_time() {
    let network = Network::new();
    let channel = ChannelId::new("mychannel");
    let (pinned, other) = (network.orderer("pinned"), network.orderer("other"));
    let defined = || ChannelDefinition::new(channel.clone()).with_member("Org1MSP", []);
    let by_certificate = defined().with_orderer_certificate(pinned.bytes());
    network
        .service
        .set_channel(&by_certificate.unwrap())
        .unwrap();
    let by_pinned = cut(&mut Orderer::new(channel.clone(), pinned), &[b"data"]);
    let by_other = cut(&mut Orderer::new(channel.clone(), other), &[b"data"]);
    let check = |block: &CutBlock| network.service.check_block(&channel, 0, &block.bytes);
    let refused = Err(BlockError::TooFewSignatures {
        required: 1,
        found: 0,
    });
    assert_eq!(check(&by_pinned), Ok(()));
    assert_eq!(check(&by_other), refused);
    let by_organisation = defined().with_orderer_organisation("OrdererMSP");
    network.service.set_channel(&by_organisation).unwrap();
    assert_eq!(check(&by_other), Ok(()));
    let both = by_organisation.with_required_signatures(2);
    network.service.set_channel(&both).unwrap();
    assert_eq!(
        check(&by_other),
        Err(BlockError::TooFewSignatures {
            required: 2,
            found: 1
        })
    );
}

#[test]
fn blocks_outlive_their_signers_certificates_but_not_their_revocation() {
    let network = Network::new();
    let channel = ChannelId::new("mychannel");
    network.channel("mychannel", 1);
    let past = Validity {
        not_before: hour_ago() - DAY,
        not_after: hour_ago(),
    };
    let credentials = network
        .orderers
        .issue_orderer("old", KeyKind::Ed25519, past)
        .unwrap();
    let signer = credentials.signing_identity().unwrap();
    let block = cut(
        &mut Orderer::new(channel.clone(), signer.into()),
        &[b"data"],
    );
    let service = &network.service;
    assert_eq!(service.check_block(&channel, 0, &block.bytes), Ok(()));
    let list = network.orderers.revocation_list([&credentials]).unwrap();
    service.set_revocation_lists("OrdererMSP", &list).unwrap();
    let refused = Err(BlockError::TooFewSignatures {
        required: 1,
        found: 0,
    });
    assert_eq!(service.check_block(&channel, 0, &block.bytes), refused);
}

#[test]
fn reading_a_block_made_by_the_reference_implementation() {
    let vectors = include_str!("../../gossip-proto/testdata/gossip-messages.json");
    let vectors: serde_json::Value = serde_json::from_str(vectors).unwrap();
    let messages = vectors["messages"].as_array().unwrap();
    let block = messages
        .iter()
        .find(|message| message["name"] == "block")
        .unwrap();
    let block = Bytes::from(hex::decode(block["hex"].as_str().unwrap()).unwrap());
    let content = BlockContent::read(block).unwrap();
    assert_eq!(content.number(), 7);
    assert_eq!(content.transactions().map(Result::unwrap).count(), 2);
}
