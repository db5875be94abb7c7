//! Files and folders that only their owner may read (modes 0600 and 0700 where the platform has
//! modes), and files that are there whole or not at all.

use std::{
    fs::{self, File, OpenOptions},
    io::{self, Write},
    path::{Path, PathBuf},
    process,
};

use crate::Error;

/// Makes `path` and what lies above it.
///
/// # Errors
///
/// If the system refuses.
pub fn folder(path: &Path) -> Result<(), Error> {
    let mut builder = fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(path).map_err(Error::io("make the folder", path))
}

/// Makes an empty file where none is, and takes other people's rights to one that is there.
///
/// # Errors
///
/// If the system refuses.
pub fn touch(path: &Path) -> Result<(), Error> {
    if let Some(above) = path.parent() {
        folder(above)?;
    }
    let mut options = OpenOptions::new();
    let file = private(&mut options).append(true).create(true).open(path);
    file.and_then(|file| own(&file)).map_err(Error::io("write", path))
}

/// Makes an empty file whose name nobody else has.
///
/// # Errors
///
/// If the system refuses; [`io::ErrorKind::AlreadyExists`] if somebody has it.
pub(crate) fn reserve(path: &Path) -> Result<(), Error> {
    if let Some(above) = path.parent() {
        folder(above)?;
    }
    let mut options = OpenOptions::new();
    let file = private(&mut options).write(true).create_new(true).open(path);
    file.map(drop).map_err(Error::io("write", path))
}

/// Replaces `path` with `bytes`: they are on the disk before the name points to them.
///
/// # Errors
///
/// If the system refuses; `path` is then as it was, or, if only the name could not be made to
/// survive a power cut, new.
pub fn write(path: &Path, bytes: &[u8]) -> Result<(), Error> {
    if let Some(above) = path.parent() {
        folder(above)?;
    }
    let temporary = beside(path);
    let written = fill(&temporary, bytes).and_then(|()| fs::rename(&temporary, path));
    if written.is_err() {
        // The first error is the one to tell; a left-over that cannot be removed says the same.
        let _ = fs::remove_file(&temporary);
    }
    written.and_then(|()| sync_folder(path)).map_err(Error::io("write", path))
}

/// A name in the same folder that no other process of this machine uses now.
fn beside(path: &Path) -> PathBuf {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    path.with_file_name(format!(".{name}.{}.tmp", process::id()))
}

fn fill(path: &Path, bytes: &[u8]) -> io::Result<()> {
    // A left-over of a process that died may be in the way; it is nobody's any more.
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let mut file = private(&mut OpenOptions::new()).write(true).create_new(true).open(path)?;
    file.write_all(bytes)?;
    file.sync_all()
}

#[cfg(unix)]
fn private(options: &mut OpenOptions) -> &mut OpenOptions {
    std::os::unix::fs::OpenOptionsExt::mode(options, 0o600)
}

#[cfg(not(unix))]
fn private(options: &mut OpenOptions) -> &mut OpenOptions {
    options
}

#[cfg(unix)]
fn own(file: &File) -> io::Result<()> {
    file.set_permissions(std::os::unix::fs::PermissionsExt::from_mode(0o600))
}

#[cfg(not(unix))]
fn own(_: &File) -> io::Result<()> {
    Ok(())
}

/// The new name, too, survives a power cut.
#[cfg(unix)]
fn sync_folder(path: &Path) -> io::Result<()> {
    match path.parent() {
        Some(above) if !above.as_os_str().is_empty() => File::open(above)?.sync_all(),
        _ => File::open(".")?.sync_all(),
    }
}

#[cfg(not(unix))]
fn sync_folder(_: &Path) -> io::Result<()> {
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_replaced_whole_and_leaves_nothing_beside_it() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("a/b/file");
        write(&path, b"one").unwrap();
        write(&path, b"two").unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"two");
        assert_eq!(fs::read_dir(path.parent().unwrap()).unwrap().count(), 1);
    }

    #[test]
    fn a_refused_write_leaves_the_old_file_and_names_it() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("taken");
        fs::create_dir_all(path.join("inside")).unwrap();
        let error = write(&path, b"x").unwrap_err().to_string();
        assert_eq!(error, format!("cannot write `{}`", path.display()));
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 1);
    }

    #[cfg(unix)]
    #[test]
    fn only_the_owner_can_read() {
        use std::os::unix::fs::PermissionsExt;
        let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("chats/one.json");
        write(&path, b"{}").unwrap();
        assert_eq!(mode(&path), 0o600);
        assert_eq!(mode(path.parent().unwrap()), 0o700);

        let open = dir.path().join("open");
        fs::write(&open, "x").unwrap();
        fs::set_permissions(&open, PermissionsExt::from_mode(0o644)).unwrap();
        touch(&open).unwrap();
        assert_eq!((mode(&open), fs::read(&open).unwrap()), (0o600, b"x".to_vec()));
    }
}
