//! `ingle quantize`: a model as GGUF, with its matrices in the formats of a mix; `ingle merge`: with
//! adapters in it.
//!
//! Nothing of a tensor is in memory but the rows that are being encoded. The file gets its name when
//! it is complete.

use std::{collections::BTreeMap, path::Path};

use anyhow::Context;
use engine::tokenizer;
use loader::{
    Access, Mapping, Metadata, ModelFile,
    gguf::{Announced, Stream},
    quantise::{Conversion, Importance, Item, Mix},
};
use serde_json::json;

use crate::{
    args::{Merge, Quantize, Writing, number},
    device,
    encode::Encoder,
    failure::Failure,
    library,
    model::{self, Opened},
    numbers::{grouped, size},
    output, sandbox,
    settings::{Site, or_variable},
    terminal::tell,
};

/// Writes a model in other formats.
pub(crate) fn run(args: Quantize) -> anyhow::Result<()> {
    let Quantize { input, output, mix, imatrix, writing } = args;
    let Opened { file, .. } = open(&input, &writing)?;
    write_model(&file, Some(mix), imatrix.as_deref(), &output, &writing)
}

/// Writes a model with adapters in it.
pub(crate) fn merge(args: Merge) -> anyhow::Result<()> {
    let Merge { input, output, lora, mix, writing } = args;
    let mut opened = open(&input, &writing)?;
    model::adapt(&mut opened, &lora, Access::Map)?;
    opened.file.check_merge()?;
    write_model(&opened.file, mix, None, &output, &writing)
}

fn open(input: &str, writing: &Writing) -> anyhow::Result<Opened> {
    let overrides = Site::find()?.override_kv(writing.override_kv.clone());
    model::open_telling(input, &overrides, Access::Map)
}

fn write_model(
    file: &ModelFile,
    mix: Option<Mix>,
    imatrix: Option<&Path>,
    output: &Path,
    writing: &Writing,
) -> anyhow::Result<()> {
    let asked = or_variable(writing.threads, "INGLE_THREADS", number::count)?;
    let threads = device::threads(asked)?;
    let sources = file.mappings.iter().map(Mapping::path).chain([file.path.as_path()]);
    output::refuse(output, sources, writing.yes)?;
    device::tell_of_crowd(asked);
    if !file.tensors.contains_key("token_embd.weight") {
        let found = file.architecture();
        let failure = Failure::new(format!("GGUF has no names for the tensors of `{found}`"));
        return Err(failure.hint("`ingle show` says which models are known").into());
    }
    let read = imatrix.map(Path::to_owned).into_iter().collect();
    sandbox::enter_if_required(&file.path, read, vec![output::folder(output).to_owned()])?;
    let importance = imatrix.map(Importance::open).transpose()?;
    let conversion = Conversion::new(file, mix, importance.as_ref())?;
    let mut metadata = conversion.metadata();
    let keys = tokenizer::gguf_keys(file).context("GGUF cannot hold the tokenizer")?;
    keys.into_iter().for_each(|(key, value)| drop(metadata.insert(key, value)));
    if let Some(path) = imatrix {
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        metadata.insert("quantize.imatrix.file", loader::Value::String(name));
    }
    write(&conversion, &metadata, output, threads)?;
    file.check_intact()?;
    let told = Told::new(file, &conversion);
    told.notes().iter().for_each(|it| tell(format_args!("note: {it}")));
    match writing.json.on {
        true => super::print_json(&told.json(output, mix)),
        false => super::print(&told.page(output, mix)),
    }
}

fn write(
    conversion: &Conversion<'_>,
    metadata: &Metadata,
    output: &Path,
    threads: usize,
) -> anyhow::Result<()> {
    let cannot = || output::cannot(output);
    output::refuse_without_room(output, conversion.items.iter().map(Item::len).sum())?;
    output::write(output, |draft| {
        let tensors: Vec<_> = conversion.items.iter().map(announced).collect();
        let mut stream = Stream::new(draft, metadata, &tensors).with_context(cannot)?;
        let encoder = Encoder::new(threads, conversion);
        for item in &conversion.items {
            encoder.encode(item, |bytes| stream.write(bytes).with_context(cannot))?;
        }
        stream.finish().with_context(cannot)?;
        encoder.finish();
        Ok(())
    })
}

fn announced<'a>(it: &'a Item<'_>) -> Announced<'a> {
    Announced { name: it.name, format: it.format, shape: it.shape(), len: it.len() }
}

/// What was made of what.
struct Told {
    before: u64,
    after: u64,
    weights: u64,
    /// Tensors and their bytes by format.
    formats: BTreeMap<&'static str, (usize, u64)>,
    /// How many tensors have one format because their rows are no whole blocks of another.
    instead: BTreeMap<(&'static str, &'static str), usize>,
}

impl Told {
    fn new(file: &ModelFile, conversion: &Conversion<'_>) -> Self {
        let parts = file.tensors.values().flat_map(|it| &it.parts);
        let (mut formats, mut instead) = (BTreeMap::new(), BTreeMap::new());
        for item in &conversion.items {
            if let Some(wanted) = item.instead_of {
                let names = (item.format.layout().name, wanted.layout().name);
                *instead.entry(names).or_default() += 1;
            }
            let (n, bytes): &mut (usize, u64) =
                formats.entry(item.format.layout().name).or_default();
            (*n, *bytes) = (*n + 1, *bytes + item.len());
        }
        Self {
            before: parts.map(|it| it.len() as u64).sum(),
            after: conversion.items.iter().map(Item::len).sum(),
            weights: conversion.items.iter().map(|it| (it.rows() * it.cols()) as u64).sum(),
            formats,
            instead,
        }
    }

    /// What is not as the mix would have it.
    fn notes(&self) -> Vec<String> {
        let note = |(&(format, wanted), n): (&(&str, &str), &usize)| {
            let s = if *n == 1 { "" } else { "s" };
            format!(
                "{n} tensor{s} became {format} instead of {wanted}, whose blocks their rows do not fill"
            )
        };
        self.instead.iter().map(note).collect()
    }

    fn bits(&self, bytes: u64) -> f64 {
        8.0 * bytes as f64 / self.weights.max(1) as f64
    }

    fn page(&self, output: &Path, mix: Option<Mix>) -> String {
        let (before, after) = (self.bits(self.before), self.bits(self.after));
        let mut page = format!(
            "{:<15}{}\n{:<15}{}\n{:<15}{}, {after:.2} bits a weight; it was {}, {before:.2} bits\n",
            "file",
            output.display(),
            "mix",
            mix.map_or_else(|| "as it was".to_owned(), |it| it.to_string()),
            "weights",
            size(self.after),
            size(self.before),
        );
        for (name, (n, bytes)) in &self.formats {
            page += &format!("{name:<15}{:>8} tensors  {:>12}\n", grouped(*n as u64), size(*bytes));
        }
        page
    }

    fn json(&self, output: &Path, mix: Option<Mix>) -> serde_json::Value {
        let format = |(name, (n, bytes)): (&&str, &(usize, u64))| {
            ((*name).to_owned(), json!({"tensors": n, "bytes": bytes}))
        };
        let formats: serde_json::Map<_, _> = self.formats.iter().map(format).collect();
        json!({
            "output": library::text(output),
            "mix": mix.map(|it| it.to_string()),
            "bytes": self.after,
            "bytes_before": self.before,
            "bits_per_weight": self.bits(self.after),
            "formats": formats,
            "warnings": self.notes(),
        })
    }
}
