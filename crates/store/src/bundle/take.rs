//! Brings a model from where it lies into the library, as if it had been packed and carried.
//!
//! It is copied, never linked: what lies outside is its owner's to change. Where the file system can,
//! the two share their blocks until one of them is written to.

use std::{
    fs::File,
    io::{self, Read, Seek, SeekFrom, Write},
    ops::ControlFlow,
    path::Path,
};

use super::{Error, Packed, content::Source, unpack::is_there};
use crate::{
    digest::Sha256Hex,
    disk::DiskFile,
    library::{Entry, Library, Manifest, StoredFile, VERSION},
};

/// Bytes that are copied before they are read back, while they are still in memory.
const PIECE: u64 = 64 << 20;

impl Packed {
    /// The manifest that it will have in the library.
    pub fn manifest(&self, arrived: &str) -> Manifest {
        Manifest {
            version: VERSION,
            name: self.name.clone(),
            main: self.main.clone(),
            files: self.files().cloned().collect(),
            origin: self.origin.clone(),
            arrived: arrived.to_owned(),
            facts: self.facts.clone(),
            root: None,
        }
    }

    /// Copies it into the library and compares every byte; `arrived` now, RFC 3339 in UTC. `each`
    /// hears of every piece.
    ///
    /// # Errors
    ///
    /// If there is a model of its name, two of its files may be one, a file is no more what it was, or
    /// the system refuses. The library is then as it was, and the next try goes on from there.
    pub fn take_in(
        &self,
        library: &Library,
        arrived: &str,
        each: &mut dyn FnMut(u64),
    ) -> Result<Entry, Error> {
        let manifest = self.manifest(arrived);
        manifest.check()?;
        library.refuse_existing(&self.name)?;
        let staging = library.stage(&self.name)?;
        // Nobody makes it from here on.
        library.refuse_existing(&self.name)?;
        staging.keep_only(&manifest)?;
        for (file, source) in &self.files {
            let place = staging.place(&file.path.0)?;
            let is_there = is_there(library.disk(), &place, file)?;
            match is_there || staging.share(file, &|_| ControlFlow::Continue(()))? {
                true => each(file.size),
                false => make(file, source, (library, &place), each)?,
            }
        }
        Ok(staging.publish(&manifest)?)
    }
}

/// Makes the file at `place`, and brings it to the disk.
fn make(
    file: &StoredFile,
    source: &Source,
    (library, place): (&Library, &Path),
    each: &mut dyn FnMut(u64),
) -> Result<(), Error> {
    let disk = library.disk();
    if place.symlink_metadata().is_ok() {
        disk.remove_file(place).map_err(Error::io("remove", place))?;
    }
    let mut to = disk.create(place).map_err(Error::io("write", place))?;
    match source {
        Source::Bytes(bytes) => to.write_all(bytes).map_err(Error::io("write", place))?,
        Source::File(path) => {
            let from = File::open(path).map_err(Error::io("read", path))?;
            let copy = Copying { from: &from, to: &mut to, left: 0 };
            let copied = Sha256Hex::of_all(copy, |n| {
                each(n as u64);
                Ok(())
            });
            let (found, _) = copied.map_err(Error::io("write", place))?;
            if found != file.sha256 {
                // If wrong bytes cannot be removed, the next try finds that they are.
                let _ = disk.remove_file(place);
                let (path, expected) = (path.clone(), file.sha256);
                return Err(Error::Changed { path, found, expected });
            }
        }
    }
    to.sync().map_err(Error::io("write", place))
}

/// Reads a file while it is being copied: what was copied last, and if that was read, the next.
struct Copying<'a> {
    from: &'a File,
    to: &'a mut DiskFile,
    /// Bytes that were copied and are to be read.
    left: u64,
}

impl Read for Copying<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.left == 0 {
            let begin = self.to.stream_position()?;
            self.left = self.to.append(self.from, PIECE)?;
            self.to.seek(SeekFrom::Start(begin))?;
        }
        let n = self.to.file().take(self.left).read(buffer)?;
        self.left -= n as u64;
        Ok(n)
    }
}
