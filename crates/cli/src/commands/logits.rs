//! `ingle logits`: the logits of every position, to compare with a reference.

use std::{
    fs::File,
    io::{self, BufWriter, Write},
    path::Path,
};

use anyhow::Context;
use engine::{Engine, Options};
use loader::Mapping;
use serde_json::{Map, json};

use crate::{
    args::Logits,
    device, library, memory,
    model::{self, Opened},
    output, resident, sandbox,
    settings::Site,
    terminal::tell,
};

/// Writes them.
pub(crate) fn run(args: Logits) -> anyhow::Result<()> {
    let site = Site::find()?;
    let load = site.under_load(args.load)?;
    let name = model::alone(args.model, site.model.as_deref())?;
    let Opened { file, mut said, .. } = model::open_for(&name, &load)?;
    let weights = file.mappings.iter().map(Mapping::path).chain([file.path.as_path()]);
    let adapters = load.lora.iter().map(|it| it.path.as_path());
    output::refuse(&args.output, weights.chain(adapters), args.yes)?;
    let above = output::folder(&args.output).to_owned();
    sandbox::enter_if_required(&file.path, Vec::new(), vec![above])?;
    let options = Options {
        ctx_size: load.ctx_size.map(Into::into),
        free_memory: memory::free(),
        ..Options::default()
    };
    let mut engine = device::engine(&name, &file, &load, &options)?;
    said.extend(resident::lock(&name, &file, &load));

    let greedy = engine.greedy(&args.ids, args.greedy)?;
    write(&mut engine, &args.ids, &greedy, &args.output)?;
    if args.verbose {
        tell(&engine.info().device);
    }
    match args.json.on {
        false => Ok(()),
        true => super::print_json(&json!({
            "output": library::text(&args.output),
            "tokens": args.ids.len(),
            "vocab": engine.info().vocab,
            "device": engine.info().device,
            "warnings": said,
        })),
    }
}

/// Writes row after row: all logits of a long prompt would take more memory than the model.
fn write(engine: &mut Engine, ids: &[u32], greedy: &[u32], output: &Path) -> anyhow::Result<()> {
    let cannot = || format!("cannot write `{}`", output.display());
    let mut file = BufWriter::new(File::create(output).with_context(cannot)?);
    file.write_all(&header(ids.len(), engine.info().vocab, greedy.len())).with_context(cannot)?;
    let mut written: io::Result<()> = Ok(());
    engine.logits(ids, |_, row| {
        let mut row = row.iter();
        if written.is_ok() {
            written = row.try_for_each(|it| file.write_all(&it.to_le_bytes()));
        }
    })?;
    let rest = greedy.iter().try_for_each(|&it| file.write_all(&i64::from(it).to_le_bytes()));
    written.and(rest).and_then(|()| file.flush()).with_context(cannot)
}

/// The header of a safetensors file: its length, then what its bytes are.
fn header(rows: usize, vocab: usize, n_greedy: usize) -> Vec<u8> {
    let (end, mut tensors) = (rows * vocab * size_of::<f32>(), Map::new());
    let logits = json!({"dtype": "F32", "shape": [rows, vocab], "data_offsets": [0, end]});
    tensors.insert("logits".to_owned(), logits);
    if n_greedy > 0 {
        let offsets = [end, end + n_greedy * size_of::<i64>()];
        let ids = json!({"dtype": "I64", "shape": [n_greedy], "data_offsets": offsets});
        tensors.insert("greedy_ids".to_owned(), ids);
    }
    let mut text = serde_json::Value::Object(tensors).to_string();
    // The data begin at a multiple of 8.
    text.extend(std::iter::repeat_n(' ', text.len().next_multiple_of(8) - text.len()));
    [&(text.len() as u64).to_le_bytes()[..], text.as_bytes()].concat()
}

#[cfg(test)]
mod tests {
    use safetensors::SafeTensors;

    use super::*;

    #[test]
    fn the_header_is_that_of_safetensors() {
        for n_greedy in [0, 3] {
            let mut bytes = header(2, 5, n_greedy);
            assert_eq!(bytes.len() % 8, 0);
            bytes.extend(vec![0; 2 * 5 * 4 + n_greedy * 8]);
            let tensors = SafeTensors::deserialize(&bytes).unwrap();
            assert_eq!(tensors.tensor("logits").unwrap().shape(), [2, 5]);
            assert_eq!(tensors.tensor("greedy_ids").is_ok(), n_greedy > 0);
        }
    }
}
