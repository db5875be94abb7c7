//! Follows the workers through each file: hashes what is there, and brings it to the disk.

use std::{
    fs::File,
    io::{self, Read},
};

use sha1::Sha1;
use sha2::{Digest, Sha256};
use store::digest::{CommitHex, Sha256Hex};

use super::{Download, board::Board, job::Job};
use crate::{Error, Expected, RemoteFile};

/// As much is read at a time.
const PIECE: usize = 1 << 20;

/// What a file turned out to be.
pub(super) enum Verdict {
    /// What the hub announced.
    Right(Sha256Hex),
    /// Something else.
    Wrong(Error),
}

/// The digests of a file that grows.
struct Hashes {
    sha256: Sha256,
    /// Where the hub announces no other.
    git: Option<Sha1>,
}

impl Download<'_> {
    /// Checks all files, each as far as it is there; `Stopped` where a worker failed.
    pub(super) fn check(&self, jobs: &[Job], board: &Board) -> Result<Vec<Verdict>, Error> {
        let one = |(nth, job): (usize, &Job)| self.check_file(job, |part| board.wait(nth, part));
        jobs.iter().enumerate().map(one).collect()
    }

    fn check_file(&self, job: &Job, wait: impl Fn(usize) -> bool) -> Result<Verdict, Error> {
        let mut file = File::open(&job.place).map_err(Error::io("read", &job.place))?;
        let mut hashes = Hashes::new(&job.file);
        let mut piece = vec![0; PIECE];
        for part in 0..job.parts.count() {
            if !wait(part) || self.watch.stop() {
                return Err(Error::Stopped);
            }
            let hashed = hashes.add(&mut file, job.parts.bytes_of(part), &mut piece);
            hashed.map_err(Error::io("read", &job.place))?;
        }
        let verdict = hashes.verdict(&job.file);
        if let Verdict::Right(_) = verdict {
            let synced = self.library.disk().reopen(&job.place).and_then(|it| it.sync());
            synced.map_err(Error::io("write", &job.place))?;
        }
        Ok(verdict)
    }
}

/// An error unless these are the bytes of `file`, as the hub announced it.
pub(crate) fn check_bytes(file: &RemoteFile, bytes: &[u8]) -> Result<(), Error> {
    let mut hashes = Hashes::new(file);
    hashes.update(bytes);
    match hashes.verdict(file) {
        Verdict::Right(_) => Ok(()),
        Verdict::Wrong(error) => Err(error),
    }
}

impl RemoteFile {
    /// Whether the first bytes, as many as the hub announced, are those that it announced.
    ///
    /// # Errors
    ///
    /// If they cannot be read, or there are fewer.
    pub fn begins(&self, mut bytes: impl Read) -> io::Result<bool> {
        let mut hashes = Hashes::new(self);
        hashes.add(&mut bytes, self.size, &mut vec![0; PIECE])?;
        Ok(matches!(hashes.verdict(self), Verdict::Right(_)))
    }
}

impl Hashes {
    fn new(file: &RemoteFile) -> Self {
        let git = || {
            let mut git = Sha1::new();
            git.update(format!("blob {}\0", file.size));
            git
        };
        let announced = matches!(file.digest, Expected::Sha256(_));
        Self { sha256: Sha256::new(), git: (!announced).then(git) }
    }

    fn add(&mut self, from: &mut impl Read, mut len: u64, piece: &mut [u8]) -> io::Result<()> {
        while len > 0 {
            let most = (piece.len() as u64).min(len) as usize;
            from.read_exact(&mut piece[..most])?;
            self.update(&piece[..most]);
            len -= most as u64;
        }
        Ok(())
    }

    fn update(&mut self, bytes: &[u8]) {
        self.sha256.update(bytes);
        if let Some(git) = &mut self.git {
            git.update(bytes);
        }
    }

    fn verdict(self, file: &RemoteFile) -> Verdict {
        let sha256 = Sha256Hex::from(<[u8; 32]>::from(self.sha256.finalize()));
        let git = self.git.map(|it| CommitHex::from(<[u8; 20]>::from(it.finalize())));
        let (kind, found) = match (file.digest, git) {
            (Expected::Sha256(expected), _) if expected == sha256 => return Verdict::Right(sha256),
            (Expected::GitBlob(expected), Some(git)) if expected == git => {
                return Verdict::Right(sha256);
            }
            (Expected::GitBlob(_), Some(git)) => ("git sha1", git.to_string()),
            _ => ("sha256", sha256.to_string()),
        };
        let (path, expected) = (file.path.to_string(), file.digest.to_string());
        Verdict::Wrong(Error::Digest { path, kind, found, expected })
    }
}
