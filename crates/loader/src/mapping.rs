//! Open files: mapped, or read into memory where a file is not to be mapped.
//!
//! What can happen to a file while it is mapped, and what is done then, is in `mmap`.

use std::{
    fmt,
    fs::File,
    io::{self, Read},
    ops::Range,
    path::{Path, PathBuf},
    sync::Arc,
};

use crate::{
    Bytes, Error, NotAModel,
    mmap::{Mapped, ask_for_huge_pages},
};

/// An open file; clones share its bytes.
#[derive(Clone)]
pub struct Mapping(Arc<Opened>);

struct Opened {
    path: PathBuf,
    held: Held,
}

enum Held {
    Mapped(Mapped),
    Read(Bytes),
}

/// How the bytes of a file are come by.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Access {
    /// The file is mapped: a page is read when it is used, and shared with whoever else uses it.
    /// The file must stay as it is.
    #[default]
    Map,
    /// All of the file is read into memory. What happens to it then does not matter: for network
    /// file systems, disks that may be pulled, and files that somebody else may change.
    Read,
}

impl Mapping {
    /// Maps all of the file at `path` for reading.
    ///
    /// # Errors
    ///
    /// If the file cannot be opened or mapped.
    pub fn open(path: &Path) -> Result<Self, Error> {
        Self::open_with(path, Access::Map)
    }

    /// Maps or reads all of the file at `path`.
    ///
    /// # Errors
    ///
    /// If the file cannot be opened, mapped or read, or does not fit into memory.
    pub fn open_with(path: &Path, access: Access) -> Result<Self, Error> {
        let error = |source| Error::Io { path: path.to_owned(), source };
        let file = open_plain(path).map_err(error)?.ok_or(NotAModel::NotAFile)?;
        let held = match access {
            Access::Map => Mapped::new(file).map(Held::Mapped),
            Access::Read => read(file).map(|it| Held::Read(Bytes::new(it))),
        };
        let held = held.map_err(error)?;
        Ok(Self(Arc::new(Opened { path: path.to_owned(), held })))
    }

    /// What is in memory, under the name of a file.
    pub(crate) fn in_memory(path: &Path, bytes: Bytes) -> Self {
        Self(Arc::new(Opened { path: path.to_owned(), held: Held::Read(bytes) }))
    }

    /// The path it was opened by.
    pub fn path(&self) -> &Path {
        &self.0.path
    }

    /// Whether all bytes read so far were the file's. What is in memory stays what it was.
    ///
    /// # Errors
    ///
    /// If the file is shorter than it was when it was mapped, or was written to since, or a read of
    /// it failed.
    pub fn check(&self) -> Result<(), Error> {
        match &self.0.held {
            Held::Mapped(it) => it.check(&self.0.path),
            Held::Read(_) => Ok(()),
        }
    }
}

/// What the system can be told of a mapped file on Linux. Elsewhere, and where a file was read into
/// memory, nothing is cold, and nothing is done.
impl Mapping {
    /// Whether the file is mapped, and not in memory of this process.
    pub(crate) fn is_mapped(&self) -> bool {
        matches!(self.0.held, Held::Mapped(_))
    }

    /// Whether some of the file is on the disk alone, by a look at some of its pages. Of files that
    /// the user may not write to, the system says that all of them are in memory.
    pub fn is_cold(&self) -> bool {
        match &self.0.held {
            Held::Mapped(it) => it.is_cold(),
            Held::Read(_) => false,
        }
    }

    /// Reads this part of the file from the disk, and waits until it is in memory. What cannot be
    /// read is left to whoever needs it.
    ///
    /// # Panics
    ///
    /// If the file is not so long.
    pub fn read_ahead(&self, range: Range<usize>) {
        if let Held::Mapped(it) = &self.0.held {
            it.read_ahead(range);
        }
    }

    /// From here on the file is read from its beginning to its end, again and again, and is too
    /// large to stay in memory: what was used may go, and what follows is read in larger pieces.
    pub fn stream(&self) {
        if let Held::Mapped(it) = &self.0.held {
            it.stream();
        }
    }
}

impl AsRef<[u8]> for Mapping {
    fn as_ref(&self) -> &[u8] {
        match &self.0.held {
            Held::Mapped(it) => it.bytes(),
            Held::Read(it) => it,
        }
    }
}

impl fmt::Debug for Mapping {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} bytes of {}", self.as_ref().len(), self.0.path.display())
    }
}

/// Opens a file, and nothing else that a path may name: opening a pipe would wait for somebody to
/// write into it.
pub(crate) fn open_plain(path: &Path) -> io::Result<Option<File>> {
    match path.metadata()?.is_file() {
        true => File::open(path).map(Some),
        false => Ok(None),
    }
}

/// As many bytes as the file has when it is opened.
fn read(file: File) -> io::Result<Vec<u8>> {
    let len = file.metadata()?.len();
    let mut bytes: Vec<u8> = Vec::new();
    let fits = usize::try_from(len).is_ok_and(|len| bytes.try_reserve_exact(len).is_ok());
    if !fits {
        return Err(io::ErrorKind::OutOfMemory.into());
    }
    ask_for_huge_pages(bytes.spare_capacity_mut());
    file.take(len).read_to_end(&mut bytes)?;
    if (bytes.len() as u64) < len {
        return Err(io::ErrorKind::UnexpectedEof.into());
    }
    Ok(bytes)
}
