//! What can be said about the models that are kept: the verbs of the library.

use clap::Args;
use store::{digest::Sha256Hex, name::Name};

use super::{Checking, Json};

#[derive(Debug, Args)]
pub(crate) struct List {
    /// List the catalogue, too: what can be had by name, and which of it is here in which formats
    #[arg(long)]
    pub(crate) all: bool,
    #[command(flatten)]
    pub(crate) json: Json,
}

#[derive(Debug, Args)]
pub(crate) struct Remove {
    /// Models of the library, or what was begun of them; what another program keeps stays there
    #[arg(value_name = "MODEL", required = true)]
    pub(crate) models: Vec<String>,
    /// Do not ask
    #[arg(short = 'y', long)]
    pub(crate) yes: bool,
    #[command(flatten)]
    pub(crate) json: Json,
}

#[derive(Debug, Args)]
#[command(after_help = "\
A model of the library and its copy have their weights on the disk once, where that can be. A file
or folder stays as it is: it is copied, hashed and, where the site has a policy, judged as on import.")]
pub(crate) struct Copy {
    /// A model of the library; or one that lies elsewhere: a `.gguf` file (any shard) or a Hugging Face
    /// folder
    #[arg(value_name = "MODEL")]
    pub(crate) model: String,
    /// What the copy is called: `mine`, `mine:variant` or `publisher/model:variant`
    #[arg(value_name = "NAME")]
    pub(crate) name: Name,
    #[command(flatten)]
    pub(crate) json: Json,
}

#[derive(Debug, Args)]
#[command(after_help = "\
Every file is read and hashed. A model of the library is held against the manifest that was made
when it came; a file, against the digest that you give. Exit code 1 if one byte differs. A signature
of a model of the library that is accepted is kept there: a policy that asks who signed a model
finds it, by its key, whenever that is loaded, as it does after `ingle import` with the same flags.")]
pub(crate) struct Verify {
    /// Models of the library, or one file
    #[arg(value_name = "MODEL", required_unless_present = "all")]
    pub(crate) models: Vec<String>,
    /// Every model of the library
    #[arg(long, conflicts_with = "models")]
    pub(crate) all: bool,
    /// What the SHA-256 of the file should be
    #[arg(long, value_name = "HEX")]
    pub(crate) sha256: Option<Sha256Hex>,
    #[command(flatten)]
    pub(crate) json: Json,
    #[command(flatten, next_help_heading = "Signature")]
    pub(crate) checking: Checking,
}

#[derive(Debug, Args)]
#[command(after_help = "\
Looks where Ollama (OLLAMA_MODELS), LM Studio, llama.cpp (LLAMA_CACHE) and the Hugging Face cache
(HF_HUB_CACHE, HF_HOME) keep models. An adopted model is used where it lies; nothing is copied, and
`ingle rm` only forgets it.")]
pub(crate) struct Adopt {
    /// What to adopt, by the name in the list; without one, the list
    #[arg(value_name = "NAME")]
    pub(crate) names: Vec<String>,
    /// Adopt all that were found
    #[arg(long, conflicts_with = "names")]
    pub(crate) all: bool,
    #[command(flatten)]
    pub(crate) json: Json,
}
