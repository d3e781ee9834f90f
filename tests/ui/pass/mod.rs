//! What must compile, and without a word: each file is a program as users write them.
#![deny(warnings, clippy::pedantic)]
#![allow(dead_code, unreachable_pub, clippy::wildcard_imports, reason = "they are programs of a few lines")]

mod by_path;
mod called_directly;
mod deciding;
mod deprecated;
mod elsewhere;
mod empty;
mod extra_attributes;
mod extractors;
mod host;
mod in_a_function;
mod instrumented;
mod literals;
mod made_by_a_macro;
mod names_of_ours;
mod one_branch;
mod only_received;
mod other_items;
mod patterns;
mod payload_types;
mod raw_identifiers;
mod re_exported;
mod remote;
mod remote_in_a_state;
mod routes;
mod several_services;
mod shadowed;
mod under_cfg;
mod visibility;
