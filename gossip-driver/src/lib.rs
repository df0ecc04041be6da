//! gossip-driver
