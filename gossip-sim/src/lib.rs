//! gossip-sim
