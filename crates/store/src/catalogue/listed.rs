//! What is known of a model by name.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::{library::Facts, name::RepoId};

/// A model of the catalogue.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Listed {
    /// What it is called, such as `llama3.2:3b`.
    pub name: String,
    /// What else it is called, such as `llama3.2`.
    pub aliases: Vec<String>,
    /// The family that it belongs to.
    pub family: String,
    /// Who made it.
    pub creator: String,
    /// The country of its creator as somebody claims it, two letters (ISO 3166-1).
    pub country: Option<String>,
    /// Who claims that, and where.
    pub country_claim: Option<String>,
    /// Under which licence: an SPDX expression.
    pub licence: String,
    /// Where the licence is written down.
    pub licence_url: String,
    /// What in the licence bites: who may use the model, for what, and what that obliges to.
    pub terms: Vec<String>,
    /// What was published of it.
    pub openness: Openness,
    /// What it was made from, nearest first: repositories of a hub.
    pub lineage: Vec<String>,
    /// Weights in all: as its shape has them, else as its creator says.
    pub parameters: Option<u64>,
    /// Tokens that it can look back on without its positions being scaled: as its card or its
    /// configuration says, whichever is less.
    pub context: Option<u32>,
    /// `general.architecture` of its GGUF files.
    pub architecture: String,
    /// Repositories that have it as GGUF files, the first choice first.
    pub gguf: Vec<RepoId>,
    /// Repositories that have it as safetensors.
    pub safetensors: Vec<RepoId>,
    /// What is peculiar about how it is talked to.
    pub template: Option<String>,
}

/// What was published of a model.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Openness {
    /// The weights, and what is needed to run them.
    #[serde(rename = "weights only")]
    Weights,
    /// The data that it was trained on, too.
    #[serde(rename = "weights and data")]
    WeightsAndData,
    /// Weights, data and the programs that made the one from the other.
    #[serde(rename = "fully open source")]
    Full,
    /// Nobody has looked.
    #[serde(rename = "unknown")]
    Unknown,
}

impl Listed {
    /// What a manifest keeps of it.
    pub fn facts(&self) -> Facts {
        Facts {
            catalogue: Some(self.name.clone()),
            creator: Some(self.creator.clone()),
            country: self.country.clone(),
            country_claim: self.country_claim.clone(),
            licence: Some(self.licence.clone()),
            lineage: self.lineage.clone(),
            architecture: Some(self.architecture.clone()),
            ..Facts::default()
        }
    }

    /// All that it is called.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        [&self.name].into_iter().chain(&self.aliases).map(String::as_str)
    }

    /// All repositories that have it.
    pub fn repositories(&self) -> impl Iterator<Item = &RepoId> {
        self.gguf.iter().chain(&self.safetensors)
    }

    /// Whether a repository has it; hubs take those that differ in case alone for one.
    pub(super) fn is_in(&self, repository: &RepoId) -> bool {
        self.repositories().any(|it| {
            it.organisation().eq_ignore_ascii_case(repository.organisation())
                && it.name().eq_ignore_ascii_case(repository.name())
        })
    }
}

impl fmt::Display for Openness {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Weights => "weights only",
            Self::WeightsAndData => "weights and data",
            Self::Full => "fully open source",
            Self::Unknown => "unknown",
        })
    }
}
