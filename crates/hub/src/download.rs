//! All files of a model, in parts and over several connections, into a [`Staging`] of the library.
//!
//! ```text
//! workers  take the next part, ask for its bytes by Range, write them where they belong
//! keeper   now and then, and when they end, brings what they wrote to the disk, and then says so in
//!          the journal beside each file (`store::parts`): the same command goes on from there
//! checker  follows them through each file, and hashes what is there
//! ```
//!
//! The checker reads back what was written, for three reasons: parts come in any order, what was
//! there before a kill has to be hashed too, and a byte that is wrong on the way to the disk is
//! seen. Its bytes are still in memory, and it runs beside the workers, so it costs no time of its
//! own. So nothing rests on a journal: one that lies costs a second download.
//!
//! The keeper is a thread of its own because disks may take long to answer. While it waits for the
//! disk more comes, and it says of all of that at once; the workers wait for it only where that is
//! more than `AHEAD` steps.

mod board;
mod checker;
mod job;
mod source;
mod worker;

use std::{
    path::Path,
    sync::mpsc::{self, Receiver},
    thread,
};

use store::{
    library::{FileName, Library, Staging, StoredFile},
    room,
};

use crate::{Error, Hub, RemoteFile, Snapshot, Watch, rate::Rate};
use board::{Board, Guard};
use checker::Verdict;
use job::Job;

pub(crate) use checker::check_bytes;
pub(crate) use source::{Request, open};

/// Steps that may come while the disk is waited for: what a kill can lose, and what whoever stops
/// waits for, has an end where the line is faster than the disk.
const AHEAD: usize = 64;

/// What all threads of a download share.
struct Download<'a> {
    hub: &'a Hub,
    snapshot: &'a Snapshot,
    library: &'a Library,
    watch: &'a dyn Watch,
    rate: Rate,
}

/// Fetches `files` but for those that are `kept`, or what is missing of them, and checks all of each.
pub(crate) fn fetch(
    hub: &Hub,
    snapshot: &Snapshot,
    (files, kept): (&[RemoteFile], &[StoredFile]),
    (library, staging): (&Library, &Staging),
    watch: &dyn Watch,
) -> Result<Vec<StoredFile>, Error> {
    let download =
        Download { hub, snapshot, library, watch, rate: Rate::new(hub.settings().limit_rate) };
    let is_kept = |file: &RemoteFile| kept.iter().any(|it| it.path.0 == file.path);
    let files: Vec<RemoteFile> = files.iter().filter(|it| !is_kept(it)).cloned().collect();
    let files = files.as_slice();
    job::sweep(library.disk(), staging, (files, kept))?;
    // Before anything is made as large as a server says that it is.
    check_room(staging.folder(), job::missing(staging, files))?;
    let part = hub.settings().part;
    let open = |file: &RemoteFile| Job::open(library.disk(), staging, file, part);
    let mut jobs = files.iter().map(open).collect::<Result<Vec<_>, _>>()?;
    job::keep_names(library.disk(), &jobs)?;
    let total: u64 = files.iter().map(|it| it.size).sum();
    let had: u64 = jobs.iter().map(Job::had).sum();
    check_room(staging.folder(), total - had)?;
    let here: u64 = kept.iter().map(|it| it.size).sum();
    watch.begin(here + total, here + had);
    let mut stored = kept.to_vec();
    for round in 0.. {
        let verdicts = download.round(&jobs, round)?;
        let mut again = Vec::new();
        for (job, verdict) in jobs.into_iter().zip(verdicts) {
            match verdict {
                Verdict::Right(sha256) => {
                    let (path, size) = (FileName(job.file.path.clone()), job.file.size);
                    stored.push(StoredFile { path, size, sha256 });
                }
                Verdict::Wrong(error) => again.push(download.retake(job, round, error)?),
            }
        }
        if again.is_empty() {
            break;
        }
        jobs = again;
    }
    job::forget_journals(library.disk(), staging, files)?;
    stored.sort_by(|a, b| a.path.cmp(&b.path));
    Ok(stored)
}

/// An error if `needed` more bytes do not fit where `folder` is.
fn check_room(folder: &Path, needed: u64) -> Result<(), Error> {
    match room::too_little(folder, needed) {
        None => Ok(()),
        Some(free) => Err(Error::Room { folder: folder.to_owned(), free, needed }),
    }
}

impl Download<'_> {
    /// Fetches what is missing of `jobs`; what the checker says of each.
    fn round(&self, jobs: &[Job], round: usize) -> Result<Vec<Verdict>, Error> {
        let board = &Board::new(jobs);
        let workers = self.hub.settings().connections.get().min(board.parts());
        let verdicts = thread::scope(|scope| {
            let (tell, told) = mpsc::sync_channel(AHEAD);
            for _ in 0..workers {
                let tell = tell.clone();
                scope.spawn(move || {
                    let _guard = Guard(board);
                    if let Err(error) = self.work(jobs, board, tell, round) {
                        board.fail(error);
                    }
                });
            }
            // Whoever is told hears nothing more once the last worker is gone, also where one panics.
            drop(tell);
            scope.spawn(move || {
                let _guard = Guard(board);
                if let Err(error) = self.keep(jobs, &told) {
                    board.fail(error);
                }
            });
            let verdicts = self.check(jobs, board);
            if verdicts.is_err() {
                board.give_up();
            }
            verdicts
        });
        match (verdicts, board.take_failure()) {
            // The checker stops because a worker failed, and workers because it did.
            (Err(Error::Stopped) | Ok(_), Some(error)) => Err(error),
            (verdicts, _) => verdicts,
        }
    }

    /// Keeps what workers wrote, each time that one tells that it is worth it, and the rest of it when
    /// the last has ended, however that was.
    fn keep(&self, jobs: &[Job], told: &Receiver<()>) -> Result<(), Error> {
        loop {
            let is_over = told.recv().is_err();
            // What was told meanwhile was written before.
            while told.try_recv().is_ok() {}
            // Of each file, also where that of another fails.
            let mut kept = Ok(());
            for job in jobs {
                kept = kept.and(job.keep(self.library.disk()));
            }
            kept?;
            if is_over {
                return Ok(());
            }
        }
    }

    /// A file whose bytes were wrong, to be fetched from its beginning, if that may help: if some of
    /// it was there before, or another mirror is left.
    fn retake(&self, job: Job, round: usize, error: Error) -> Result<Job, Error> {
        let mirrors = self.hub.settings().endpoints.len();
        let chances = mirrors + usize::from(job.resumed);
        self.watch.rewind(job.file.size);
        let job = job.begin_anew(self.library.disk())?;
        if round + 1 >= chances {
            job.remove(self.library.disk())?;
            return Err(error);
        }
        self.watch.note(&format!("{error}; fetching it anew"));
        Ok(job)
    }
}
