//! Between validated messages and the schema's.

mod from_wire;
mod to_wire;
