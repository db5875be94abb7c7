//! Which files of a folder belong together: each GGUF file is a model, shards are one, and the
//! safetensors of a folder are one with what lies beside them.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
};

use super::{Candidate, Piece, Program, Survey};
use crate::{
    library::{FileName, OWN},
    name::{Name, nearest_part},
    reference::quant_in,
};

/// A folder of another program.
pub(super) struct Folder {
    pub(super) program: Program,
    /// What the model is called there.
    pub(super) called: String,
    /// Who published it, if anybody did, and the model.
    pub(super) publisher: Option<String>,
    pub(super) model: String,
    pub(super) root: PathBuf,
    pub(super) files: Vec<Piece>,
}

/// Files that the loader, or a person, reads beside safetensors.
const BESIDE: &[&str] = &["safetensors", "json", "txt", "model", "jinja", "md", "tiktoken"];
const TEXTS: &[&str] = &["LICENSE", "LICENCE", "NOTICE", "USE_POLICY"];

impl Folder {
    /// Its models.
    pub(super) fn survey(&self, survey: &mut Survey) {
        for set in self.sets("gguf", survey) {
            let file = set[0].path.0.as_str().rsplit('/').next().unwrap_or_default();
            let stem = file.strip_suffix(".gguf").unwrap_or(file);
            let variant = quant_in(file).map(str::to_owned).or_else(|| nearest_part(stem));
            let variant = variant.unwrap_or_else(|| "default".to_owned());
            let called = format!("{}/{file}", self.called);
            self.add(called, &variant, Some(set[0].path.clone()), set, survey);
        }
        let has_config = self.files.iter().any(|it| it.path.0.as_str() == "config.json");
        let weights = self.sets("safetensors", survey);
        if has_config && !weights.is_empty() {
            let files = self.files.iter().filter(|it| is_beside(&it.path)).cloned().collect();
            self.add(self.called.clone(), "safetensors", None, files, survey);
        }
    }

    fn add(
        &self,
        called: String,
        variant: &str,
        main: Option<FileName>,
        files: Vec<Piece>,
        survey: &mut Survey,
    ) {
        match name(self.publisher.as_deref(), &self.model, variant) {
            Some(name) => {
                let (program, root) = (self.program, self.root.clone());
                survey.candidates.push(Candidate { program, called, name, root, main, files });
            }
            None => survey.pass(&self.root, "nothing of its name can be a name here"),
        }
    }

    /// Files that are one model each, their first shard first. Of sets that lack a shard, that is
    /// noted.
    fn sets(&self, extension: &str, survey: &mut Survey) -> Vec<Vec<Piece>> {
        let mut sets: BTreeMap<String, (usize, Vec<Piece>)> = BTreeMap::new();
        for piece in &self.files {
            let path = piece.path.0.as_str();
            let Some(stem) = path.strip_suffix(&format!(".{extension}")) else { continue };
            // Parts for pictures and sound are no models.
            if stem.to_ascii_lowercase().contains("mmproj") {
                continue;
            }
            let (prefix, count) = shard(stem).unwrap_or((stem, 1));
            sets.entry(prefix.to_owned()).or_insert((count, Vec::new())).1.push(piece.clone());
        }
        let mut whole = Vec::new();
        for (prefix, (count, mut pieces)) in sets {
            pieces.sort_by(|a, b| a.path.cmp(&b.path));
            match pieces.len() == count {
                true => whole.push(pieces),
                false => survey.pass(
                    self.root.join(prefix),
                    format!("{} of its {count} files are there", pieces.len()),
                ),
            }
        }
        whole
    }
}

/// A name of the library from what another program calls a model.
pub(super) fn name(publisher: Option<&str>, model: &str, variant: &str) -> Option<Name> {
    let (model, variant) = (nearest_part(model)?, nearest_part(variant)?);
    let name = match publisher {
        Some(publisher) => format!("{}/{model}:{variant}", nearest_part(publisher)?),
        None => format!("{model}:{variant}"),
    };
    name.parse().ok()
}

/// What stands before `-00001-of-00003`, and how many there are.
pub(crate) fn shard(stem: &str) -> Option<(&str, usize)> {
    let (rest, count) = stem.rsplit_once("-of-")?;
    let (prefix, no) = rest.rsplit_once('-')?;
    let number = |it: &str| it.len() == 5 && it.bytes().all(|it| it.is_ascii_digit());
    (number(no) && number(count)).then(|| Some((prefix, count.parse().ok()?)))?
}

/// Not what is called as a file of the library's own: no bundle takes it.
fn is_beside(path: &FileName) -> bool {
    if OWN.contains(&path.0.fold_key().as_str()) {
        return false;
    }
    let path = Path::new(path.0.as_str());
    let extension = path.extension().and_then(|it| it.to_str()).unwrap_or_default();
    let file = path.file_name().and_then(|it| it.to_str()).unwrap_or_default();
    BESIDE.contains(&extension) || TEXTS.iter().any(|it| file.starts_with(it))
}
