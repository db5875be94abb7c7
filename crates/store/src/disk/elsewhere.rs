//! The calls that make, move and remove files where the system is no Unix: by their paths, which follow
//! every link that is laid there.

use std::{
    fs::{self, File, OpenOptions},
    io,
    path::Path,
};

use super::How;

/// What others may do with a file that is open: `FILE_SHARE_READ` and `FILE_SHARE_WRITE`.
#[cfg(windows)]
const READ_AND_WRITE: u32 = 1 | 2;

pub(super) fn open(path: &Path, _: Option<&Path>, how: How) -> io::Result<File> {
    let mut options = OpenOptions::new();
    match how {
        How::New => options.read(true).write(true).create_new(true),
        How::OldOrNew | How::Lock => options.read(true).write(true).create(true).truncate(false),
        How::Read => options.read(true),
    };
    #[cfg(windows)]
    if matches!(how, How::Lock) {
        std::os::windows::fs::OpenOptionsExt::share_mode(&mut options, READ_AND_WRITE);
    }
    options.open(path)
}

pub(super) fn make_folder(path: &Path, _: Option<&Path>) -> io::Result<()> {
    fs::create_dir_all(path)
}

pub(super) fn rename(from: &Path, to: &Path, _: Option<&Path>) -> io::Result<()> {
    fs::rename(from, to)
}

pub(super) fn exchange(_: &Path, _: &Path, _: Option<&Path>) -> io::Result<()> {
    Err(io::ErrorKind::Unsupported.into())
}

pub(super) fn hard_link(from: &Path, to: &Path, _: Option<&Path>) -> io::Result<()> {
    fs::hard_link(from, to)
}

pub(super) fn remove_file(path: &Path, _: Option<&Path>) -> io::Result<()> {
    fs::remove_file(path)
}

pub(super) fn remove_folder(path: &Path, _: Option<&Path>) -> io::Result<()> {
    fs::remove_dir(path)
}
