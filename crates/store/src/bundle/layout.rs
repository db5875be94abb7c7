//! The JSON of a bundle: OCI image layout 1.0, with the media types of CNCF ModelPack.

use std::collections::BTreeMap;

use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error as _};

use super::Packed;
use crate::{
    digest::Sha256Hex,
    library::{Facts, FileName, Origin, StoredFile},
    name::Name,
};

/// What the program is called in a bundle.
pub(super) const PROGRAM: &str = "ingle";
/// All of `oci-layout`.
pub(super) const OCI_LAYOUT: &[u8] = br#"{"imageLayoutVersion":"1.0.0"}"#;

pub(super) const INDEX: &str = "application/vnd.oci.image.index.v1+json";
pub(super) const MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";
pub(super) const MODEL: &str = "application/vnd.cncf.model.manifest.v1+json";
pub(super) const CONFIG: &str = "application/vnd.cncf.model.config.v1+json";
const WEIGHTS: &str = "application/vnd.cncf.model.weight.v1.raw";
const WEIGHTS_CONFIG: &str = "application/vnd.cncf.model.weight.config.v1.raw";
const DOCUMENT: &str = "application/vnd.cncf.model.doc.v1.raw";
/// What Ingle knows of a model.
pub(super) const KNOWN: &str = "application/vnd.ingle.model.v1+json";
pub(super) const BOM: &str = "application/vnd.cyclonedx+json";

/// Where a file of the model lies below its folder.
const FILE_PATH: &str = "org.cncf.model.filepath";
/// What a model is called.
const REF_NAME: &str = "org.opencontainers.image.ref.name";
/// The digest of the program, its size in bytes, and what it runs on.
const PROGRAM_KEYS: [&str; 3] =
    ["ingle.program.sha256", "ingle.program.size", "ingle.program.platform"];

/// `sha256:HEX`
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Digest(pub(super) Sha256Hex);

/// Something that lies under its digest.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct Descriptor {
    pub(super) media_type: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) artifact_type: Option<String>,
    pub(super) digest: Digest,
    pub(super) size: u64,
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub(super) annotations: BTreeMap<String, String>,
}

/// `index.json`
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct Index {
    schema_version: u32,
    pub(super) media_type: String,
    pub(super) manifests: Vec<Descriptor>,
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    annotations: BTreeMap<String, String>,
}

/// A model.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct Manifest {
    schema_version: u32,
    pub(super) media_type: String,
    pub(super) artifact_type: String,
    pub(super) config: Descriptor,
    pub(super) layers: Vec<Descriptor>,
}

/// What Ingle knows of a model, besides its files: a [`library::Manifest`](crate::library::Manifest)
/// without what is true of one machine alone.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Known {
    pub(super) version: u32,
    pub(super) name: Name,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) main: Option<FileName>,
    pub(super) origin: Origin,
    #[serde(default)]
    pub(super) facts: Facts,
}

/// The program in a bundle.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Program {
    /// Of its bytes.
    pub sha256: Sha256Hex,
    /// In bytes.
    pub size: u64,
    /// What it runs on: `linux x86_64`.
    pub platform: String,
}

impl Descriptor {
    pub(super) fn of(media_type: &str, bytes: &[u8]) -> Self {
        Self {
            media_type: media_type.to_owned(),
            artifact_type: None,
            digest: Digest(Sha256Hex::of(bytes)),
            size: bytes.len() as u64,
            annotations: BTreeMap::new(),
        }
    }

    /// Of a file of a model.
    pub(super) fn of_file(file: &StoredFile) -> Self {
        Self {
            media_type: media_type(file.path.0.as_str()).to_owned(),
            artifact_type: None,
            digest: Digest(file.sha256),
            size: file.size,
            annotations: BTreeMap::from([(FILE_PATH.to_owned(), file.path.0.to_string())]),
        }
    }

    /// Of a model's manifest.
    pub(super) fn of_model(name: &Name, manifest: &[u8]) -> Self {
        let called = format!("{}/{}:{}", name.publisher(), name.model(), name.variant());
        Self {
            artifact_type: Some(MODEL.to_owned()),
            annotations: BTreeMap::from([(REF_NAME.to_owned(), called)]),
            ..Self::of(MANIFEST, manifest)
        }
    }

    /// Where the file lies, if it is one of a model.
    pub(super) fn file_path(&self) -> Option<&str> {
        self.annotations.get(FILE_PATH).map(String::as_str)
    }
}

impl Index {
    pub(super) fn new(manifests: Vec<Descriptor>, program: Option<&Program>) -> Self {
        let values =
            |it: &Program| [it.sha256.to_string(), it.size.to_string(), it.platform.clone()];
        let keys = PROGRAM_KEYS.map(str::to_owned);
        let annotations = program.map(|it| keys.into_iter().zip(values(it)).collect());
        Self {
            schema_version: 2,
            media_type: INDEX.to_owned(),
            manifests,
            annotations: annotations.unwrap_or_default(),
        }
    }

    /// What it says of the program; `None` as well where it says nonsense.
    pub(super) fn program(&self) -> Option<Program> {
        let [sha256, size, platform] = PROGRAM_KEYS.map(|it| self.annotations.get(it));
        Some(Program {
            sha256: sha256?.parse().ok()?,
            size: size?.parse().ok()?,
            platform: platform?.clone(),
        })
    }
}

impl Manifest {
    pub(super) fn new(config: Descriptor, layers: Vec<Descriptor>) -> Self {
        Self {
            schema_version: 2,
            media_type: MANIFEST.to_owned(),
            artifact_type: MODEL.to_owned(),
            config,
            layers,
        }
    }
}

/// ModelPack's description of a model.
pub(super) fn config(model: &Packed, layers: &[Descriptor]) -> Vec<u8> {
    let text = |it: &Option<String>| it.clone();
    let format = if model.is_gguf() { "gguf" } else { "safetensors" };
    let facts = &model.facts;
    bytes(&ModelConfig {
        descriptor: About {
            vendor: text(&facts.creator),
            family: text(&facts.architecture),
            name: model.name.model().to_owned(),
            version: model.name.variant().to_owned(),
            licenses: facts.licence.iter().cloned().collect(),
        },
        config: Technical { format, quantization: text(&facts.format) },
        modelfs: ModelFs { kind: "layers", diff_ids: layers.iter().map(|it| it.digest).collect() },
    })
}

#[derive(Serialize)]
struct ModelConfig {
    descriptor: About,
    config: Technical,
    modelfs: ModelFs,
}

#[derive(Serialize)]
struct About {
    #[serde(skip_serializing_if = "Option::is_none")]
    vendor: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    family: Option<String>,
    name: String,
    version: String,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    licenses: Vec<String>,
}

#[derive(Serialize)]
struct Technical {
    format: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    quantization: Option<String>,
}

#[derive(Serialize)]
struct ModelFs {
    #[serde(rename = "type")]
    kind: &'static str,
    #[serde(rename = "diffIds")]
    diff_ids: Vec<Digest>,
}

/// As JSON, the same bytes every time.
pub(super) fn bytes(value: &impl Serialize) -> Vec<u8> {
    serde_json::to_vec(value).expect("names of keys are texts")
}

fn media_type(path: &str) -> &'static str {
    let name = path.rsplit('/').next().unwrap_or(path).to_ascii_lowercase();
    let is = |endings: &[&str]| endings.iter().any(|it| name.ends_with(it));
    if is(&[".gguf", ".safetensors"]) {
        WEIGHTS
    } else if is(&[".md", ".sig"]) || name.contains("licen") || name.contains("notice") {
        DOCUMENT
    } else {
        WEIGHTS_CONFIG
    }
}

impl Serialize for Digest {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.collect_str(&format_args!("sha256:{}", self.0))
    }
}

impl<'de> Deserialize<'de> for Digest {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let text = String::deserialize(from)?;
        let digits = text.strip_prefix("sha256:").ok_or_else(|| {
            D::Error::custom(format_args!(
                "`{}` does not begin with `sha256:`",
                text.escape_debug()
            ))
        })?;
        digits.parse().map(Self).map_err(D::Error::custom)
    }
}
