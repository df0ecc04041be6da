//! gossip-ledger
