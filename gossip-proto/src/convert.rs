//! Conversions between validated messages and the schema's types.

mod from_wire;
mod to_wire;
