//! Fetches parts, one after the other.

use std::{
    io::{Read, Seek, SeekFrom, Write},
    sync::{PoisonError, mpsc::SyncSender},
};

use store::disk::DiskFile;

use super::{Download, Request, board::Board, job::Job, source};
use crate::{Error, client::Answer, tries::Tries};

/// A part on its way to the disk.
struct Stream<'a> {
    job: &'a Job,
    part: usize,
    to: &'a mut DiskFile,
    board: &'a Board,
    steps: &'a mut Steps,
    /// The first byte, the next one, and the one after the last.
    begin: u64,
    at: u64,
    end: u64,
}

/// Tells whoever keeps what was written, each so many bytes.
struct Steps {
    tell: SyncSender<()>,
    step: u64,
    /// Bytes that were written since.
    untold: u64,
}

impl Download<'_> {
    /// Fetches parts until none is left or something fails; begins with mirror `first`, and tells when
    /// it is worth it to keep what was written.
    pub(super) fn work(
        &self,
        jobs: &[Job],
        board: &Board,
        tell: SyncSender<()>,
        first: usize,
    ) -> Result<(), Error> {
        let mut steps = Steps { tell, step: self.hub.settings().step.get(), untold: 0 };
        let mut opened: Option<(usize, DiskFile)> = None;
        while let Some(part) = board.take() {
            let job = &jobs[part.job];
            let to = match opened.take() {
                Some((nth, file)) if nth == part.job => file,
                _ => self
                    .library
                    .disk()
                    .reopen(&job.place)
                    .map_err(Error::io("write", &job.place))?,
            };
            let (_, to) = opened.insert((part.job, to));
            let (begin, end) = job.parts.range(part.part);
            let at = begin + job.had[part.part];
            to.seek(SeekFrom::Start(at)).map_err(Error::io("write", &job.place))?;
            let steps = &mut steps;
            let stream = Stream { job, part: part.part, to, board, steps, begin, at, end };
            self.part(stream, first)?;
            board.done(part);
        }
        Ok(())
    }

    /// Fetches what is missing of a part.
    fn part(&self, mut stream: Stream<'_>, first: usize) -> Result<(), Error> {
        // After a file was wrong, the next mirror is asked for it first.
        let first = first.saturating_sub(usize::from(stream.job.resumed));
        let mut tries = Tries::new(self.hub.settings(), self.watch, first);
        let mut may_begin_anew = stream.is_whole_file();
        while stream.at < stream.end {
            if stream.board.is_over() {
                return Err(Error::Stopped);
            }
            let before = stream.at;
            let come = self.answer(&stream, &tries).and_then(|it| self.pour(it, &mut stream));
            if stream.at > before {
                tries.progressed();
            }
            match come {
                Ok(()) => {}
                // Whoever does not send the rest of a file may send all of it; once, or one who cuts
                // it each time would be asked for ever.
                Err(Error::NoParts { .. }) if may_begin_anew => {
                    may_begin_anew = false;
                    self.watch.rewind(stream.at - stream.begin);
                    stream.begin_anew()?;
                }
                Err(error) => tries.after(error)?,
            }
        }
        Ok(())
    }

    /// Asks where the file was found last, else the hub.
    fn answer(&self, stream: &Stream<'_>, tries: &Tries<'_>) -> Result<Answer, Error> {
        let Stream { job, at: begin, end, .. } = *stream;
        let (client, endpoint) = (self.hub.client(), tries.endpoint());
        let request = Request { snapshot: self.snapshot, file: &job.file, begin, end };
        let known = job.store.lock().unwrap_or_else(PoisonError::into_inner).clone();
        if let Some((mirror, url)) = known
            && mirror == tries.mirror()
            && let Ok(answer) = request.send(client, endpoint, &url, self.watch)
        {
            return Ok(answer);
        }
        // The addresses of a store are signed, and not for long.
        let answer = source::open(client, endpoint, &request, self.watch)?;
        let elsewhere = !answer.url.shares_origin(endpoint.url());
        let store = elsewhere.then(|| (tries.mirror(), answer.url.clone()));
        *job.store.lock().unwrap_or_else(PoisonError::into_inner) = store;
        Ok(answer)
    }

    /// Writes what comes, up to the end of the part.
    fn pour(&self, answer: Answer, stream: &mut Stream<'_>) -> Result<(), Error> {
        let host = answer.url.authority();
        let (mut from, broken) = answer.reader(self.watch);
        let mut piece = vec![0; stream.steps.piece(self.rate.piece())];
        while stream.at < stream.end {
            let most = (piece.len() as u64).min(stream.end - stream.at) as usize;
            let (n, error) = fill(&mut from, &mut piece[..most], || stream.board.is_over());
            stream.write(&piece[..n])?;
            self.watch.advance(n as u64);
            if self.watch.stop() || stream.board.is_over() {
                return Err(Error::Stopped);
            }
            if let Some(error) = error {
                return Err(broken(error));
            }
            if n < most {
                let path = stream.job.file.path.to_string();
                return Err(Error::Cut { host, path, found: stream.at, expected: stream.end });
            }
            self.rate.pay(n as u64, || self.watch.stop() || stream.board.is_over());
        }
        Ok(())
    }
}

impl Stream<'_> {
    /// Whether the part is all of its file.
    fn is_whole_file(&self) -> bool {
        (self.begin, self.end) == (0, self.job.file.size)
    }

    /// What was written stays there, and is written once more.
    fn begin_anew(&mut self) -> Result<(), Error> {
        self.at = self.begin;
        let sought = self.to.seek(SeekFrom::Start(self.at));
        sought.map(drop).map_err(Error::io("write", &self.job.place))
    }

    /// Writes what comes next.
    fn write(&mut self, bytes: &[u8]) -> Result<(), Error> {
        self.to.write_all(bytes).map_err(Error::io("write", &self.job.place))?;
        self.at += bytes.len() as u64;
        self.job.wrote(self.part, self.at - self.begin);
        self.steps.wrote(bytes.len() as u64);
        Ok(())
    }
}

impl Steps {
    /// How many bytes to write at a time, of at most `most`.
    fn piece(&self, most: usize) -> usize {
        most.min(usize::try_from(self.step).unwrap_or(most))
    }

    /// So many more bytes were written.
    fn wrote(&mut self, bytes: u64) {
        self.untold += bytes;
        if self.untold >= self.step {
            self.untold = 0;
            // Whoever listened is gone where keeping failed, and nothing goes on then.
            let _ = self.tell.send(());
        }
    }
}

/// Reads until `piece` is full, `from` ends or fails, or `stop` says so; so many bytes came.
fn fill(
    from: &mut impl Read,
    piece: &mut [u8],
    stop: impl Fn() -> bool,
) -> (usize, Option<std::io::Error>) {
    let mut n = 0;
    while n < piece.len() && !stop() {
        match from.read(&mut piece[n..]) {
            Ok(0) => break,
            Ok(more) => n += more,
            Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
            Err(error) => return (n, Some(error)),
        }
    }
    (n, None)
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use super::*;

    /// A byte at a time, for ever.
    struct Drops;

    impl Read for Drops {
        fn read(&mut self, to: &mut [u8]) -> std::io::Result<usize> {
            Ok(to.len().min(1))
        }
    }

    #[test]
    fn who_stops_does_not_wait_for_a_whole_piece() {
        let asked = Cell::new(0);
        let stop = || asked.replace(asked.get() + 1) == 3;
        let (n, error) = fill(&mut Drops, &mut [0; 100], stop);
        assert!(n == 3 && error.is_none(), "{n} {error:?}");
    }
}
