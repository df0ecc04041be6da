//! gossip-core
