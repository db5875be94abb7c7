//! Whether the same, or the next mirror, may do better after an error.

use std::time::Duration;

use super::Error;
use crate::Step;

impl Error {
    /// Whether the same may go well a little later.
    pub(crate) fn is_passing(&self) -> bool {
        match self {
            Self::Hop { hop, .. } => hop.step != Step::Secure,
            Self::Status { status, .. } => matches!(status, 408 | 429 | 500 | 502 | 503 | 504),
            Self::Cut { .. } => true,
            _ => false,
        }
    }

    /// Whether it has to do with one server, so that another may do better.
    pub(crate) fn is_of_server(&self) -> bool {
        !matches!(
            self,
            Self::Setting { .. }
                | Self::Io { .. }
                | Self::Library(_)
                | Self::Room { .. }
                | Self::Stopped
        )
    }

    /// How long the server asks us to wait.
    pub(crate) fn wait(&self) -> Option<Duration> {
        match self {
            Self::Status { wait, .. } => *wait,
            _ => None,
        }
    }
}
