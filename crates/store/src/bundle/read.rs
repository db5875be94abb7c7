//! Reads a bundle up to its models' bytes: everything is where it should be, and nothing else.

use std::{
    collections::{BTreeMap, BTreeSet, HashSet},
    io::{self, Read},
    path::{Path, PathBuf},
};

use loader::SafeRelPath;
use serde::de::DeserializeOwned;

use super::{
    BadContent, Error,
    layout::{self, Descriptor, Index, Known, Program},
    pack::KNOWN_VERSION,
    parts::{Parts, Section},
    scan::{Place, entries},
    stream,
    tar::EntryName,
    unpack::Begun,
};
use crate::{
    digest::Sha256Hex,
    library::{Facts, FileName, OWN, Origin, StoredFile},
    name::Name,
};

/// Endings of files that run where other programs read them: pickles, and Python itself. What is opened
/// may be called so, as the loader looks what it is.
const CODE: [&str; 6] = [".bin", ".pt", ".pth", ".ckpt", ".pkl", ".py"];

/// Bytes of the largest JSON in it.
const MAX_JSON: u64 = 16 << 20;

/// A bundle whose order has been checked; the bytes of the models have not.
#[derive(Debug)]
pub struct Bundle {
    path: PathBuf,
    pub(super) parts: Parts,
    entries: BTreeMap<EntryName, Place>,
    index: Sha256Hex,
    models: Vec<Carried>,
    program: Option<Program>,
}

/// A model in a bundle.
#[derive(Clone, Debug, PartialEq)]
pub struct Carried {
    /// What it is called.
    pub name: Name,
    /// What is opened, or nothing where the whole folder is the model.
    pub main: Option<FileName>,
    /// All files, as the bundle lists them.
    pub files: Vec<StoredFile>,
    /// Where it came from before it was packed.
    pub origin: Origin,
    /// What was known of it there.
    pub facts: Facts,
}

impl Bundle {
    /// Opens the bundle at `path`, or the one that this is a part of.
    ///
    /// # Errors
    ///
    /// If it cannot be read, is damaged, or has an entry in it that it does not name, or that is not
    /// as it is named.
    pub fn open(path: &Path) -> Result<Self, Error> {
        let parts = Parts::open(path)?;
        let entries = entries(path, &parts)?;
        let mut bundle = Self {
            path: path.to_owned(),
            parts,
            entries,
            index: Sha256Hex::of(b""),
            models: Vec::new(),
            program: None,
        };
        let mut named = BTreeSet::from([EntryName::Layout, EntryName::Index]);
        if bundle.small(EntryName::Layout)? != layout::OCI_LAYOUT {
            return Err(bundle.bad(EntryName::Layout, BadContent::Layout));
        }
        let bytes = bundle.small(EntryName::Index)?;
        let index: Index = bundle.json(EntryName::Index, &bytes)?;
        bundle.is(EntryName::Index, &index.media_type, layout::INDEX)?;
        bundle.index = Sha256Hex::of(&bytes);
        let mut names = HashSet::new();
        for model in &index.manifests {
            let carried = bundle.model(model, &mut named)?;
            if !names.insert(carried.name.fold_key()) {
                return Err(bundle.bad(&carried.name, BadContent::TwoModels));
            }
            bundle.models.push(carried);
        }
        bundle.program = index.program();
        if let Some(program) = &bundle.program {
            named.insert(EntryName::Program);
            bundle.size_is(EntryName::Program, program.size)?;
        }
        if layout::bytes(&Index::new(index.manifests, bundle.program.as_ref())) != bytes {
            return Err(bundle.bad(EntryName::Index, BadContent::Form));
        }
        match bundle.entries.keys().find(|it| !named.contains(it)) {
            Some(unnamed) => Err(bundle.bad(unnamed, BadContent::Unnamed)),
            None => Ok(bundle),
        }
    }

    /// The models in it.
    pub fn models(&self) -> &[Carried] {
        &self.models
    }

    /// The digest of its index, which names all of it.
    pub fn index(&self) -> Sha256Hex {
        self.index
    }

    /// The program in it, if there is one; its bytes are compared now.
    ///
    /// # Errors
    ///
    /// If they cannot be read, or are others than the index says.
    pub fn program(&self) -> Result<Option<&Program>, Error> {
        let Some(program) = &self.program else { return Ok(None) };
        let section = self.content(EntryName::Program)?;
        let found =
            Sha256Hex::of_all(section, |_| Ok(())).map_err(Error::io("read", &self.path))?;
        match found.0 == program.sha256 {
            true => Ok(Some(program)),
            false => {
                let why = BadContent::Digest { found: found.0, expected: program.sha256 };
                Err(self.bad(EntryName::Program, why))
            }
        }
    }

    /// Copies the bytes of a file behind those that `to` has, and compares them all while they go.
    pub(super) fn copy(
        &self,
        file: &StoredFile,
        begun: Begun,
        to: &mut impl io::Write,
        to_path: &Path,
        each: &mut dyn FnMut(u64),
    ) -> Result<(), Error> {
        let name = EntryName::Blob(file.sha256);
        let mut rest = self.content(name)?;
        rest.skip(begun.size).map_err(Error::io("read", &self.path))?;
        let copied = stream::copy_behind(begun.hash, rest, to, &mut |n| {
            each(n);
            Ok(())
        });
        let (found, _) = copied.map_err(|error| match error {
            stream::CopyError::Read(source) => Error::io("read", &self.path)(source),
            stream::CopyError::Write(source) => Error::io("write", to_path)(source),
        })?;
        match found == file.sha256 {
            true => Ok(()),
            false => Err(self.bad(name, BadContent::Digest { found, expected: file.sha256 })),
        }
    }

    fn model(
        &self,
        descriptor: &Descriptor,
        named: &mut BTreeSet<EntryName>,
    ) -> Result<Carried, Error> {
        let manifest = EntryName::Blob(descriptor.digest.0);
        let bytes = self.blob(descriptor, layout::MANIFEST)?;
        let layout::Manifest { media_type, artifact_type, config, layers, .. } =
            self.json(manifest, &bytes)?;
        self.is(manifest, &media_type, layout::MANIFEST)?;
        self.is(manifest, &artifact_type, layout::MODEL)?;
        self.blob(&config, layout::CONFIG)?;
        named.extend([manifest, EntryName::Blob(config.digest.0)]);
        named.extend(layers.iter().map(|it| EntryName::Blob(it.digest.0)));
        self.blob(self.only(&layers, layout::BOM, manifest)?, layout::BOM)?;
        let known = self.only(&layers, layout::KNOWN, manifest)?;
        let bytes_known = self.blob(known, layout::KNOWN)?;
        let Known { version, name, main, origin, facts } =
            self.json(EntryName::Blob(known.digest.0), &bytes_known)?;
        if version > KNOWN_VERSION {
            let why = BadContent::Newer { found: version, known: KNOWN_VERSION };
            return Err(self.bad(&name, why));
        }
        if *descriptor != Descriptor::of_model(&name, &bytes) {
            return Err(self.bad(&name, BadContent::Contradicted));
        }
        let others = [layout::BOM, layout::KNOWN];
        let files = layers.iter().filter(|it| !others.contains(&it.media_type.as_str()));
        let files = files.map(|it| self.file(it, manifest)).collect::<Result<_, _>>()?;
        let carried = Carried { name, main, files, origin, facts };
        carried.check().map_err(|why| self.bad(&carried.name, why))?;
        Ok(carried)
    }

    /// The layer of this kind.
    fn only<'a>(
        &self,
        layers: &'a [Descriptor],
        kind: &'static str,
        manifest: EntryName,
    ) -> Result<&'a Descriptor, Error> {
        let all: Vec<_> = layers.iter().filter(|it| it.media_type == kind).collect();
        match all[..] {
            [it] => Ok(it),
            _ => Err(self.bad(manifest, BadContent::Described { kind, found: all.len() })),
        }
    }

    fn file(&self, layer: &Descriptor, manifest: EntryName) -> Result<StoredFile, Error> {
        let path = layer.file_path().ok_or_else(|| self.bad(manifest, BadContent::NoPath))?;
        let path: SafeRelPath =
            path.parse().map_err(|why| self.bad(manifest, BadContent::Path(why)))?;
        self.size_is(EntryName::Blob(layer.digest.0), layer.size)?;
        Ok(StoredFile { path: FileName(path), size: layer.size, sha256: layer.digest.0 })
    }

    /// The bytes of a JSON that a descriptor names.
    fn blob(&self, descriptor: &Descriptor, kind: &'static str) -> Result<Vec<u8>, Error> {
        let name = EntryName::Blob(descriptor.digest.0);
        self.is(name, &descriptor.media_type, kind)?;
        self.size_is(name, descriptor.size)?;
        let bytes = self.small(name)?;
        let (found, expected) = (Sha256Hex::of(&bytes), descriptor.digest.0);
        match found == expected {
            true => Ok(bytes),
            false => Err(self.bad(name, BadContent::Digest { found, expected })),
        }
    }

    fn content(&self, name: EntryName) -> Result<Section<'_>, Error> {
        let place = self.entries.get(&name);
        let place = place.ok_or_else(|| self.bad(name, BadContent::Missing))?;
        Ok(self.parts.section(place.begin, place.size))
    }

    fn small(&self, name: EntryName) -> Result<Vec<u8>, Error> {
        let mut content = self.content(name)?;
        let found = content.left();
        if found > MAX_JSON {
            return Err(self.bad(name, BadContent::TooLarge { found, limit: MAX_JSON }));
        }
        let mut bytes = Vec::new();
        content.read_to_end(&mut bytes).map_err(Error::io("read", &self.path))?;
        Ok(bytes)
    }

    /// All of a file of a model, which was looked at to be small, compared with its digest.
    pub(super) fn bytes(&self, file: &StoredFile) -> Result<Vec<u8>, Error> {
        let name = EntryName::Blob(file.sha256);
        let (mut bytes, mut content) = (Vec::new(), self.content(name)?);
        content.read_to_end(&mut bytes).map_err(Error::io("read", &self.path))?;
        let (found, expected) = (Sha256Hex::of(&bytes), file.sha256);
        match found == expected {
            true => Ok(bytes),
            false => Err(self.bad(name, BadContent::Digest { found, expected })),
        }
    }

    fn size_is(&self, name: EntryName, expected: u64) -> Result<(), Error> {
        match self.content(name)?.left() {
            found if found == expected => Ok(()),
            found => Err(self.bad(name, BadContent::Size { found, expected })),
        }
    }

    fn is(&self, name: EntryName, found: &str, expected: &'static str) -> Result<(), Error> {
        match found == expected {
            true => Ok(()),
            false => {
                let found = found.chars().take(120).collect();
                Err(self.bad(name, BadContent::MediaType { found, expected }))
            }
        }
    }

    fn json<T: DeserializeOwned>(&self, name: EntryName, bytes: &[u8]) -> Result<T, Error> {
        serde_json::from_slice(bytes).map_err(|why| self.bad(name, BadContent::Json(why)))
    }

    pub(super) fn bad(&self, what: impl ToString, why: BadContent) -> Error {
        Error::Content { path: self.path.clone(), what: what.to_string(), why }
    }
}

impl Carried {
    /// Bytes of all files.
    pub fn size(&self) -> u64 {
        self.files.iter().map(|it| it.size).fold(0, u64::saturating_add)
    }

    fn check(&self) -> Result<(), BadContent> {
        let mut names = HashSet::new();
        for file in &self.files {
            let (name, path) = (&file.path, &file.path.0);
            let key = path.fold_key();
            if OWN.contains(&key.as_str()) {
                return Err(BadContent::Reserved(path.clone()));
            }
            if CODE.iter().any(|it| key.ends_with(it)) && self.main.as_ref() != Some(name) {
                return Err(BadContent::Code(path.clone()));
            }
            if !names.insert(key) {
                return Err(BadContent::TwoFiles(path.clone()));
            }
        }
        match &self.main {
            Some(main) if self.files.iter().all(|it| it.path != *main) => {
                Err(BadContent::Main(main.0.clone()))
            }
            _ => Ok(()),
        }
    }
}
