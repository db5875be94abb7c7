//! `ingle logits`: the logits of every position, to compare with a reference.

use std::collections::HashMap;

use anyhow::Context;
use engine::{Engine, Options};
use safetensors::{Dtype, tensor::TensorView};
use serde_json::json;

use crate::{args::Logits, memory, model, settings::Site, terminal::tell};

/// Writes them.
pub(crate) fn run(args: Logits) -> anyhow::Result<()> {
    let site = Site::find()?;
    let load = site.under_load(args.load);
    let name = model::alone(args.model, args.words, site.model.as_deref())?;
    let file = model::open(&name, &load.override_kv, load.access())?;
    let options = Options {
        ctx_size: load.ctx_size.map(Into::into),
        free_memory: memory::free(),
        ..Options::default()
    };
    let backend = model::backend(&load)?;
    let mut engine =
        Engine::load(&file, backend, &options).with_context(|| format!("cannot load `{name}`"))?;

    let mut logits: Vec<u8> = Vec::new();
    engine.logits(&args.ids, |_, row| logits.extend(row.iter().flat_map(|it| it.to_le_bytes())))?;
    let greedy = engine.greedy(&args.ids, args.greedy)?;
    let greedy: Vec<u8> = greedy.iter().flat_map(|&it| i64::from(it).to_le_bytes()).collect();

    let shape = vec![args.ids.len(), engine.info().vocab];
    let mut tensors = HashMap::from([("logits", TensorView::new(Dtype::F32, shape, &logits)?)]);
    if args.greedy > 0 {
        tensors.insert("greedy_ids", TensorView::new(Dtype::I64, vec![args.greedy], &greedy)?);
    }
    safetensors::serialize_to_file(tensors, None, &args.output)
        .with_context(|| format!("cannot write `{}`", args.output.display()))?;
    if args.verbose {
        tell(&engine.info().device);
    }
    match args.json.on {
        false => Ok(()),
        true => super::print_json(&json!({
            "output": args.output,
            "tokens": args.ids.len(),
            "vocab": engine.info().vocab,
            "device": engine.info().device,
        })),
    }
}
