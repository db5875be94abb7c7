//! Which files of a repository make up the model that was asked for.

use std::collections::{BTreeMap, HashSet};

use loader::SafeRelPath;
use store::name::RepoId;

use crate::{Error, RemoteFile, Snapshot, label};

/// How the folder of a safetensors model is asked for, and called.
const SAFETENSORS: &str = "safetensors";
/// How a GGUF file whose name tells no format is called.
const DEFAULT: &str = "default";
/// What goes along with every model, in its repository's own folder.
const PAPERS: &[&str] = &["LICENSE", "LICENCE", "NOTICE", "README", "USE_POLICY", "COPYING"];
/// Weights that other programs unpickle.
const PICKLES: &[&str] = &[".bin", ".pt", ".pth", ".ckpt", ".pkl"];

/// The files of one model.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Choice {
    /// Which of the repository's models: its weight format, `safetensors`, or `default`.
    pub variant: String,
    /// What it is.
    pub kind: Kind,
    /// What is opened; nothing where the whole folder is the model.
    pub main: Option<SafeRelPath>,
    /// The weights and what belongs to them, licence and card included.
    pub files: Vec<RemoteFile>,
    /// The file with the licence's text.
    pub licence: Option<SafeRelPath>,
    /// Whether nobody asked for this one.
    pub by_default: bool,
}

/// The container of a model.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// One file, or several that say so themselves.
    Gguf,
    /// A folder.
    Safetensors,
}

/// A model of a repository.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Offer {
    /// How it is asked for.
    pub name: String,
    /// Bytes of its weights; of a folder of several files, of all weights of the repository.
    pub size: u64,
    /// Its container.
    pub kind: Kind,
    files: Vec<RemoteFile>,
}

impl Choice {
    /// Bytes of all files.
    pub fn size(&self) -> u64 {
        self.files.iter().map(|it| it.size).sum()
    }

    /// How many files hold weights.
    pub fn shards(&self) -> impl Iterator<Item = &RemoteFile> {
        let ending = match self.kind {
            Kind::Gguf => ".gguf",
            Kind::Safetensors => ".safetensors",
        };
        self.files.iter().filter(move |it| it.path.as_str().ends_with(ending))
    }
}

impl Snapshot {
    /// The models of the repository, those first that are taken unasked.
    pub fn offers(&self) -> Vec<Offer> {
        let mut sets: BTreeMap<(&str, &str), Vec<RemoteFile>> = BTreeMap::new();
        for file in self.files.iter().filter(|it| is_model(it)) {
            let prefix = label::shard(file.name()).map_or(file.name(), |it| it.prefix);
            sets.entry((file.folder(), prefix)).or_default().push(file.clone());
        }
        let mut offers: Vec<Offer> = sets.into_values().map(Offer::of_gguf).collect();
        offers.sort_by_key(|it| (label::rank(&it.name), it.size));
        if self.weights().is_some() {
            let is_weights = |it: &&RemoteFile| it.path.as_str().ends_with(".safetensors");
            let size = self.files.iter().filter(is_weights).map(|it| it.size).sum();
            let (name, kind) = (SAFETENSORS.to_owned(), Kind::Safetensors);
            offers.push(Offer { name, size, kind, files: Vec::new() });
        }
        offers
    }

    /// The offer that `wanted` names, by format, by file or as the library calls it; without a wish, the
    /// first.
    ///
    /// # Errors
    ///
    /// If there is none, or there are several.
    pub(crate) fn offer(&self, wanted: Option<&str>) -> Result<Offer, Error> {
        let offers = self.offers();
        let Some(wanted) = wanted else {
            return offers.into_iter().next().ok_or_else(|| self.no_model());
        };
        let names: Vec<String> = offers.iter().map(|it| it.name.clone()).collect();
        // A whole path is one file, whatever others are called.
        let is_path = offers.iter().any(|it| it.has(wanted));
        let is = |it: &Offer| if is_path { it.has(wanted) } else { it.is_called(wanted) };
        let mut found: Vec<Offer> = offers.iter().filter(|&it| is(it)).cloned().collect();
        if found.is_empty() {
            // What the library calls it may be neither its format nor a file of it.
            let is = |it: &Offer| it.variant(self).eq_ignore_ascii_case(wanted);
            found = offers.into_iter().filter(is).collect();
        }
        match found.len() {
            1 => Ok(found.remove(0)),
            0 if names.is_empty() => Err(self.no_model()),
            n => {
                let files = |it: &Offer| it.files.first().map(|it| it.path.to_string());
                let files: Vec<String> = found.iter().filter_map(files).collect();
                let offers = if n == 0 { names } else { files.clone() };
                let (repository, wanted) = (self.repository.clone(), wanted.to_owned());
                Err(Error::Variant { repository, wanted, found: files, offers })
            }
        }
    }

    /// The files of `offer`, whose weights are `weights`, and the papers that go along.
    ///
    /// # Errors
    ///
    /// If a file of several is missing, or two names may be one file.
    pub(crate) fn choice(
        &self,
        offer: &Offer,
        mut files: Vec<RemoteFile>,
        wanted: Option<&str>,
    ) -> Result<Choice, Error> {
        files.sort_by(|a, b| a.path.cmp(&b.path));
        let main = (offer.kind == Kind::Gguf).then(|| files[0].path.clone());
        complete(&self.repository, &files)?;
        let papers: Vec<RemoteFile> =
            self.files.iter().filter(|it| is_paper(it)).cloned().collect();
        let is_licence = |it: &&RemoteFile| {
            let name = it.name().to_ascii_uppercase();
            name.starts_with("LICEN") || name.starts_with("COPYING")
        };
        let licence = papers.iter().find(is_licence).map(|it| it.path.clone());
        files.extend(papers);
        let mut names = HashSet::new();
        if let Some(twice) = files.iter().find(|it| !names.insert(it.path.fold_key())) {
            let (repository, path) = (self.repository.clone(), twice.path.to_string());
            return Err(Error::Twice { repository, path });
        }
        let (variant, kind) = (offer.variant(self), offer.kind);
        Ok(Choice { variant, kind, main, files, licence, by_default: wanted.is_none() })
    }

    fn no_model(&self) -> Error {
        let pickled = |it: &&RemoteFile| PICKLES.iter().any(|end| it.path.as_str().ends_with(end));
        let found = self.files.iter().filter(pickled).map(|it| it.path.to_string()).collect();
        Error::NoModel { repository: self.repository.clone(), found }
    }
}

impl Offer {
    fn of_gguf(files: Vec<RemoteFile>) -> Self {
        let name = label::format(files[0].name()).unwrap_or_else(|| DEFAULT.to_owned());
        let size = files.iter().map(|it| it.size).sum();
        Self { name, size, kind: Kind::Gguf, files }
    }

    /// Its weights, where the list of the repository's files tells them.
    pub(crate) fn files(&self) -> &[RemoteFile] {
        &self.files
    }

    /// Whether a file of it is at `path`.
    fn has(&self, path: &str) -> bool {
        self.files.iter().any(|it| it.path.as_str() == path)
    }

    /// Whether its format or a file of it is called so.
    fn is_called(&self, wanted: &str) -> bool {
        self.name.eq_ignore_ascii_case(wanted) || self.files.iter().any(|it| it.name() == wanted)
    }

    /// What it is called in the library; by its file where several have its format, and by its
    /// folder, too, where several have that name.
    fn variant(&self, of: &Snapshot) -> String {
        let twins: Vec<Self> = of.offers().into_iter().filter(|it| it.name == self.name).collect();
        let Some(first) = self.files.first().filter(|_| twins.len() > 1) else {
            return self.name.clone();
        };
        let namesakes = twins.iter().filter(|it| it.stem() == self.stem()).count();
        let stem = self.stem().unwrap_or_default();
        let called = match namesakes > 1 {
            true => format!("{}-{stem}", first.folder()),
            false => stem.to_owned(),
        };
        let plain = |c: char| if c == '/' || c == ' ' { '-' } else { c };
        called.trim_start_matches('-').chars().map(plain).take(90).collect()
    }

    /// The name of its file, or what the names of its files begin with.
    fn stem(&self) -> Option<&str> {
        let name = self.files.first()?.name();
        let stem = label::shard(name).map_or(name, |it| it.prefix);
        Some(stem.strip_suffix(".gguf").unwrap_or(stem))
    }
}

/// Weights of a language model: not of what sees for it, nor what quantising looks at.
fn is_model(file: &RemoteFile) -> bool {
    let name = file.name().to_ascii_lowercase();
    name.ends_with(".gguf") && !name.contains("mmproj") && !name.contains("imatrix")
}

fn is_paper(file: &RemoteFile) -> bool {
    let name = file.path.as_str();
    let stem = name.split('.').next().unwrap_or_default().to_ascii_uppercase();
    let ends = ["", ".md", ".txt"].iter().any(|it| name[stem.len()..].eq_ignore_ascii_case(it));
    ends && PAPERS.iter().any(|it| stem.starts_with(it))
}

/// Whether all files of several are there.
fn complete(repository: &RepoId, files: &[RemoteFile]) -> Result<(), Error> {
    let shards: Vec<_> = files.iter().filter_map(|it| label::shard(it.name())).collect();
    let Some(first) = shards.first() else { return Ok(()) };
    let same = shards.iter().filter(|it| it.count == first.count);
    let there: HashSet<usize> = same.map(|it| it.number).collect();
    match (1..=first.count).find(|it| !there.contains(it)) {
        None => Ok(()),
        Some(n) => {
            let missing = format!("{}-{n:05}-of-{:05}.gguf", first.prefix, first.count);
            Err(Error::Incomplete { repository: repository.clone(), missing })
        }
    }
}

#[cfg(test)]
mod tests;
