//! Opens a model of the library for use: what its manifest names, and nothing else that may lie
//! beside it.

use std::{collections::BTreeMap, fs, path::Path};

use loader::{Access, Bytes, Container, Mapping, ModelFile, Override};

use super::{Entry, Error, Links, absent};

impl Entry {
    /// Opens the model; what to override is chosen once it has been read, as in
    /// [`ModelFile::open_choosing`].
    ///
    /// # Errors
    ///
    /// If a file is missing or of another size than the manifest says, the model would read one that
    /// it does not name, or the loader refuses.
    pub fn open(
        &self,
        access: Access,
        choose: impl FnOnce(&ModelFile) -> Vec<Override>,
    ) -> Result<ModelFile, Error> {
        self.check_sizes()?;
        let load = Error::load(self.name());
        if self.manifest.main.is_none() {
            return self.open_folder(access, choose).map_err(load);
        }
        let file = ModelFile::open_choosing(&self.to_open(), access, choose).map_err(load)?;
        // Beside weights a loader looks for what it may read: a chat template, a tokenizer.
        if file.container == Container::Safetensors
            && let Some(stray) = self.unnamed()?.into_iter().next()
        {
            return Err(Error::Unnamed { path: stray.path });
        }
        // The shards of a split file name each other.
        match file.mappings.iter().find(|it| !self.names(it.path())) {
            Some(stray) => Err(Error::Unnamed { path: stray.path().to_owned() }),
            None => Ok(file),
        }
    }

    /// Each file is opened once and handed to the loader, which looks at no folder.
    fn open_folder(
        &self,
        access: Access,
        choose: impl FnOnce(&ModelFile) -> Vec<Override>,
    ) -> Result<ModelFile, loader::Error> {
        let (mut files, mut mappings) = (BTreeMap::new(), Vec::new());
        for file in &self.manifest.files {
            let mapping = Mapping::open_with(&file.path.0.below(self.files()), access)?;
            files.insert(file.path.0.as_str().to_owned(), Bytes::new(mapping.clone()));
            mappings.push(mapping);
        }
        // What the folder is called is the model's name where its files tell no other.
        let called = self.name().model();
        let mut file = ModelFile::from_files(called, files.clone(), &[])?;
        let overrides = choose(&file);
        if !overrides.is_empty() {
            file = ModelFile::from_files(called, files, &overrides)?;
        }
        file.mappings = mappings;
        file.path = self.files().to_owned();
        Ok(file)
    }

    /// Whether its files are there and as long as the manifest says: what can be known without
    /// reading them.
    ///
    /// # Errors
    ///
    /// The first that is not.
    pub fn check_sizes(&self) -> Result<(), Error> {
        for file in &self.manifest.files {
            let path = file.path.0.below(self.files());
            let found = match self.links() {
                Links::Followed => fs::metadata(&path),
                Links::Refused => fs::symlink_metadata(&path),
            };
            let found = match found {
                Err(error) if absent(&error) => None,
                Ok(found) if !found.is_file() => return Err(Error::NotAFile { path }),
                found => Some(found.map_err(Error::io("read", &path))?.len()),
            };
            if found != Some(file.size) {
                return Err(Error::Size { path, found, expected: file.size });
            }
        }
        Ok(())
    }

    fn names(&self, path: &Path) -> bool {
        self.manifest.files.iter().any(|it| it.path.0.below(self.files()) == path)
    }
}
