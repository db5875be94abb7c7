//! What lies around a library: it stays as it is, whatever a hub says.

use std::{
    collections::BTreeMap,
    env, fs,
    path::{Path, PathBuf},
};

use crate::scene::Scene;

/// Files that hostile names lead to.
const VICTIMS: [&str; 3] = ["evil", "evil-Q4_K_M.gguf", "evil-Q4_K_M.safetensors"];
/// Files of a model, which come into the folder that it grows in.
const FILES: [&str; 3] = ["LICENSE", "README.md", "m-Q4_K_M.gguf"];

/// Everything in the folder of a scene, and the names in the one that the tests run in, but for what
/// a pull makes.
pub(crate) struct Around(BTreeMap<PathBuf, Option<Vec<u8>>>);

/// Lays a file wherever a name could lead that goes up from where a model grows.
pub(crate) fn lay_victims(scene: &Scene) {
    let outermost = scene.folder.path();
    let growing = scene.models().join(".partial/org/model/Q4_K_M");
    let above = growing.ancestors().skip(1).take_while(|it| it.starts_with(outermost));
    for folder in above {
        fs::create_dir_all(folder).expect("a folder");
        for victim in VICTIMS {
            fs::write(folder.join(victim), "kept").expect("a file");
        }
    }
}

impl Around {
    pub(crate) fn of(scene: &Scene) -> Self {
        let mut found = BTreeMap::new();
        collect(scene.folder.path(), &mut found);
        found.retain(|path, _| !is_own(path, &scene.models()));
        let here = env::current_dir().expect("it is somewhere");
        for entry in fs::read_dir(here).expect("it can be read").flatten() {
            found.insert(entry.path(), None);
        }
        Self(found)
    }

    /// Nothing was made, changed or removed since.
    #[track_caller]
    pub(crate) fn assert_untouched(&self, scene: &Scene, what: &str) {
        let now = Self::of(scene).0;
        let all = self.0.keys().chain(now.keys());
        let changed: Vec<_> = all.filter(|it| self.0.get(*it) != now.get(*it)).collect();
        assert!(changed.is_empty(), "{what}: {changed:?}");
    }
}

/// All that is below `folder`; of files, their bytes.
fn collect(folder: &Path, found: &mut BTreeMap<PathBuf, Option<Vec<u8>>>) {
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        let path = entry.path();
        if path.is_dir() {
            collect(&path, found);
            found.insert(path, None);
        } else {
            let bytes = fs::read(&path).ok();
            found.insert(path, bytes);
        }
    }
}

/// Whether a pull of the model may make it: the model, the folders above it, and its locks.
fn is_own(path: &Path, models: &Path) -> bool {
    let Ok(below) = path.strip_prefix(models) else {
        return models.starts_with(path) && path.is_dir();
    };
    let name = below.file_name().and_then(|it| it.to_str()).unwrap_or_default();
    let folders = ["", "org", "org/model", "org/model/Q4_K_M"].map(Path::new);
    let (growing, place) = match below.strip_prefix(".partial") {
        Ok(rest) => (true, rest),
        Err(_) => (false, below),
    };
    let above = place.parent().unwrap_or(place);
    let is_file = FILES.contains(&name.strip_suffix(".parts").unwrap_or(name));
    let is_beside = growing && (name.ends_with(".lock") || name == ".removed");
    folders.contains(&place)
        || above == folders[0] && is_beside
        || above == folders[3] && (is_file || name == "manifest.json")
}
