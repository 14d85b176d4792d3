//! `peers.toml`, which says what each field means.

use std::sync::LazyLock;

use serde::Deserialize;

/// Another allocator.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Peer {
    pub(super) name: String,
    pub(super) label: String,
    pub(super) version: String,
    pub(super) checks: String,
    pub(super) short: String,
    pub(super) lock: String,
    pub(super) small: (u64, u64),
    pub(super) fast: (u64, u64),
    pub(super) worst: (u64, u64),
    pub(super) code: (u64, u64),
    pub(super) code_fast: Option<(u64, u64)>,
    pub(super) ram: String,
    pub(super) ram_of_block: String,
}

#[derive(Deserialize)]
struct File {
    peer: Vec<Peer>,
}

pub(super) static PEERS: LazyLock<Vec<Peer>> =
    LazyLock::new(|| toml::from_str::<File>(include_str!("peers.toml")).expect("peers.toml").peer);
