//! gossip-msp
