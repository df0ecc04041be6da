//! The cases of each command.

use crate::case::Case;
use crate::cli::{Command, Options, PeerChoice};
use crate::{growth, w1, w2, w3, w4, w6, w7};

const SIZES: [usize; 3] = [1 << 10, 64 << 10, 1 << 20];

/// The cases of `command` that `options` select, in the order of measurement: all implementations
/// of one piece of work follow each other.
pub(crate) fn cases(command: Command, options: &Options, quick: bool) -> Vec<Case> {
    let all = match command {
        Command::W1 => dissemination(options, quick),
        Command::W2 => cold_start(options, quick),
        Command::W3 => core(quick),
        Command::W4 => footprint(options, quick),
        Command::W6 => transport(options, quick),
        Command::W7 => stack(options, quick),
        Command::Growth => growth(options, quick),
    };
    let wanted = |case: &Case| {
        let label = case.to_string();
        let label = label.split_once(' ').map_or("", |(_, rest)| rest);
        options
            .part
            .as_ref()
            .is_none_or(|part| label.starts_with(part.as_str()))
    };
    all.into_iter().filter(wanted).collect()
}

fn pick(all: &[usize], only: Option<usize>) -> Vec<usize> {
    only.map_or_else(|| all.to_vec(), |only| vec![only])
}

fn dissemination(options: &Options, quick: bool) -> Vec<Case> {
    let mut cases = Vec::new();
    let nodes = pick(if quick { &[8] } else { &[8, 16, 32] }, options.nodes);
    let sizes = pick(&SIZES, options.size);
    let peers = [
        (PeerChoice::Floor, w1::Peer::Floor, true),
        (PeerChoice::Ours, w1::Peer::Ours, true),
        (
            PeerChoice::Gossipsub,
            w1::Peer::Gossipsub,
            cfg!(feature = "gossipsub"),
        ),
    ];
    let modes: &[w1::Mode] = match quick {
        true => &[w1::Mode::Closed],
        false => &[w1::Mode::Closed, w1::Mode::Paced, w1::Mode::Burst],
    };
    for mode in modes {
        for nodes in &nodes {
            for size in &sizes {
                if *mode == w1::Mode::Burst && *size != SIZES[0] {
                    continue;
                }
                for (choice, peer, built_in) in peers {
                    let all = options.peer == PeerChoice::All && built_in;
                    if all || options.peer == choice {
                        let (mode, nodes, size) = (*mode, *nodes, *size);
                        cases.push(Case::W1(w1::Case {
                            peer,
                            mode,
                            nodes,
                            size,
                        }));
                    }
                }
            }
        }
    }
    cases
}

fn cold_start(options: &Options, quick: bool) -> Vec<Case> {
    let mut cases = Vec::new();
    let sizes: &[usize] = if quick { &[64] } else { &[64, 256, 1_000] };
    for nodes in pick(sizes, options.nodes) {
        for (choice, peer, built_in) in [
            (PeerChoice::Ours, w2::Peer::Ours, true),
            (PeerChoice::Foca, w2::Peer::Foca, cfg!(feature = "foca")),
        ] {
            let all = options.peer == PeerChoice::All && built_in;
            if all || options.peer == choice {
                cases.push(Case::W2(w2::Case {
                    peer,
                    nodes,
                    seed: 1,
                }));
            }
        }
    }
    cases
}

fn core(quick: bool) -> Vec<Case> {
    let small = |(_, amount): &(w3::Kind, usize)| !quick || *amount < 10_000 || *amount == SIZES[1];
    w3::CASES
        .into_iter()
        .filter(small)
        .map(|(kind, amount)| Case::W3(w3::Case::new(kind, amount)))
        .collect()
}

fn footprint(options: &Options, quick: bool) -> Vec<Case> {
    let nodes = pick(if quick { &[] } else { &[8, 32] }, options.nodes);
    let meshed = nodes
        .into_iter()
        .map(|nodes| Case::W4(w4::Case::Nodes { nodes }));
    meshed
        .chain([Case::W4(w4::Case::Members { members: 10_000 })])
        .collect()
}

fn transport(options: &Options, quick: bool) -> Vec<Case> {
    let sizes = if quick { &SIZES[1..2] } else { &SIZES[..] };
    let mut cases = Vec::new();
    for size in pick(sizes, options.size) {
        cases.push(Case::W6(w6::Case::Aead {
            size: size.min(64 << 10),
        }));
        cases.push(Case::W6(w6::Case::Throughput { size }));
    }
    cases.push(Case::W6(w6::Case::Tcp));
    cases.push(Case::W6(w6::Case::Control));
    cases
}

fn stack(options: &Options, quick: bool) -> Vec<Case> {
    let mut cases = Vec::new();
    let mesh = if quick {
        &[16][..]
    } else {
        &[8, 16, 32, 64, 128]
    };
    for nodes in pick(mesh, options.nodes) {
        cases.push(Case::W7(w7::Case::Mesh { nodes }));
    }
    for nodes in pick(if quick { &[] } else { &[16, 32, 64] }, options.nodes) {
        for channel in [false, true] {
            cases.push(Case::W7(w7::Case::Idle { nodes, channel }));
        }
    }
    for nodes in pick(if quick { &[8] } else { &[8, 16, 32] }, options.nodes) {
        for size in pick(if quick { &SIZES[..1] } else { &SIZES }, options.size) {
            cases.push(Case::W7(w7::Case::Flood { nodes, size }));
        }
    }
    cases
}

fn growth(options: &Options, quick: bool) -> Vec<Case> {
    let peers: Vec<w1::Peer> = [
        (PeerChoice::Floor, w1::Peer::Floor),
        (PeerChoice::Ours, w1::Peer::Ours),
    ]
    .into_iter()
    .filter(|(choice, _)| [PeerChoice::All, *choice].contains(&options.peer))
    .map(|(_, peer)| peer)
    .collect();
    let mut cases = Vec::new();
    for peer in peers.clone() {
        let nodes: &[usize] = if quick { &[8] } else { &[8, 16, 32, 64, 128] };
        for nodes in pick(nodes, options.nodes) {
            cases.push(growth::Case::Sockets { peer, nodes });
        }
    }
    if peers.contains(&w1::Peer::Ours) {
        let one: &[usize] = if quick { &[64] } else { &[64, 256, 1_000] };
        for peers in pick(one, options.nodes) {
            cases.push(growth::Case::Simulator { orgs: 1, peers });
        }
        let many: &[usize] = if quick {
            &[128]
        } else {
            &[128, 256, 1_024, 4_096]
        };
        for nodes in pick(many, options.nodes) {
            let orgs = nodes / growth::ORG;
            if orgs > 1 {
                let peers = growth::ORG;
                cases.push(growth::Case::Simulator { orgs, peers });
            }
        }
    }
    for peer in peers {
        let sizes: &[usize] = if quick { &SIZES[..2] } else { &growth::SIZES };
        for size in pick(sizes, options.size) {
            cases.push(growth::Case::Payload { peer, size });
        }
    }
    cases.into_iter().map(Case::Growth).collect()
}
