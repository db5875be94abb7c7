//! The calls of Unix that make, move and remove files.
//!
//! Below the folder `base`, each part of a path is opened in the one before it, and none may be a link.
//! Whoever lays a link in the way, or another folder in the place of one, while that goes on makes a
//! call fail and changes nothing elsewhere.

use std::{
    ffi::OsStr,
    fs::{DirBuilder, File},
    io,
    os::{
        fd::{AsFd, BorrowedFd, OwnedFd},
        unix::fs::DirBuilderExt,
    },
    path::{Component, Path},
};

use rustix::{
    fs::{AtFlags, CWD, Mode, OFlags, linkat, mkdirat, openat, renameat, unlinkat},
    io::retry_on_intr,
};

use super::How;

/// The rights of a new file, as far as the user's mask lets them.
const FILE: Mode = Mode::from_raw_mode(0o666);
/// Those of a new folder.
const FOLDER: Mode = Mode::from_raw_mode(0o755);
/// What a folder is opened for, to name what is in it: Linux asks for no right to read it then.
#[cfg(target_os = "linux")]
const TO_NAME: OFlags = OFlags::PATH;
#[cfg(not(target_os = "linux"))]
const TO_NAME: OFlags = OFlags::RDONLY;

pub(super) fn open(path: &Path, base: Option<&Path>, how: How) -> io::Result<File> {
    let place = Place::of(path, base)?;
    let flags = match how {
        How::New => OFlags::RDWR | OFlags::CREATE | OFlags::EXCL,
        How::OldOrNew | How::Lock => OFlags::RDWR | OFlags::CREATE,
        How::Read => OFlags::RDONLY,
    };
    let flags = flags | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let file = retry_on_intr(|| openat(place.folder(), place.name, flags, FILE))?;
    Ok(File::from(file))
}

pub(super) fn make_folder(path: &Path, base: Option<&Path>) -> io::Result<()> {
    let mut builder = DirBuilder::new();
    builder.recursive(true).mode(0o755);
    let Some((base, below)) = split(path, base)? else { return builder.create(path) };
    builder.create(base)?;
    let mut folder = folder_at(CWD, base, OFlags::empty())?;
    for part in below {
        let made = mkdirat(&folder, part, FOLDER);
        // One that is there is as good, whatever the system says to making it.
        folder = enter(&folder, part).map_err(|error| made.err().unwrap_or(error))?;
    }
    Ok(())
}

pub(super) fn rename(from: &Path, to: &Path, base: Option<&Path>) -> io::Result<()> {
    let (from, to) = (Place::of(from, base)?, Place::of(to, base)?);
    Ok(renameat(from.folder(), from.name, to.folder(), to.name)?)
}

#[cfg(any(target_os = "linux", target_vendor = "apple"))]
pub(super) fn exchange(one: &Path, other: &Path, base: Option<&Path>) -> io::Result<()> {
    use rustix::{
        fs::{RenameFlags, renameat_with},
        io::Errno,
    };
    let (one, other) = (Place::of(one, base)?, Place::of(other, base)?);
    let flags = RenameFlags::EXCHANGE;
    let exchanged = renameat_with(one.folder(), one.name, other.folder(), other.name, flags);
    exchanged.map_err(|error| match error {
        // Of a file system that knows no exchange: of Linux, and of macOS.
        Errno::INVAL | Errno::NOTSUP => io::ErrorKind::Unsupported.into(),
        error => error.into(),
    })
}

#[cfg(not(any(target_os = "linux", target_vendor = "apple")))]
pub(super) fn exchange(_: &Path, _: &Path, _: Option<&Path>) -> io::Result<()> {
    Err(io::ErrorKind::Unsupported.into())
}

pub(super) fn hard_link(from: &Path, to: &Path, base: Option<&Path>) -> io::Result<()> {
    let (from, to) = (Place::of(from, base)?, Place::of(to, base)?);
    Ok(linkat(from.folder(), from.name, to.folder(), to.name, AtFlags::empty())?)
}

pub(super) fn remove_file(path: &Path, base: Option<&Path>) -> io::Result<()> {
    let place = Place::of(path, base)?;
    Ok(unlinkat(place.folder(), place.name, AtFlags::empty())?)
}

pub(super) fn remove_folder(path: &Path, base: Option<&Path>) -> io::Result<()> {
    let place = Place::of(path, base)?;
    Ok(unlinkat(place.folder(), place.name, AtFlags::REMOVEDIR)?)
}

/// Where a file is: its name in a folder that is open, or its whole path.
struct Place<'a> {
    folder: Option<OwnedFd>,
    name: &'a Path,
}

impl<'a> Place<'a> {
    fn of(path: &'a Path, base: Option<&Path>) -> io::Result<Self> {
        // The folder `base` itself is where its path leads.
        let below =
            split(path, base)?.and_then(|(base, it)| Some((base, it.parent()?, it.file_name()?)));
        let Some((base, above, name)) = below else { return Ok(Self { folder: None, name: path }) };
        let base = folder_at(CWD, base, OFlags::empty())?;
        let folder = above.iter().try_fold(base, |folder, part| enter(&folder, part))?;
        Ok(Self { folder: Some(folder), name: Path::new(name) })
    }

    fn folder(&self) -> BorrowedFd<'_> {
        self.folder.as_ref().map_or(CWD, AsFd::as_fd)
    }
}

/// `base`, and the rest of a path that leads below it.
fn split<'a, 'b>(
    path: &'a Path,
    base: Option<&'b Path>,
) -> io::Result<Option<(&'b Path, &'a Path)>> {
    let Some(base) = base else { return Ok(None) };
    let Ok(below) = path.strip_prefix(base) else { return Ok(None) };
    match below.components().all(|it| matches!(it, Component::Normal(_))) {
        true => Ok(Some((base, below))),
        false => Err(io::ErrorKind::InvalidInput.into()),
    }
}

fn enter(folder: &OwnedFd, name: &OsStr) -> rustix::io::Result<OwnedFd> {
    folder_at(folder.as_fd(), Path::new(name), OFlags::NOFOLLOW)
}

fn folder_at(at: BorrowedFd<'_>, name: &Path, links: OFlags) -> rustix::io::Result<OwnedFd> {
    let flags = TO_NAME | OFlags::DIRECTORY | OFlags::CLOEXEC | links;
    retry_on_intr(|| openat(at, name, flags, Mode::empty()))
}
