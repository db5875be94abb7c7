//! Walks through the tar of a bundle, from header to header, and finds what is where.

use std::{collections::BTreeMap, io::Read, path::Path};

use super::{
    Error, Flaw,
    parts::{Parts, Section},
    tar::{self, BLOCK, EntryName, Header},
};

/// Entries of the largest bundle.
const MAX_ENTRIES: usize = 1 << 16;

/// Where a content lies.
#[derive(Clone, Copy, Debug)]
pub(super) struct Place {
    pub(super) begin: u64,
    pub(super) size: u64,
}

/// What is where in the tar.
pub(super) fn entries(path: &Path, parts: &Parts) -> Result<BTreeMap<EntryName, Place>, Error> {
    let mut all = BTreeMap::new();
    let mut rest = Tar { path, parts, rest: parts.section(0, parts.size()) };
    while let Some((at, name, size)) = rest.next_header()? {
        let begin = rest.rest.at();
        if all.len() == MAX_ENTRIES {
            return Err(rest.damaged(at, Flaw::TooMany { limit: MAX_ENTRIES }));
        }
        if all.insert(name, Place { begin, size }).is_some() {
            return Err(rest.damaged(at, Flaw::Twice { name: name.to_string() }));
        }
        rest.needs(size)?;
        rest.rest.skip(size).map_err(Error::io("read", path))?;
        rest.padding(size)?;
    }
    Ok(all)
}

/// What is left of a tar.
struct Tar<'a> {
    path: &'a Path,
    parts: &'a Parts,
    rest: Section<'a>,
}

impl Tar<'_> {
    /// Where the next header is, and what it says; `None` at the end.
    fn next_header(&mut self) -> Result<Option<(u64, EntryName, u64)>, Error> {
        let at = self.rest.at();
        match self.header(at)? {
            Header::File(name, size) => Ok(Some((at, name, size))),
            Header::Large(bytes) => {
                let record = self.block()?;
                let size = tar::read_size(&record[..bytes]);
                let size = size.map_err(|why| self.damaged(at, why))?;
                if record[bytes..].iter().any(|it| *it != 0) {
                    return Err(self.damaged(at, Flaw::Padding));
                }
                match self.header(self.rest.at())? {
                    Header::File(name, 0) => Ok(Some((at, name, size))),
                    _ => Err(self.damaged(at, Flaw::LargeSize)),
                }
            }
            Header::Zeros if self.block()? != [0; BLOCK] => {
                Err(self.damaged(at + BLOCK as u64, Flaw::Header))
            }
            Header::Zeros => match self.rest.left() {
                0 => Ok(None),
                found => Err(self.damaged(self.rest.at(), Flaw::After { found })),
            },
        }
    }

    fn header(&mut self, at: u64) -> Result<Header, Error> {
        let block = self.block()?;
        tar::read(&block).map_err(|why| self.damaged(at, why))
    }

    fn block(&mut self) -> Result<[u8; BLOCK], Error> {
        self.needs(BLOCK as u64)?;
        let mut block = [0; BLOCK];
        self.rest.read_exact(&mut block).map_err(Error::io("read", self.path))?;
        Ok(block)
    }

    fn padding(&mut self, size: u64) -> Result<(), Error> {
        let (at, mut bytes) = (self.rest.at(), vec![0; tar::padding(size)]);
        self.needs(bytes.len() as u64)?;
        self.rest.read_exact(&mut bytes).map_err(Error::io("read", self.path))?;
        match bytes.iter().all(|it| *it == 0) {
            true => Ok(()),
            false => Err(self.damaged(at, Flaw::Padding)),
        }
    }

    fn needs(&self, n: u64) -> Result<(), Error> {
        match n.checked_sub(self.rest.left()) {
            None | Some(0) => Ok(()),
            Some(expected) => Err(match self.parts.missing() {
                Some(missing) => Error::NoPart { path: self.path.to_owned(), missing },
                None => self.damaged(self.parts.size(), Flaw::Truncated { expected }),
            }),
        }
    }

    fn damaged(&self, at: u64, why: Flaw) -> Error {
        Error::Damaged { path: self.path.to_owned(), at, why }
    }
}
