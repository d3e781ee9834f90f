//! The patterns of global transactions, one file each: what a user calls, its outcomes, what goes over the wire.

pub mod msg;
