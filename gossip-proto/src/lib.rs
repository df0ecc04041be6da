//! gossip-proto
