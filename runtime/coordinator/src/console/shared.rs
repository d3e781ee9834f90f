//! What all pages share.

use std::sync::Arc;

use branchwire_protocol::Gid;
use sha2::{Digest, Sha256};
use tokio::sync::Semaphore;

use super::audit::Audit;
use super::options::Console;
use super::samples::Samples;
use crate::api::ApiTokens;
use crate::engine::Time;
use crate::runner::Core;

/// How many pages may follow at once what happens.
const STREAMS_MAX: usize = 64;

/// What all pages share.
pub(super) struct Shared {
    pub(super) core: Arc<Core>,
    /// Whoever has one of these may act.
    pub(super) act: Option<ApiTokens>,
    pub(super) options: Console,
    /// Against requests of other sites, where nobody has to log in.
    pub(super) secret: [u8; 32],
    pub(super) audit: Audit,
    pub(super) samples: Samples,
    pub(super) streams: Arc<Semaphore>,
    pub(super) started: Time,
}

impl Shared {
    pub(super) fn new(core: Arc<Core>, act: Option<ApiTokens>, options: Console) -> Self {
        let random: String = (0..3).map(|_| String::from(Gid::random())).collect();
        Self {
            act,
            options,
            secret: Sha256::digest(random).into(),
            audit: Audit::default(),
            samples: Samples::default(),
            streams: Arc::new(Semaphore::new(STREAMS_MAX)),
            started: core.clock.now(),
            core,
        }
    }

    /// Whether somebody has to log in.
    pub(super) fn has_tokens(&self) -> bool {
        self.act.is_some() || self.options.look.is_some()
    }

    pub(super) fn now(&self) -> i64 {
        self.core.clock.now().as_millis()
    }
}
