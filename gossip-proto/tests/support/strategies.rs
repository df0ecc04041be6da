//! Strategies of proptest for all legal contents.
#![allow(unreachable_pub, reason = "shared by a test's modules")]

use bytes::Bytes;
use gossip_proto::{
    Alive, Application, Branch, Chaincode, ConnEstablish, Content, DataUpdate, Hello, Leadership,
    Limits, MembershipRequest, MembershipResponse, Payload, PeerIdentity, PeerTime, PrivateData,
    PrivateDigest, PrivateElement, Properties, PullIds, PullKind, Pulse, RawEnvelope, StateInfo,
    StateInfoPull, StateRequest, Tree,
};
use proptest::{collection::vec, option, prelude::*};

use crate::support::{field, vector};

pub fn contents() -> impl Strategy<Value = Content> {
    prop_oneof![membership(), pulls(), blocks(), channels(), private()]
}

fn identities() -> impl Strategy<Value = PeerIdentity> {
    (ids(), bytes(1..99), bytes(0..9)).prop_map(|(pki_id, cert, metadata)| PeerIdentity {
        pki_id,
        cert,
        metadata,
    })
}

fn bytes(sizes: std::ops::Range<usize>) -> impl Strategy<Value = Bytes> {
    vec(any::<u8>(), sizes).prop_map(Bytes::from)
}

fn ids() -> impl Strategy<Value = Bytes> {
    bytes(1..65)
}

fn times() -> impl Strategy<Value = PeerTime> {
    any::<(u64, u64)>().prop_map(|(incarnation, sequence)| PeerTime {
        incarnation,
        sequence,
    })
}

fn envelopes() -> impl Strategy<Value = RawEnvelope> {
    let parts = (
        bytes(0..30),
        bytes(0..30),
        option::of((bytes(0..30), bytes(0..30))),
    );
    parts.prop_map(|(payload, signature, secret)| {
        let mut encoded = [field(1, &payload), field(2, &signature), field(77, b"new")].concat();
        if let Some((payload, signature)) = secret {
            let secret = [field(1, &payload), field(2, &signature)].concat();
            encoded.extend_from_slice(&field(3, &secret));
        }
        RawEnvelope::parse(encoded.into(), &Limits::default()).unwrap()
    })
}

fn pulses() -> impl Strategy<Value = Pulse> {
    (ids(), any::<u64>(), any::<[u8; 32]>()).prop_map(|(pki_id, sequence, proof)| Pulse {
        pki_id,
        sequence,
        proof,
    })
}

#[allow(clippy::too_many_lines, reason = "a table: one strategy for each kind")]
fn membership() -> impl Strategy<Value = Content> {
    let alive = (
        ids(),
        ".{0,20}",
        bytes(0..20),
        times(),
        option::of(bytes(1..20)),
        any::<Option<[u8; 32]>>(),
        any::<bool>(),
    )
        .prop_map(
            |(pki_id, endpoint, metadata, time, identity, pulse_anchor, leaving)| {
                Content::Alive(Alive {
                    pki_id,
                    endpoint,
                    metadata,
                    time,
                    identity,
                    pulse_anchor,
                    leaving,
                })
            },
        );
    let request = (
        envelopes(),
        any::<bool>(),
        bytes(0..40),
        option::of(pulses()),
    );
    let request = request.prop_map(|(self_information, want_identities, held, pulse)| {
        Content::MembershipRequest(MembershipRequest {
            self_information,
            want_identities,
            held,
            pulse,
        })
    });
    let lists = (
        vec(envelopes(), 0..4),
        vec(envelopes(), 0..4),
        vec(identities(), 0..4),
        vec(pulses(), 0..4),
    );
    let response = lists.prop_map(|(alive, dead, identities, pulses)| {
        Content::MembershipResponse(MembershipResponse {
            alive,
            dead,
            identities,
            pulses,
        })
    });
    let conn = (
        ids(),
        bytes(1..99),
        bytes(0..65),
        any::<(bool, u64, u64)>(),
        bytes(0..65),
    );
    let conn = conn.prop_map(|(pki_id, identity, binding, numbers, network_id)| {
        let (probe, capabilities, incarnation) = numbers;
        Content::Conn(ConnEstablish {
            pki_id,
            identity,
            binding,
            probe,
            capabilities,
            network_id,
            incarnation,
        })
    });
    let beats = vec(pulses(), 0..4).prop_map(Content::Pulses);
    let branch = prop_oneof![
        Just(None),
        Just(Some(Branch::Graft)),
        Just(Some(Branch::Prune))
    ];
    let numbers = any::<[u64; 4]>();
    let tree = (numbers, branch).prop_map(|([ledger_height, tell_at, limit, offer], branch)| {
        Content::Tree(Tree {
            ledger_height,
            branch,
            tell_at: tell_at.try_into().ok(),
            limit: limit.try_into().ok(),
            offer: offer.try_into().ok(),
        })
    });
    let application = (".{0,30}", bytes(0..100))
        .prop_map(|(topic, data)| Content::Application(Application { topic, data }));
    let identity = identities().prop_map(Content::PeerIdentity);
    let ack = ".{0,30}".prop_map(Content::Ack);
    prop_oneof![
        alive,
        request,
        response,
        conn,
        identity,
        application,
        ack,
        beats,
        tree,
        Just(Content::Empty)
    ]
}

fn pulls() -> impl Strategy<Value = Content> {
    let kinds = || prop_oneof![Just(PullKind::Block), Just(PullKind::Identity)];
    let list =
        || {
            (any::<u64>(), vec(bytes(0..65), 0..5), kinds())
                .prop_map(|(nonce, ids, kind)| PullIds { nonce, ids, kind })
        };
    let hello = (any::<u64>(), bytes(0..9), kinds()).prop_map(|(nonce, metadata, kind)| {
        Content::Hello(Hello {
            nonce,
            metadata,
            kind,
        })
    });
    let update = (any::<u64>(), vec(envelopes(), 0..4), kinds())
        .prop_map(|(nonce, data, kind)| Content::DataUpdate(DataUpdate { nonce, data, kind }));
    prop_oneof![
        hello,
        list().prop_map(Content::Digest),
        list().prop_map(Content::DataRequest),
        update
    ]
}

fn blocks() -> impl Strategy<Value = Content> {
    let block = || {
        (any::<u64>(), bytes(0..200), vec(bytes(0..9), 0..4)).prop_map(
            |(seq_num, data, private_data)| Payload {
                seq_num,
                data,
                private_data,
            },
        )
    };
    let request = any::<(u64, u64)>()
        .prop_map(|(start, end)| Content::StateRequest(StateRequest { start, end }));
    prop_oneof![
        block().prop_map(Content::Data),
        vec(block(), 0..5).prop_map(Content::StateResponse),
        request
    ]
}

fn channels() -> impl Strategy<Value = Content> {
    let chaincode =
        (".{0,9}", ".{0,9}", bytes(0..9)).prop_map(|(name, version, metadata)| Chaincode {
            name,
            version,
            metadata,
        });
    let properties = (any::<(u64, bool)>(), vec(chaincode, 0..4)).prop_map(
        |((ledger_height, left_channel), chaincodes)| Properties {
            ledger_height,
            left_channel,
            chaincodes,
        },
    );
    let info = (ids(), times(), bytes(0..65), option::of(properties)).prop_map(
        |(pki_id, time, channel_mac, properties)| {
            Content::StateInfo(StateInfo {
                pki_id,
                time,
                channel_mac,
                properties,
            })
        },
    );
    let leadership = (ids(), times(), any::<bool>()).prop_map(|(pki_id, time, is_declaration)| {
        Content::Leadership(Leadership {
            pki_id,
            time,
            is_declaration,
        })
    });
    prop_oneof![
        info,
        leadership,
        vec(envelopes(), 0..4).prop_map(Content::StateSnapshot),
        (bytes(0..65), bytes(0..40)).prop_map(|(channel_mac, held)| {
            Content::StateInfoPull(StateInfoPull { channel_mac, held })
        })
    ]
}

fn private() -> impl Strategy<Value = Content> {
    let digest = || {
        (".{0,9}", ".{0,9}", ".{0,9}", any::<(u64, u64)>()).prop_map(
            |(tx_id, namespace, collection, (block_seq, seq_in_block))| PrivateDigest {
                tx_id,
                namespace,
                collection,
                block_seq,
                seq_in_block,
            },
        )
    };
    let element = (digest(), vec(bytes(0..9), 0..4))
        .prop_map(|(digest, payload)| PrivateElement { digest, payload });
    let configs = prop_oneof![Just(Bytes::new()), Just(vector("collection_configs"))];
    let data = (digest(), bytes(1..99), any::<u64>(), configs).prop_map(
        |(digest, rwset, sim_height, collection_configs)| {
            Content::PrivateData(PrivateData {
                collection: digest.collection,
                namespace: digest.namespace,
                tx_id: digest.tx_id,
                rwset,
                sim_height,
                collection_configs,
            })
        },
    );
    prop_oneof![
        vec(digest(), 0..4).prop_map(Content::PrivateRequest),
        vec(element, 0..4).prop_map(Content::PrivateResponse),
        data
    ]
}
