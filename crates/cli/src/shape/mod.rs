//! The shape of a model: which tensors it has, of what sizes and in which formats, without their
//! numbers. Known by name (`llama-3.2-3b`) or from a `config.json`; no weights are needed.
//!
//! `published`, `larger`, `further`, `particular` and `gemmas` have the configurations of the names, `names`
//! what else they are called; `tensors` with its `parts` and `inputs` says which tensors follow from one.
//! Which of them gets which format is for the quantiser's recipe to say, so that a shape as `Q4_K_M`
//! is, tensor by tensor, what `ingle quantize` would write.

mod further;
mod gemmas;
mod inputs;
mod larger;
mod names;
mod particular;
mod parts;
mod published;
mod tensors;

use std::{fs::File, io::Read, path::Path};

use anyhow::Context;
use engine::arch::{self, Config};
use loader::{
    Format, ModelFile,
    quantise::{Measured, Mix, Recipe},
    safetensors::outline,
};
use store::catalogue;

use crate::failure::Failure;
use further::FURTHER;
use gemmas::GEMMAS;
use larger::LARGER;
use particular::PARTICULAR;
use published::PUBLISHED;

/// Longest `config.json` that is read: a thousand times a usual one.
const MAX_CONFIG: u64 = 4 << 20;

/// A model without its numbers.
#[derive(Clone, Debug)]
pub(crate) struct Shape {
    name: String,
    file: ModelFile,
    config: Config,
}

/// A tensor as a file of a mix has it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Planned {
    /// Its name in GGUF.
    pub(crate) name: String,
    /// Outermost dimension first.
    pub(crate) shape: Vec<usize>,
    /// The format that the mix gives it.
    pub(crate) format: Format,
}

/// A shape and a mix as a person writes them: `llama-3.2-3b:q4_k_m`, `path/config.json:q8_0`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Wanted {
    /// A name, or the path of a `config.json` or of its folder.
    pub(crate) shape: String,
    pub(crate) mix: Mix,
}

impl Shape {
    /// The names that [`named`](Self::named) knows.
    pub(crate) fn names() -> impl Iterator<Item = &'static str> {
        published().map(|it| it.0)
    }

    /// The well-known model of this name.
    pub(crate) fn named(name: &str) -> Option<Self> {
        let (name, config) = published().find(|it| it.0.eq_ignore_ascii_case(name))?;
        let shape = outline(name, config.as_bytes()).map_err(anyhow::Error::from);
        Some(shape.and_then(|file| Self::of(name, file)).expect("a test makes every one of them"))
    }

    /// The model of a `config.json`, as Hugging Face folders have it.
    ///
    /// # Errors
    ///
    /// If it cannot be read, or is of no model whose tensors are known here.
    pub(crate) fn from_config(path: &Path) -> anyhow::Result<Self> {
        let name = path.display().to_string();
        let config = read(path).with_context(|| format!("cannot read `{name}`"))?;
        let file = outline(&name, &config).with_context(|| {
            let failure = Failure::new(format!("`{name}` has no shape"));
            failure.hint("a shape is made of the `config.json` of a Hugging Face folder")
        })?;
        Self::of(&name, file)
    }

    /// The shape of a name, ours or the catalogue's, or of the `config.json` at a path, or in the folder
    /// there.
    ///
    /// # Errors
    ///
    /// If there is none of these.
    pub(crate) fn find(word: &str) -> anyhow::Result<Self> {
        if let Some(shape) = Self::named(word) {
            return Ok(shape);
        }
        let path = Path::new(word);
        match (path.is_dir(), path.is_file()) {
            (true, _) => Self::from_config(&path.join("config.json")),
            (false, true) => Self::from_config(path),
            (false, false) => Self::of_catalogue(word).ok_or_else(|| absent(word).into()),
        }
    }

    fn of(name: &str, mut file: ModelFile) -> anyhow::Result<Self> {
        let config = arch::config(&file)?;
        file.tensors = tensors::all(&file, &config)?;
        // Asks the numbers that the rules of a mix ask.
        Recipe::new(Mix::F32, &file, Measured::No)?;
        Ok(Self { name: name.to_owned(), file, config })
    }

    /// What it is called.
    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    /// Its metadata, and its tensors without formats and bytes.
    pub(crate) fn file(&self) -> &ModelFile {
        &self.file
    }

    /// Its numbers.
    pub(crate) fn config(&self) -> &Config {
        &self.config
    }

    /// Every tensor of a GGUF file of this mix, in the order of such a file.
    pub(crate) fn tensors(&self, mix: Mix) -> Vec<Planned> {
        let recipe = Recipe::new(mix, &self.file, Measured::No);
        let recipe = recipe.expect("the same numbers were read when the shape was made");
        let planned = self.file.tensors.iter().map(|(name, tensor)| {
            let shape = tensor.shape.clone();
            // What the mix leaves as it is has all its bits in GGUF.
            let format = recipe.format(name, &shape).unwrap_or(Format::F32);
            Planned { name: name.clone(), shape, format }
        });
        let mut all: Vec<_> = planned.collect();
        // The map has them by name already.
        all.sort_by_key(|it| it.layer().map_or(0, |layer| layer + 1));
        all
    }

    /// Bytes of all weights as this mix.
    pub(crate) fn bytes(&self, mix: Mix) -> u64 {
        self.tensors(mix).iter().map(Planned::bytes).fold(0, u64::saturating_add)
    }
}

impl Planned {
    /// The number of its layer; `None` of what stands outside of them.
    pub(crate) fn layer(&self) -> Option<usize> {
        self.name.strip_prefix("blk.")?.split('.').next()?.parse().ok()
    }

    /// Weights of a row.
    pub(crate) fn cols(&self) -> usize {
        self.shape.last().copied().unwrap_or(1)
    }

    /// How many weights it has.
    pub(crate) fn weights(&self) -> u64 {
        self.shape.iter().map(|&it| it as u64).product()
    }

    /// Bytes of a row.
    pub(crate) fn row_bytes(&self) -> usize {
        self.format.row_bytes(self.cols()).expect("recipes choose formats whose blocks fit")
    }

    /// Bytes of all its rows.
    pub(crate) fn bytes(&self) -> u64 {
        self.weights() / self.cols().max(1) as u64 * self.row_bytes() as u64
    }
}

/// Names and configurations.
fn published() -> impl Iterator<Item = &'static (&'static str, &'static str)> {
    PUBLISHED.iter().chain(LARGER).chain(FURTHER).chain(PARTICULAR).chain(GEMMAS)
}

/// The text of a `config.json`, or as much of a longer file as makes it none.
fn read(path: &Path) -> std::io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    File::open(path)?.take(MAX_CONFIG).read_to_end(&mut bytes)?;
    Ok(bytes)
}

/// Why a word is no shape, and what is near.
fn absent(word: &str) -> Failure {
    let failure = Failure::new(match catalogue::listed(word) {
        Some(_) => format!("the shape of `{word}` is not known here"),
        None => format!("no shape is called `{word}`"),
    });
    match names::near(word) {
        none if none.is_empty() => {
            failure.hint("name one such as `llama-3.2-3b`, or a `config.json`")
        }
        near => {
            let near: Vec<_> = near.iter().map(|it| format!("`{it}`")).collect();
            failure.hint(format!("near are {}; or name a `config.json`", near.join(", ")))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Every published configuration is read, and its tensors are found.
    #[test]
    fn every_name_has_a_shape() {
        for name in Shape::names() {
            let shape = Shape::named(name).expect("it is in the table");
            let head = shape.file().tensors.contains_key("output.weight");
            let tied = shape.config().vocab * shape.config().dim;
            let weights: u64 = shape.tensors(Mix::F16).iter().map(Planned::weights).sum();
            assert!(weights > tied as u64 * if head { 2 } else { 1 }, "{name}");
            assert!(shape.bytes(Mix::Q4_K_M) < shape.bytes(Mix::Q8_0), "{name}");
        }
        assert!(Shape::named("LLAMA-3.2-1B").is_some());
        assert!(Shape::named("llama-9").is_none());
    }

    /// The numbers of weights that the authors publish, besides rotary factors, which only GGUF has.
    #[test]
    fn as_many_weights_as_are_published() {
        for (name, published) in [
            ("aya-expanse-8b", 8_028_033_024),
            ("command-r-plus-104b", 103_810_674_688),
            ("deepseek-v2-16b", 15_706_484_224),
            ("deepseek-v2-236b", 235_741_434_880),
            ("falcon-40b", 41_303_293_952),
            ("falcon-7b", 6_921_720_704),
            ("falcon-h1-0.5b", 521_411_104),
            ("falcon-h1-1.5b", 1_554_863_488),
            ("falcon-h1-7b", 7_585_654_880),
            ("gemma-2-2b", 2_614_341_888),
            ("gemma-3-1b", 999_885_952),
            ("gemma-4-12b", 11_907_350_320),
            ("gemma-4-e2b", 4_647_449_891),
            ("gpt-oss-20b", 20_914_757_184),
            ("llama-3.1-8b", 8_030_261_248),
            ("llama-3.2-1b", 1_235_814_400),
            ("llama-3.2-3b", 3_212_749_824),
            ("llama-3.3-70b", 70_553_706_496),
            ("ministral-3-3b", 3_429_006_336),
            ("mistral-7b", 7_248_023_552),
            ("mixtral-8x7b", 46_702_792_704),
            ("olmo-2-32b", 32_234_279_936),
            ("phi-3-mini", 3_821_079_552),
            ("phi-4", 14_659_507_200),
            ("phi-4-mini", 3_836_021_760),
            ("qwen2-57b-a14b", 57_408_658_944),
            ("qwen2.5-0.5b", 494_032_768),
            ("qwen2.5-7b", 7_615_616_512),
            ("qwen3-4b", 4_022_468_096),
            ("qwen3-8b", 8_190_735_360),
            ("qwen3-30b-a3b", 30_532_122_624),
            ("smollm2-135m", 134_515_008),
            ("smollm2-360m", 361_821_120),
        ] {
            let all = Shape::named(name).expect("it is in the table").tensors(Mix::F16);
            let counted = all.iter().filter(|it| !it.name.starts_with("rope_f"));
            assert_eq!(counted.map(Planned::weights).sum::<u64>(), published, "{name}");
        }
    }

    /// As llama.cpp says of the file of a model whose head is its table: 373.71 MiB.
    #[test]
    fn a_mix_has_so_many_bytes() {
        let shape = Shape::named("qwen2.5-0.5b").expect("it is in the table");
        assert_eq!(shape.bytes(Mix::Q4_K_M), 391_859_712);
        let all = shape.tensors(Mix::Q4_K_M);
        let format = |name: &str| all.iter().find(|it| it.name == name).map(|it| it.format);
        assert_eq!(format("token_embd.weight"), Some(Format::Q8_0));
        assert_eq!(format("blk.3.attn_v.weight"), Some(Format::Q5_0));
        assert_eq!(format("blk.3.ffn_down.weight"), Some(Format::Q4_K));
        assert_eq!(format("blk.0.attn_q.bias"), Some(Format::F32));
        let names: Vec<_> = all.iter().take(3).map(|it| it.name.as_str()).collect();
        assert_eq!(names, ["output_norm.weight", "token_embd.weight", "blk.0.attn_k.bias"]);
    }

    #[test]
    fn a_configuration_is_read_from_its_folder() {
        let dir = tempfile::tempdir().unwrap();
        let config = PUBLISHED.iter().find(|it| it.0 == "smollm2-135m").unwrap().1;
        std::fs::write(dir.path().join("config.json"), config).unwrap();
        let named = Shape::named("smollm2-135m").unwrap();
        let read = Shape::find(&dir.path().display().to_string()).unwrap();
        assert_eq!(read.tensors(Mix::Q4_K_M), named.tensors(Mix::Q4_K_M));
        std::fs::write(dir.path().join("config.json"), "{}").unwrap();
        assert!(Shape::from_config(&dir.path().join("config.json")).is_err());
        let error = Shape::find("no-such-shape").unwrap_err();
        assert_eq!(error.to_string(), "no shape is called `no-such-shape`");
    }

    /// As llama.cpp counts them in files of these models.
    #[test]
    fn as_many_tensors_as_files_have() {
        for (name, counted) in [
            ("gemma-3n-e2b", 727),
            ("gemma-3n-e4b", 847),
            ("gemma-4-12b", 667),
            ("gemma-4-26b-a4b", 658),
            ("gemma-4-31b", 833),
            ("gemma-4-e2b", 601),
            ("gemma-4-e4b", 720),
        ] {
            let shape = Shape::named(name).expect("it is in the table");
            assert_eq!(shape.file().tensors.len(), counted, "{name}");
        }
    }

    #[test]
    fn what_the_engine_does_not_run_has_no_shape() {
        let config = br#"{"architectures": ["NovelForCausalLM"]}"#;
        let dir = tempfile::tempdir().unwrap();
        std::fs::write(dir.path().join("config.json"), config).unwrap();
        let error = Shape::find(&dir.path().display().to_string()).unwrap_err().to_string();
        assert!(error.ends_with("config.json` has no shape"), "{error}");
    }
}
