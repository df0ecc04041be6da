//! The unsigned part of a block cannot be altered or padded beyond its bounds.
#![allow(clippy::unwrap_used, reason = "helpers of tests")]

mod common;

use bytes::Bytes;
use common::{Network, check, cut, decode};
use gossip_driver::core::proto::common::{
    Block, BlockMetadata, Metadata, MetadataSignature, SignatureHeader,
};
use gossip_msp::{BlockError, MAX_BLOCK_BYTES, MakeError};
use prost::Message;

#[test]
fn every_flipped_bit_is_noticed() {
    let network = Network::new();
    let (channel, mut orderer) = network.channel("mychannel", 1);
    let good = cut(&mut orderer, &[b"data"]).bytes;
    for at in 0..good.len() {
        // In the unsigned tail, four empty metadata entries, an altered length may be valid too.
        let bits = if at < good.len() - 8 { 8 } else { 1 };
        for bit in 0..bits {
            let mut altered = good.to_vec();
            altered[at] ^= 1 << bit;
            let checked = network.service.check_block(&channel, 0, &altered);
            assert!(checked.is_err(), "bit {bit} of byte {at}");
        }
    }
}

#[test]
fn missing_or_empty_metadata_is_refused() {
    let network = Network::new();
    let (channel, mut orderer) = network.channel("mychannel", 1);
    let good = decode(&cut(&mut orderer, &[b"data"]));
    let with = |metadata| Block {
        metadata,
        ..good.clone()
    };
    let service = &network.service;
    assert_eq!(
        check(service, &channel, &with(None)),
        Err(BlockError::NoMetadata)
    );
    let none = with(Some(BlockMetadata { metadata: vec![] }));
    assert_eq!(check(service, &channel, &none), Err(BlockError::NoMetadata));
    let blank = with(Some(BlockMetadata {
        metadata: vec![Bytes::new()],
    }));
    let unsigned = Err(BlockError::TooFewSignatures {
        required: 1,
        found: 0,
    });
    assert_eq!(check(service, &channel, &blank), unsigned);
    let bad = with(Some(BlockMetadata {
        metadata: vec![Bytes::from_static(b"garbage")],
    }));
    assert!(matches!(
        check(service, &channel, &bad),
        Err(BlockError::Undecodable(_))
    ));
}

#[test]
fn a_relay_cannot_pad_the_metadata_beyond_what_orderers_write() {
    let network = Network::new();
    let (channel, mut orderer) = network.channel("mychannel", 1);
    let good = decode(&cut(&mut orderer, &[b"one", b"two"]));
    let with = |alter: &dyn Fn(&mut Vec<Bytes>)| {
        let mut block = good.clone();
        alter(&mut block.metadata.as_mut().unwrap().metadata);
        check(&network.service, &channel, &block)
    };
    let padding = |length: usize| Bytes::from(vec![7; length]);
    for (index, max) in [(1, 4096), (2, 2), (3, 4096), (4, 128)] {
        assert_eq!(with(&|entries| entries[index] = padding(max)), Ok(()));
        let too_long = Err(BlockError::MetadataTooLong { index, max });
        let padded = with(&|entries| entries[index] = padding(max + 1));
        assert_eq!(padded, too_long);
    }
    assert_eq!(
        with(&|entries| entries.push(Bytes::new())),
        Err(BlockError::TooManyMetadataEntries { max: 5 })
    );
    assert_eq!(with(&|entries| entries.truncate(1)), Ok(()));
}

#[test]
fn a_relay_cannot_pad_the_signatures() {
    let network = Network::new();
    let (channel, mut orderer) = network.channel("mychannel", 1);
    let good = decode(&cut(&mut orderer, &[b"data"]));
    let with = |entry: Vec<u8>| {
        let mut block = good.clone();
        block.metadata.as_mut().unwrap().metadata[0] = entry.into();
        check(&network.service, &channel, &block)
    };
    let entry = &good.metadata.as_ref().unwrap().metadata[0][..];
    let signed = Metadata::decode(entry).unwrap();
    assert_eq!(with(entry.to_vec()), Ok(()));
    let undecodable = Err(BlockError::Undecodable("its signatures"));
    for extra in [&[0x1a, 0x01, 0x07][..], &[0x18, 0x01], &[0x0a, 0x01, 0x07]] {
        assert_eq!(with([entry, extra].concat()), undecodable);
        assert_eq!(with([extra, entry].concat()), undecodable);
    }
    let first = signed.signatures[0].clone();
    let resigned = |alter: &dyn Fn(&mut Metadata)| {
        let mut signed = signed.clone();
        alter(&mut signed);
        with(signed.encode_to_vec())
    };
    let identified = Bytes::from_static(b"an identifier");
    let refused = resigned(&|signed| signed.signatures[0].identifier_header = identified.clone());
    assert_eq!(refused, undecodable);
    let full = resigned(&|signed| signed.signatures = vec![first.clone(); 128]);
    assert_eq!(full, Ok(()));
    let too_many = resigned(&|signed| signed.signatures = vec![first.clone(); 129]);
    assert_eq!(too_many, Err(BlockError::SignaturesTooLong));
    let too_long = resigned(&|signed| {
        signed.signatures.push(MetadataSignature {
            signature: Bytes::from(vec![7; 9000]),
            ..first.clone()
        });
    });
    assert_eq!(too_long, Err(BlockError::SignaturesTooLong));
}

#[test]
fn the_boundary_of_the_signed_value_cannot_be_moved() {
    let network = Network::new();
    let (channel, mut orderer) = network.channel("mychannel", 1);
    let mut block = decode(&cut(&mut orderer, &[b"data"]));
    let entry = &mut block.metadata.as_mut().unwrap().metadata[0];
    let mut signed = Metadata::decode(entry.clone()).unwrap();
    let header = &signed.signatures[0].signature_header;
    // The same signed bytes with another split: an empty creator before the true one.
    let moved = [&signed.value[..], header].concat();
    assert!(SignatureHeader::decode(&moved[..]).is_ok());
    signed.signatures[0].signature_header = moved.into();
    signed.value = Bytes::new();
    *entry = signed.encode_to_vec().into();
    assert_eq!(
        check(&network.service, &channel, &block),
        Err(BlockError::Undecodable("its signatures"))
    );
}

#[test]
fn a_block_that_no_message_holds_is_refused() {
    let network = Network::new();
    let (channel, _) = network.channel("mychannel", 1);
    let block = vec![0; MAX_BLOCK_BYTES + 1];
    let refused = network.service.check_block(&channel, 0, &block);
    assert_eq!(refused, Err(BlockError::TooLarge { size: block.len() }));
}

#[test]
fn signatures_that_verifiers_refuse_are_not_made() {
    let network = Network::new();
    let (_, mut orderer) = network.channel("mychannel", 1);
    let signer = network.orderer("again");
    let transaction = orderer.transaction(b"data").unwrap();
    for _ in 0..128 {
        orderer = orderer.with_cosigner(signer.clone());
    }
    let refused = orderer.cut(&[transaction]);
    assert!(matches!(refused, Err(MakeError::SignaturesTooLong)));
    assert_eq!(orderer.next_number(), 0);
}
