//! Writes a bundle. Every file is read once, and its digest is compared while it goes.

use std::{
    collections::BTreeSet,
    fs::{self, File},
    io::{self, Read, Write},
    ops::ControlFlow,
    path::{Path, PathBuf},
};

use super::{
    Error, Existing, Packed,
    bom::bom,
    content::Source,
    layout::{self, Descriptor, Index, Manifest, Program},
    stream::{self, CopyError},
    tar::{self, EntryName},
    volume::{self, Volume},
    vouched::known,
};
use crate::{digest::Sha256Hex, disk::Disk, library};

/// The version of [`layout::Known`] that is written.
pub(super) const KNOWN_VERSION: u32 = 1;

/// What is to be packed.
#[derive(Clone, Debug)]
pub struct Export<'a> {
    /// The models; of those with the same name, the first.
    pub models: Vec<Packed>,
    /// The program to take along, and what it runs on.
    pub program: Option<(&'a Path, &'a str)>,
    /// Bytes of a part, if the bundle is to be split.
    pub split: Option<u64>,
    /// What to do about a bundle that is there.
    pub existing: Existing,
}

/// A bundle that was written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Written {
    /// Its files, in order.
    pub parts: Vec<PathBuf>,
    /// Bytes of all of them.
    pub size: u64,
    /// The digest of its index, which names all of it.
    pub index: Sha256Hex,
    /// The program that was taken along.
    pub program: Option<Program>,
}

/// One entry.
struct Item {
    name: EntryName,
    size: u64,
    source: Source,
}

/// Writes a bundle to `target`, or to `target.001` and so on; `each` hears of every piece, and says
/// whether to go on.
///
/// # Errors
///
/// If there is one and it is to stay, a file is not what its manifest says, there is no room, `each`
/// asks to stop, or the system refuses. What was there before is then as it was; only where parts are replaced may old
/// and new ones lie side by side, and reading them fails.
pub fn export(
    disk: &Disk,
    target: &Path,
    export: Export<'_>,
    each: &mut dyn FnMut(u64) -> ControlFlow<()>,
) -> Result<Written, Error> {
    let Export { models, program, split, existing } = export;
    let program = program.map(|(path, platform)| of_program(path, platform)).transpose()?;
    let taken = program.as_ref().map(|it| it.0.clone());
    let (index, items) = laid_out(models, program);
    let size = items.iter().map(Item::len).sum::<u64>() + tar::END.len() as u64;
    let mut volume = Volume::new(disk, target, size, split, existing)?;
    let mut stopped = false;
    let mut each = |n| -> io::Result<()> {
        stopped = each(n).is_break();
        if stopped { Err(io::ErrorKind::Interrupted.into()) } else { Ok(()) }
    };
    let written = items.iter().try_for_each(|it| write(it, &mut volume, target, &mut each));
    let ended = written.and_then(|()| volume.write_all(&tar::END).map_err(Error::write(target)));
    match ended.and_then(|()| volume.finish()) {
        Ok(parts) => Ok(Written { parts, size, index, program: taken }),
        Err(error) => {
            volume.discard();
            Err(if stopped { library::Error::Stopped.into() } else { error })
        }
    }
}

/// What is in the place of a bundle that is to be written to `target`: that file, or its first part.
pub fn in_place(target: &Path) -> Option<PathBuf> {
    volume::there(target).next()
}

fn of_program(path: &Path, platform: &str) -> Result<(Program, PathBuf), Error> {
    let hashed = File::open(path).and_then(|it| Sha256Hex::of_all(it, |_| Ok(())));
    let (sha256, size) = hashed.map_err(Error::io("read", path))?;
    Ok((Program { sha256, size, platform: platform.to_owned() }, path.to_owned()))
}

/// All entries in order, and the digest of the index.
fn laid_out(
    mut models: Vec<Packed>,
    program: Option<(Program, PathBuf)>,
) -> (Sha256Hex, Vec<Item>) {
    models.sort_by(|a, b| a.name.cmp(&b.name));
    models.dedup_by(|b, a| a.name == b.name);
    let (mut manifests, mut small, mut large) = (Vec::new(), Vec::new(), Vec::new());
    for model in models {
        let known = known(&model.name, model.main.as_ref(), &model.origin, &model.facts);
        let bom = bom(&model);
        let mut layers: Vec<_> = model.files().map(Descriptor::of_file).collect();
        layers.push(Descriptor::of(layout::KNOWN, &known));
        layers.push(Descriptor::of(layout::BOM, &bom));
        let config = layout::config(&model, &layers);
        let about = Descriptor::of(layout::CONFIG, &config);
        let manifest = layout::bytes(&Manifest::new(about, layers));
        manifests.push(Descriptor::of_model(&model.name, &manifest));
        small.extend([manifest, config, known, bom].map(Item::blob));
        large.extend(model.files.into_iter().map(|(file, source)| Item {
            name: EntryName::Blob(file.sha256),
            size: file.size,
            source,
        }));
    }
    let index = layout::bytes(&Index::new(manifests, program.as_ref().map(|it| &it.0)));
    let mut items = vec![
        Item::small(EntryName::Layout, layout::OCI_LAYOUT.to_vec()),
        Item::small(EntryName::Index, index.clone()),
    ];
    let mut there = BTreeSet::new();
    items.extend(small.into_iter().chain(large).filter(|it| there.insert(it.name)));
    items.extend(program.map(|(program, path)| Item {
        name: EntryName::Program,
        size: program.size,
        source: Source::File(path),
    }));
    (Sha256Hex::of(&index), items)
}

impl Item {
    fn small(name: EntryName, bytes: Vec<u8>) -> Self {
        Self { name, size: bytes.len() as u64, source: Source::Bytes(bytes) }
    }

    fn blob(bytes: Vec<u8>) -> Self {
        Self::small(EntryName::Blob(Sha256Hex::of(&bytes)), bytes)
    }

    /// Bytes of it in the tar.
    fn len(&self) -> u64 {
        let header = tar::header(self.name, self.size).len() + tar::padding(self.size);
        header as u64 + self.size
    }
}

fn write(
    item: &Item,
    volume: &mut Volume<'_>,
    target: &Path,
    each: &mut dyn FnMut(u64) -> io::Result<()>,
) -> Result<(), Error> {
    let refused = |error| Error::write(target)(error);
    volume.write_all(&tar::header(item.name, item.size)).map_err(refused)?;
    match &item.source {
        Source::Bytes(bytes) => volume.write_all(bytes).map_err(refused)?,
        Source::File(path) => copy(item, path, volume, target, each)?,
    }
    volume.write_all(&vec![0; tar::padding(item.size)]).map_err(refused)
}

fn copy(
    item: &Item,
    path: &Path,
    volume: &mut Volume<'_>,
    target: &Path,
    each: &mut dyn FnMut(u64) -> io::Result<()>,
) -> Result<(), Error> {
    let size = |found| Error::Size { path: path.to_owned(), found, expected: item.size };
    let found = fs::metadata(path).map_err(Error::io("read", path))?.len();
    if found != item.size {
        return Err(size(found));
    }
    let file = File::open(path).map_err(Error::io("read", path))?;
    let copied = stream::copy(file.take(item.size), volume, each);
    let (found, read) = copied.map_err(|error| match error {
        CopyError::Read(source) => Error::io("read", path)(source),
        CopyError::Write(source) => Error::write(target)(source),
    })?;
    match item.name {
        _ if read != item.size => Err(size(read)),
        EntryName::Blob(expected) if found != expected => {
            Err(Error::Changed { path: path.to_owned(), found, expected })
        }
        _ => Ok(()),
    }
}
