//! Where other programs keep models, by their own environment variables and habits.

use std::{
    collections::HashSet,
    env, fs,
    path::{Path, PathBuf},
};

use etcetera::base_strategy::{BaseStrategy, choose_native_strategy};

use crate::hugging_face;

/// Folders to look at; none need be there.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Places {
    /// Ollama's `models`.
    pub ollama: Vec<PathBuf>,
    /// LM Studio's `models`.
    pub lm_studio: Vec<PathBuf>,
    /// llama.cpp's cache.
    pub llama_cpp: Vec<PathBuf>,
    /// The hub's cache.
    pub hugging_face: Vec<PathBuf>,
}

impl Places {
    /// Those of this user and of this machine's services.
    pub fn of_environment() -> Self {
        let home = etcetera::home_dir().unwrap_or_default();
        let cache =
            choose_native_strategy().map_or_else(|_| home.join(".cache"), |it| it.cache_dir());
        // A manifest holds whole paths.
        let whole = |it: PathBuf| std::path::absolute(&it).unwrap_or(it);
        Self::of(&home, &cache, |name| {
            env::var_os(name).filter(|it| !it.is_empty()).map(|it| whole(it.into()))
        })
    }

    /// The same where the variables say this.
    fn of(home: &Path, cache: &Path, variable: impl Fn(&str) -> Option<PathBuf>) -> Self {
        // Where the packages of Ollama for Linux make a service of it.
        let service = PathBuf::from("/usr/share/ollama/.ollama/models");
        let ollama = match variable("OLLAMA_MODELS") {
            Some(models) => vec![models],
            None => vec![home.join(".ollama/models"), service],
        };
        let llama_cpp = variable("LLAMA_CACHE").unwrap_or_else(|| cache.join("llama.cpp"));
        Self {
            ollama,
            lm_studio: lm_studio(home),
            llama_cpp: vec![llama_cpp],
            hugging_face: hugging_face::models(Some(home), variable).into_iter().collect(),
        }
    }
}

/// A file in the home folder says where LM Studio's own is, and one in there where its models are.
fn lm_studio(home: &Path) -> Vec<PathBuf> {
    let pointer = fs::read_to_string(home.join(".lmstudio-home-pointer")).ok();
    let pointed = pointer.map(|it| PathBuf::from(it.trim())).filter(|it| it.is_absolute());
    let own = pointed.unwrap_or_else(|| home.join(".lmstudio"));
    let settings = fs::read(own.join("settings.json")).ok();
    let settings = settings.and_then(|it| serde_json::from_slice::<serde_json::Value>(&it).ok());
    let chosen = settings.and_then(|it| Some(PathBuf::from(it.get("downloadsFolder")?.as_str()?)));
    let usual = [own.join("models"), home.join(".cache/lm-studio/models")];
    let mut all: Vec<PathBuf> = chosen.into_iter().filter(|it| it.is_absolute()).collect();
    all.extend(usual);
    let mut seen = HashSet::new();
    all.retain(|it| seen.insert(it.canonicalize().unwrap_or_else(|_| it.clone())));
    all
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(variables: &[(&str, &str)], expected: [&str; 3]) {
        let value =
            |name: &str| variables.iter().find(|it| it.0 == name).map(|it| PathBuf::from(it.1));
        let found = Places::of(Path::new("/h"), Path::new("/h/c"), value);
        let all = [&found.ollama, &found.llama_cpp, &found.hugging_face];
        assert_eq!(all.map(|it| it[0].as_path()), expected.map(Path::new), "{variables:?}");
    }

    #[test]
    fn variables_win_over_habits() {
        check(&[], ["/h/.ollama/models", "/h/c/llama.cpp", "/h/.cache/huggingface/hub"]);
        let all = [("OLLAMA_MODELS", "/o"), ("LLAMA_CACHE", "/l"), ("HF_HOME", "/hf")];
        check(&all, ["/o", "/l", "/hf/hub"]);
    }

    #[test]
    fn lm_studio_says_where_it_is() {
        let home = tempfile::tempdir().unwrap();
        let own = home.path().join("studio");
        fs::create_dir(&own).unwrap();
        let usual = lm_studio(home.path());
        assert_eq!(usual[0], home.path().join(".lmstudio/models"));
        fs::write(home.path().join(".lmstudio-home-pointer"), format!("{}\n", own.display()))
            .unwrap();
        assert_eq!(lm_studio(home.path())[0], own.join("models"));
        let chosen = home.path().join("chosen");
        let text = serde_json::json!({"downloadsFolder": chosen}).to_string();
        fs::write(own.join("settings.json"), text).unwrap();
        assert_eq!(lm_studio(home.path())[0], chosen);
    }
}
