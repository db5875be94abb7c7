//! A hub, a library in a folder of its own, and who watches.

use std::{
    fs,
    num::{NonZeroU64, NonZeroUsize},
    path::{Path, PathBuf},
    sync::{
        Mutex,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
    time::Duration,
};

use hub::{Error, Hub, Online, Patience, Revision, Settings, Watch};
use store::{
    disk::Disk,
    library::{Entry, Facts, FileName, Library, Manifest, Origin, VERSION},
    name::{Name, RepoId},
};
use tempfile::TempDir;

use crate::{
    around::lay_victims,
    fake::{Fake, Repository},
};

/// The repository that most tests speak of.
pub(crate) const NAME: &str = "org/model";
/// Bytes of a part: small, so that a file has several.
pub(crate) const PART: u64 = 4096;
/// Bytes after which it is noted that they came: some of them inside of a part.
const STEP: u64 = 3000;

pub(crate) struct Scene {
    pub(crate) fake: Fake,
    pub(crate) folder: TempDir,
    /// Of the library: the folder, or deep in it.
    home: PathBuf,
    /// Added to the settings that find the fake.
    pub(crate) variables: Vec<(&'static str, String)>,
    pub(crate) connections: usize,
    pub(crate) limit_rate: Option<NonZeroU64>,
    /// How long the next byte is waited for.
    pub(crate) silence: Duration,
    /// Most bytes of the headers of a model.
    pub(crate) headers: u64,
    pub(crate) watch: Watcher,
}

/// Counts, and stops after so many bytes.
pub(crate) struct Watcher {
    pub(crate) had: AtomicU64,
    pub(crate) come: AtomicU64,
    pub(crate) stop_after: AtomicU64,
    pub(crate) notes: Mutex<Vec<String>>,
}

impl Scene {
    /// With one repository of a GGUF file in several parts and its papers.
    pub(crate) fn new() -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let home = folder.path().to_owned();
        Self::at(folder, home)
    }

    /// The same deep in its folder, and wherever a hostile name could lead to from there, something
    /// is to be harmed.
    pub(crate) fn deep() -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let home = folder.path().join("a/b/c/home");
        let scene = Self::at(folder, home);
        lay_victims(&scene);
        scene
    }

    fn at(folder: TempDir, home: PathBuf) -> Self {
        let fake = Fake::new();
        fake.add(NAME, model());
        let endpoint = ("HF_ENDPOINT", fake.hub.clone());
        // The token of whoever runs this stays where it is.
        let hf_home = ("HF_HOME", folder.path().display().to_string());
        let variables = vec![endpoint, hf_home];
        let (connections, limit_rate) = (3, None);
        let (silence, headers, watch) = (Duration::from_millis(300), 1 << 30, Watcher::new());
        Self { fake, folder, home, variables, connections, limit_rate, silence, headers, watch }
    }

    pub(crate) fn library(&self) -> Library {
        self.library_on(Disk::default())
    }

    pub(crate) fn library_on(&self, disk: Disk) -> Library {
        Library::at(self.models(), disk)
    }

    /// The folder of the library.
    pub(crate) fn models(&self) -> PathBuf {
        self.home.join("models")
    }

    pub(crate) fn hub(&self) -> Result<Hub, Error> {
        let variable =
            |name: &str| self.variables.iter().rev().find(|it| it.0 == name).map(|it| it.1.clone());
        let mut settings = Settings::find(&variable)?;
        settings.connections = NonZeroUsize::new(self.connections).expect("it is not 0");
        settings.part = NonZeroU64::new(PART).expect("it is not 0");
        settings.step = NonZeroU64::new(STEP).expect("it is not 0");
        settings.limit_rate = self.limit_rate;
        settings.headers = self.headers;
        settings.patience = Patience {
            connect: Duration::from_secs(5),
            silence: self.silence,
            rounds: 3,
            pause: Duration::from_millis(1),
            longest_pause: Duration::from_secs(2),
        };
        Hub::new(settings, Online::ask(None, &variable)?)
    }

    /// All of a pull.
    pub(crate) fn pull(&self, wanted: Option<&str>) -> Result<Entry, Error> {
        self.pull_into(&self.library(), wanted)
    }

    pub(crate) fn pull_into(
        &self,
        library: &Library,
        wanted: Option<&str>,
    ) -> Result<Entry, Error> {
        let (hub, watch) = (self.hub()?, &self.watch);
        let repository: RepoId = NAME.parse()?;
        let snapshot = hub.look(&repository, &Revision::default(), watch)?;
        let choice = hub.choose(&snapshot, wanted, watch)?;
        let name = Name::new(&repository, &choice.variant)?;
        let staging = library.stage(&name)?;
        let files = hub.download(&snapshot, (&choice, &[]), (library, &staging), watch)?;
        let manifest = Manifest {
            version: VERSION,
            name,
            main: choice.main.map(FileName),
            files,
            origin: Origin::Hub {
                endpoint: snapshot.endpoint.to_string(),
                repository,
                revision: snapshot.revision.to_string(),
                commit: snapshot.commit,
            },
            arrived: "2026-11-29T12:00:00Z".to_owned(),
            facts: Facts::default(),
            root: None,
        };
        Ok(staging.publish(&manifest)?)
    }

    /// Bytes of what is not complete, as a list of the library tells it.
    pub(crate) fn so_far(&self) -> u64 {
        self.library().unfinished().expect("a library").iter().map(|it| it.1).sum()
    }

    /// Whether the library has the model, whole: each byte as the hub has it.
    #[track_caller]
    pub(crate) fn assert_whole(&self, entry: &Entry, repository: &Repository) {
        for stored in &entry.manifest.files {
            let file = &repository.files[stored.path.0.as_str()];
            let found = fs::read(stored.path.0.below(&entry.folder)).expect("the file is there");
            assert_eq!(stored.sha256.to_string(), file.sha256, "{}", stored.path.0);
            assert!(found == file.bytes, "{} has other bytes", stored.path.0);
        }
        let found = self.library().find(&entry.manifest.name).expect("a library");
        assert_eq!(found.as_ref(), Some(entry));
    }

    /// No model is in the library, and nothing else is where it was not.
    #[track_caller]
    pub(crate) fn assert_nothing_visible(&self) {
        let models = self.models();
        let visible: Vec<_> = files_below(&models)
            .into_iter()
            .filter(|it| !it.starts_with(models.join(".partial")))
            .collect();
        assert!(visible.is_empty(), "{visible:?}");
        let others: Vec<_> = files_below(self.folder.path())
            .into_iter()
            .filter(|it| !it.starts_with(&models))
            .collect();
        assert!(others.is_empty(), "{others:?}");
    }
}

/// A file of six parts and a bit, and two small ones.
pub(crate) fn model() -> Repository {
    Repository::new([
        ("LICENSE", b"do what you like\n".to_vec()),
        ("README.md", b"# A model\n".to_vec()),
        ("m-Q4_K_M.gguf", noise(1, 25_000)),
        ("m-Q8_0.gguf", noise(2, 50_000)),
    ])
}

/// Bytes that repeat nowhere.
pub(crate) fn noise(seed: u64, len: usize) -> Vec<u8> {
    let mut draw = fastrand::Rng::with_seed(seed);
    (0..len).map(|_| draw.u8(..)).collect()
}

pub(crate) fn files_below(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        match entry.path() {
            path if path.is_dir() => found.extend(files_below(&path)),
            path => found.push(path),
        }
    }
    found
}

/// An error with its causes, as it is told.
pub(crate) fn told(error: &Error) -> String {
    let mut text = error.to_string();
    let mut source = std::error::Error::source(error);
    while let Some(cause) = source {
        text += &format!(": {cause}");
        source = cause.source();
    }
    text
}

impl Watcher {
    pub(crate) fn new() -> Self {
        Self {
            had: AtomicU64::new(0),
            come: AtomicU64::new(0),
            stop_after: AtomicU64::new(u64::MAX),
            notes: Mutex::default(),
        }
    }

    /// Bytes that came, and no more than that.
    pub(crate) fn come(&self) -> u64 {
        self.come.load(Relaxed)
    }
}

impl Watch for Watcher {
    fn begin(&self, _: u64, had: u64) {
        self.had.store(had, Relaxed);
    }

    fn advance(&self, bytes: u64) {
        self.come.fetch_add(bytes, Relaxed);
    }

    fn rewind(&self, _: u64) {}

    fn note(&self, what: &str) {
        self.notes.lock().expect("nobody panics").push(what.to_owned());
    }

    fn stop(&self) -> bool {
        self.come() >= self.stop_after.load(Relaxed)
    }
}
