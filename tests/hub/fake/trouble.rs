//! What can happen to an answer on its way.

use std::{
    collections::VecDeque,
    convert::Infallible,
    fmt,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
    time::Duration,
};

use axum::{
    body::{Bytes, HttpBody},
    response::Response,
};
use http_body::Frame;
use tokio::time::{Sleep, sleep};

use super::answer::Answer;

/// One of these.
#[derive(Clone, Debug)]
pub(crate) enum Trouble {
    /// The server says no.
    Status(u16),
    /// The server says no, and for how many seconds.
    Wait(u16, u64),
    /// Nothing comes for a while.
    Silent(Duration),
    /// Half of it comes, then nothing for a while.
    Stall(Duration),
    /// So many bytes come, then the connection ends.
    Cut(usize),
    /// The announced length is shorter, and so is what comes.
    Short(usize),
    /// So many bytes come, no length was announced, and that was all.
    Unannounced(usize),
    /// One byte is another.
    Wrong,
    /// `Range` is not looked at.
    NoRange,
    /// A header says something else.
    Header(&'static str, String),
    /// The body is something else.
    Body(String),
    /// The same, of a file.
    Instead(Bytes),
    /// Elsewhere.
    Redirect(String),
    /// It is as usual, and something else happens first.
    Meanwhile(Event),
}

/// What happens while somebody waits for an answer.
#[derive(Clone)]
pub(crate) struct Event(Arc<dyn Fn() + Send + Sync>);

impl Event {
    pub(crate) fn new(happens: impl Fn() + Send + Sync + 'static) -> Self {
        Self(Arc::new(happens))
    }
}

impl fmt::Debug for Event {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an event")
    }
}

impl Trouble {
    /// What becomes of the answer.
    pub(crate) fn upon(self, mut usual: Answer) -> Response {
        match self {
            Self::Status(status) => Answer::new(status, "no").respond(),
            Self::Wait(status, seconds) => {
                Answer::new(status, "").with("retry-after", &seconds.to_string()).respond()
            }
            Self::Silent(_) => usual.respond(),
            Self::Stall(time) => {
                let pieces = Pieces::halves(usual.bytes.clone(), time);
                usual.respond_in(pieces)
            }
            Self::Cut(n) => {
                let pieces = Pieces::whole(usual.bytes.slice(..n.min(usual.bytes.len())));
                usual.respond_in(pieces)
            }
            Self::Short(n) => {
                usual.bytes.truncate(n);
                usual.respond()
            }
            Self::Unannounced(n) => {
                usual.bytes.truncate(n);
                usual.respond_unannounced()
            }
            Self::Wrong => {
                let mut bytes = usual.bytes.to_vec();
                if let Some(byte) = bytes.last_mut() {
                    *byte ^= 1;
                }
                Answer { bytes: bytes.into(), ..usual }.respond()
            }
            Self::NoRange => {
                usual.headers.remove("content-range");
                Answer { status: 200, ..usual }.respond()
            }
            Self::Header(name, value) => usual.with(name, &value).respond(),
            Self::Body(text) => Answer { bytes: text.into(), ..usual }.respond(),
            Self::Instead(bytes) => Answer { bytes, ..usual }.respond(),
            Self::Redirect(to) => Answer::new(302, "").with("location", &to).respond(),
            Self::Meanwhile(Event(happens)) => {
                happens();
                usual.respond()
            }
        }
    }
}

/// A body that comes in pieces, with a pause before each but the first, and may end early.
pub(crate) struct Pieces {
    left: VecDeque<Bytes>,
    pause: Duration,
    sleeping: Option<Pin<Box<Sleep>>>,
}

impl Pieces {
    pub(crate) fn whole(piece: Bytes) -> Self {
        Self { left: [piece].into(), pause: Duration::ZERO, sleeping: None }
    }

    /// Of no announced length.
    pub(crate) fn several(pieces: impl Iterator<Item = Bytes>, pause: Duration) -> Self {
        Self { left: pieces.collect(), pause, sleeping: None }
    }

    fn halves(mut bytes: Bytes, pause: Duration) -> Self {
        let first = bytes.split_to(bytes.len() / 2);
        let left = [first, bytes].into();
        Self { left, pause, sleeping: None }
    }
}

impl HttpBody for Pieces {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        if let Some(sleep) = &mut self.sleeping {
            match sleep.as_mut().poll(context) {
                Poll::Pending => return Poll::Pending,
                Poll::Ready(()) => self.sleeping = None,
            }
        }
        let piece = self.left.pop_front();
        if !self.left.is_empty() {
            self.sleeping = Some(Box::pin(sleep(self.pause)));
        }
        Poll::Ready(piece.map(|it| Ok(Frame::data(it))))
    }
}
