//! Fetches parts, one after the other.

use std::{
    io::{Read, Seek, SeekFrom, Write},
    sync::PoisonError,
};

use store::disk::DiskFile;

use super::{
    Download, Request,
    board::{Board, Part},
    job::Job,
    source,
};
use crate::{Error, client::Answer, tries::Tries};

/// A part on its way to the disk.
struct Stream<'a> {
    job: &'a Job,
    to: &'a mut DiskFile,
    board: &'a Board,
    /// The next byte, and the one after the last.
    at: u64,
    end: u64,
}

impl Download<'_> {
    /// Fetches parts until none is left or something fails; begins with mirror `first`.
    pub(super) fn work(&self, jobs: &[Job], board: &Board, first: usize) -> Result<(), Error> {
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
            self.part(job, (part, to), board, first)?;
        }
        Ok(())
    }

    fn part(
        &self,
        job: &Job,
        (part, to): (Part, &mut DiskFile),
        board: &Board,
        first: usize,
    ) -> Result<(), Error> {
        // After a file was wrong, the next mirror is asked for it first.
        let first = first.saturating_sub(usize::from(job.resumed));
        let mut tries = Tries::new(self.hub.settings(), self.watch, first);
        let (at, end) = job.range(part.part);
        to.seek(SeekFrom::Start(at)).map_err(Error::io("write", &job.place))?;
        let mut stream = Stream { job, to, board, at, end };
        while stream.at < end {
            let before = stream.at;
            let come = self.answer(&stream, &tries).and_then(|it| self.pour(it, &mut stream));
            if stream.at > before {
                tries.progressed();
            }
            if let Err(error) = come {
                tries.after(error)?;
            }
        }
        let mut journal = job.journal.lock().unwrap_or_else(PoisonError::into_inner);
        journal.mark(part.part).map_err(Error::io("write", &job.journal_place))?;
        board.done(part);
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
        let mut piece = vec![0; self.rate.piece()];
        while stream.at < stream.end {
            let most = (piece.len() as u64).min(stream.end - stream.at) as usize;
            let (n, error) = fill(&mut from, &mut piece[..most], || stream.board.is_over());
            stream.to.write_all(&piece[..n]).map_err(Error::io("write", &stream.job.place))?;
            stream.at += n as u64;
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
