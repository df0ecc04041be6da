//! transport-mem
