//! Ollama's models: a manifest a name, in the form of container images, and blobs called by their
//! SHA-256.
//!
//! ```text
//! manifests/registry.ollama.ai/library/llama3.2/3b       llama3.2:3b
//! manifests/registry.ollama.ai/someone/model/latest      someone/model:latest
//! manifests/hf.co/org/repo/Q4_K_M                        hf.co/org/repo:Q4_K_M
//! blobs/sha256-…                                         weights, template, parameters, licence
//! ```

use std::{
    fs::{self, File},
    io::Read,
    path::Path,
};

use loader::{SafeRelPath, path::PathError};
use serde::Deserialize;

use super::{Candidate, Piece, Program, Survey, names_in, sets};
use crate::{
    digest::{DigestError, Sha256Hex},
    library::{Entry, FileName, Origin},
};

const REGISTRY: &str = "registry.ollama.ai";
const LIBRARY: &str = "library";
/// Bytes of the longest manifest or text that is read.
const MAX_TEXT: u64 = 1 << 20;

/// What Ollama gives a model beside its weights. Ingle shows it and does not use it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Foreign {
    /// Its template, in Go's language.
    pub template: Option<String>,
    /// Its parameters, in JSON.
    pub parameters: Option<String>,
    /// Its system prompt.
    pub system: Option<String>,
}

#[derive(Deserialize)]
struct Manifest {
    layers: Vec<Layer>,
}

#[derive(Deserialize)]
struct Layer {
    #[serde(rename = "mediaType")]
    kind: String,
    digest: String,
    size: u64,
}

pub(super) fn survey(models: &Path, survey: &mut Survey) {
    let manifests = models.join("manifests");
    for host in names_in(&manifests, survey) {
        for namespace in names_in(&manifests.join(&host), survey) {
            for model in names_in(&manifests.join(&host).join(&namespace), survey) {
                let folder = manifests.join(&host).join(&namespace).join(&model);
                for tag in names_in(&folder, survey) {
                    let path = [&host, &namespace, &model, &tag].map(String::as_str);
                    match candidate(models, path) {
                        Ok(candidate) => survey.candidates.push(candidate),
                        Err(why) => survey.pass(folder.join(&tag), why),
                    }
                }
            }
        }
    }
}

/// The model whose manifest lies at `host/namespace/model/tag`.
fn candidate(models: &Path, path: [&str; 4]) -> Result<Candidate, String> {
    let [host, namespace, model, tag] = path;
    let called = match (host, namespace) {
        (REGISTRY, LIBRARY) => format!("{model}:{tag}"),
        (REGISTRY, namespace) => format!("{namespace}/{model}:{tag}"),
        _ => format!("{host}/{namespace}/{model}:{tag}"),
    };
    let publisher = Some(namespace).filter(|_| (host, namespace) != (REGISTRY, LIBRARY));
    let name = sets::name(publisher, model, tag).ok_or("nothing of its name can be a name here")?;
    let manifest = read(models, path)?;
    if manifest.of_kind("adapter").next().is_some() {
        return Err("it is an adapter over a model; `--lora` takes one".to_owned());
    }
    let [weights] = manifest.of_kind("model").collect::<Vec<_>>()[..] else {
        return Err("its weights are not one GGUF file".to_owned());
    };
    let file = weights.piece()?;
    let main = Some(file.path.clone());
    let mut files = vec![file];
    for licence in manifest.of_kind("license") {
        let licence = licence.piece()?;
        if files.iter().all(|it| it.path != licence.path) {
            files.push(licence);
        }
    }
    let root = models.join("blobs");
    for piece in &files {
        let found = piece.path.0.below(&root).metadata().map(|it| it.len());
        if found.as_ref().ok() != Some(&piece.size) {
            let found = found.map_or("it is missing".to_owned(), |it| format!("{it} bytes"));
            return Err(format!("`{}`: {found}, expected {} bytes", piece.path.0, piece.size));
        }
    }
    Ok(Candidate { program: Program::Ollama, called, name, root, main, files })
}

/// What Ollama gives `entry` beside its weights, if it was adopted from there and still is there.
pub fn foreign(entry: &Entry) -> Option<Foreign> {
    let Origin::Adopted { program, called } = &entry.manifest.origin else { return None };
    let blobs = entry.manifest.root.as_ref().filter(|_| *program == Program::Ollama.to_string())?;
    let models = blobs.parent()?;
    let (path, tag) = called.rsplit_once(':')?;
    let path: Vec<&str> = path.split('/').collect();
    let path = match *path.as_slice() {
        [model] => [REGISTRY, LIBRARY, model, tag],
        [namespace, model] => [REGISTRY, namespace, model, tag],
        [host, namespace, model] => [host, namespace, model, tag],
        _ => return None,
    };
    let manifest = read(models, path).ok()?;
    let text = |kind| {
        let digest: Sha256Hex = manifest.of_kind(kind).next()?.sha256().ok()?;
        text(&blobs.join(format!("sha256-{digest}"))).ok()
    };
    let (template, parameters, system) = (text("template"), text("params"), text("system"));
    Some(Foreign { template, parameters, system })
}

fn read(models: &Path, path: [&str; 4]) -> Result<Manifest, String> {
    let path: SafeRelPath = path.join("/").parse().map_err(|it: PathError| it.to_string())?;
    let text = text(&path.below(&models.join("manifests")))?;
    serde_json::from_str(&text).map_err(|it| format!("it is no manifest of Ollama: {it}"))
}

/// A small file; bytes that are no UTF-8 are replaced.
fn text(path: &Path) -> Result<String, String> {
    let told = |it: std::io::Error| it.to_string();
    if !fs::metadata(path).map_err(told)?.is_file() {
        return Err("it is no file".to_owned());
    }
    let mut bytes = Vec::new();
    File::open(path).map_err(told)?.take(MAX_TEXT).read_to_end(&mut bytes).map_err(told)?;
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

impl Manifest {
    /// Layers of `application/vnd.ollama.image.…`.
    fn of_kind(&self, kind: &str) -> impl Iterator<Item = &Layer> {
        let kind = format!("application/vnd.ollama.image.{kind}");
        self.layers.iter().filter(move |it| it.kind == kind)
    }
}

impl Layer {
    /// A digest can be a part of a path; the text of a manifest from elsewhere cannot.
    fn sha256(&self) -> Result<Sha256Hex, String> {
        let digest = self.digest.strip_prefix("sha256:").unwrap_or(&self.digest);
        digest.parse().map_err(|it: DigestError| it.to_string())
    }

    fn piece(&self) -> Result<Piece, String> {
        let digest = self.sha256()?;
        let path = format!("sha256-{digest}").parse().expect("letters, digits and a hyphen");
        Ok(Piece { path: FileName(path), size: self.size, promised: Some(digest) })
    }
}
