//! How the hub is reached: addresses, token, proxies, patience.

use std::{
    num::{NonZeroU64, NonZeroUsize},
    path::PathBuf,
    time::Duration,
};

use crate::{Endpoint, Error, Proxies, Token};

/// What a user chooses; the environment says the rest.
#[derive(Clone, Debug)]
pub struct Settings {
    /// The hub and its mirrors, in the order in which they are asked; one at least.
    pub endpoints: Vec<Endpoint>,
    /// Who we are, for gated repositories.
    pub token: Option<Token>,
    /// What stands between us and the hub.
    pub proxies: Proxies,
    /// Certificates to trust besides the system's.
    pub ca_file: Option<PathBuf>,
    /// Bytes a second, of all connections together.
    pub limit_rate: Option<NonZeroU64>,
    /// Connections at a time.
    pub connections: NonZeroUsize,
    /// Bytes that are asked for at once: also the first ones of weights of which only the header is
    /// wanted.
    pub part: NonZeroU64,
    /// Bytes after which it is noted that they came: what a kill can lose, for each connection, beside
    /// what comes while the disk is waited for, 64 times as much at most. Whoever stops or gives up
    /// loses none.
    pub step: NonZeroU64,
    /// Bytes of the headers of a model, all together: they are fetched before anybody said that the
    /// model is wanted, and more than that are refused.
    pub headers: u64,
    /// How long it is tried.
    pub patience: Patience,
}

/// How long it is tried.
#[derive(Clone, Copy, Debug)]
pub struct Patience {
    /// For a connection.
    pub connect: Duration,
    /// For the next byte.
    pub silence: Duration,
    /// How often all mirrors are asked.
    pub rounds: usize,
    /// Between the first two rounds; then twice as long each time.
    pub pause: Duration,
    /// The longest pause, and the longest that a server may ask for.
    pub longest_pause: Duration,
}

impl Settings {
    /// As the environment says: `HF_ENDPOINT`, `HF_TOKEN` and what `token` and `proxy` read.
    ///
    /// # Errors
    ///
    /// If a variable says what cannot be.
    pub fn find(variable: &dyn Fn(&str) -> Option<String>) -> Result<Self, Error> {
        const NAME: &str = "HF_ENDPOINT";
        let endpoints = match variable(NAME).filter(|it| !it.trim().is_empty()) {
            Some(text) => Endpoint::list(NAME, &text)?,
            None => vec![Endpoint::usual()],
        };
        Ok(Self {
            endpoints,
            token: Token::find(variable)?,
            proxies: Proxies::find(variable),
            ca_file: None,
            limit_rate: None,
            connections: const { NonZeroUsize::new(4).expect("it is not 0") },
            part: const { NonZeroU64::new(16 << 20).expect("it is not 0") },
            step: const { NonZeroU64::new(1 << 20).expect("it is not 0") },
            headers: 1 << 30,
            patience: Patience::default(),
        })
    }
}

impl Default for Patience {
    fn default() -> Self {
        Self {
            connect: Duration::from_secs(15),
            silence: Duration::from_secs(30),
            rounds: 6,
            pause: Duration::from_secs(1),
            longest_pause: Duration::from_secs(60),
        }
    }
}
