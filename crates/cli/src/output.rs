//! Files that commands write for the user: nothing that is there is lost without `-y`, and a file
//! gets its name when it is complete.

use std::{
    io::BufWriter,
    path::{Path, PathBuf},
};

use anyhow::Context;
use store::room;
use tempfile::NamedTempFile;

use crate::{failure::Failure, numbers::size, terminal::Unfinished};

/// Where it is written to until it is complete.
pub(crate) type Draft = BufWriter<NamedTempFile>;

/// Refuses to write `output` where there is no folder for it, or where it would take the place of
/// one of `sources`, of a folder, of a device, or, unless the user says `yes`, of another file.
///
/// # Errors
///
/// If it is refused.
pub(crate) fn refuse<'a>(
    output: &Path,
    sources: impl IntoIterator<Item = &'a Path>,
    yes: bool,
) -> anyhow::Result<()> {
    let folder = folder(output);
    if !folder.is_dir() {
        let failure = Failure::new(format!("there is no folder `{}`", folder.display()));
        return Err(failure.hint("make it, or name another").into());
    }
    refuse_device(output)?;
    let Ok(there) = output.canonicalize() else { return Ok(()) };
    let same = |it: PathBuf| it == there;
    if sources.into_iter().filter_map(|it| it.canonicalize().ok()).any(same) {
        let message = format!("`{}` is the model that is read", output.display());
        return Err(Failure::usage(message).hint("give the result another name").into());
    }
    if there.is_dir() {
        let message = format!("`{}` is a folder, expected the name of a file", output.display());
        return Err(Failure::usage(message).into());
    }
    match yes {
        true => Ok(()),
        false => {
            let failure = Failure::new(format!("`{}` is there already", output.display()));
            Err(failure.hint("`-y` replaces it").into())
        }
    }
}

/// Refuses a device or a pipe, such as `/dev/null` or `/dev/stdout`: what is written beside it first
/// would take its place.
///
/// # Errors
///
/// If it is one.
pub(crate) fn refuse_device(output: &Path) -> Result<(), Failure> {
    if output.metadata().is_ok_and(|it| !it.is_file() && !it.is_dir()) {
        let message =
            format!("`{}` is a device or a pipe, expected the name of a file", output.display());
        return Err(Failure::usage(message));
    }
    Ok(())
}

/// Refuses to write so many bytes where the disk has no room for them.
///
/// # Errors
///
/// If it has none.
pub(crate) fn refuse_without_room(output: &Path, needed: u64) -> anyhow::Result<()> {
    let Some(free) = room::too_little(folder(output), needed) else { return Ok(()) };
    let message = format!(
        "there is no room for `{}`: it takes {}, {} are free",
        output.display(),
        size(needed),
        size(free)
    );
    Err(Failure::new(message).hint("make room, or write to another disk").into())
}

/// What `write` writes, as the file `output`, whole or not at all.
///
/// # Errors
///
/// Those of `write`, or if the disk refuses.
pub(crate) fn write(
    output: &Path,
    write: impl FnOnce(&mut Draft) -> anyhow::Result<()>,
) -> anyhow::Result<()> {
    let mut temporary = tempfile::Builder::new();
    temporary.prefix(".ingle-").suffix(".tmp");
    #[cfg(unix)]
    temporary.permissions(std::os::unix::fs::PermissionsExt::from_mode(0o666)); // less the umask
    let file = temporary.tempfile_in(folder(output)).with_context(|| cannot(output))?;
    // The disk may take long, and nothing looks whether Ctrl-C was pressed.
    let _unfinished = Unfinished::at(file.path());
    let mut draft = BufWriter::with_capacity(1 << 20, file);
    write(&mut draft)?;
    let file = draft.into_inner().map_err(|it| it.into_error()).with_context(|| cannot(output))?;
    file.as_file().sync_all().with_context(|| cannot(output))?;
    file.persist(output).map_err(|it| it.error).with_context(|| cannot(output))?;
    Ok(())
}

/// What is said where the disk refuses it.
pub(crate) fn cannot(output: &Path) -> String {
    format!("cannot write `{}`", output.display())
}

/// Where it is going to be.
pub(crate) fn folder(output: &Path) -> &Path {
    let above = output.parent().filter(|it| !it.as_os_str().is_empty());
    above.unwrap_or(Path::new("."))
}

#[cfg(test)]
mod tests {
    use std::{fs, io::Write};

    use super::*;

    #[test]
    fn a_file_is_there_whole_or_not_at_all() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("out");
        let failed = write(&path, |draft| {
            draft.write_all(b"half")?;
            anyhow::bail!("no more")
        });
        assert!(failed.is_err() && fs::read_dir(dir.path()).unwrap().next().is_none());
        write(&path, |draft| Ok(draft.write_all(b"all")?)).unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"all");
    }

    #[test]
    fn what_is_there_stays_without_a_yes() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("out");
        fs::write(&path, "old").unwrap();
        let none = || std::iter::empty::<&Path>();
        assert!(refuse(&dir.path().join("new"), none(), false).is_ok());
        assert!(refuse(&path, none(), false).is_err());
        assert!(refuse(&path, none(), true).is_ok());
        assert!(refuse(&path, [path.as_path()], true).is_err());
        assert!(refuse(dir.path(), none(), true).is_err());
        assert!(refuse(&dir.path().join("no/out"), none(), true).is_err());
    }

    #[cfg(unix)]
    #[test]
    fn a_device_stays_what_it_is() {
        for yes in [false, true] {
            let refused = refuse(Path::new("/dev/null"), std::iter::empty(), yes);
            let error = refused.expect_err("a file would take its place").to_string();
            assert_eq!(error, "`/dev/null` is a device or a pipe, expected the name of a file");
        }
    }

    #[test]
    fn a_full_disk_is_named_before_it_is_full() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("out");
        assert!(refuse_without_room(&path, 1).is_ok());
        let error = refuse_without_room(&path, 1 << 60).unwrap_err().to_string();
        assert!(error.contains("it takes 1048576.0 TiB"), "{error}");
    }
}
