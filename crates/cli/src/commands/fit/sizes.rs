//! What the model of a header takes here: its exact bytes, and what it would take as another weight
//! format.

use std::sync::OnceLock;

use engine::{Info, Options, Outline};
use kernels::{Backend, cpu::Cpu};
use loader::{
    Bytes, FileTensor, Format, ModelFile,
    quantise::{Measured, Mix, Recipe},
};

/// Zeros that stand for weights.
const ZEROS: usize = 1 << 26;

/// Contexts are told in whole ones of these.
const ROUND: usize = 256;

/// The model of `file` as an engine beside `cpu` would have it, or why there is none.
pub(crate) fn outline(file: &ModelFile, cpu: &Cpu, options: &Options) -> Result<Outline, String> {
    Outline::of(file, cpu.beside(), options).map_err(|it| chain(&it))
}

/// All that it takes.
pub(crate) fn total(info: &Info) -> u64 {
    info.weight_bytes.saturating_add(info.cache_bytes).saturating_add(info.scratch_bytes)
}

/// The longest context, up to what the model was made for, whose cache fits into so many bytes beside
/// so many others.
pub(super) fn longest(outline: &Outline, others: u64, free: u64) -> Option<usize> {
    let holds = |context: usize| {
        outline.cache_bytes(context).is_ok_and(|it| others.saturating_add(it) <= free)
    };
    let most = outline.info.model_context;
    if holds(most) {
        return Some(most);
    }
    let (mut held, mut too_many) = (0, most.div_ceil(ROUND));
    while too_many - held > 1 {
        let middle = held.midpoint(too_many);
        if holds(middle * ROUND) { held = middle } else { too_many = middle }
    }
    (held > 0).then_some(held * ROUND)
}

/// Bytes of the weights of `file` as `mix`.
///
/// # Errors
///
/// If a number that the rules of the mix ask about is none.
pub(super) fn weights_as(file: &ModelFile, mix: Mix) -> Result<u64, loader::Error> {
    let recipe = Recipe::new(mix, file, Measured::No)?;
    let tensors = file.tensors.iter();
    Ok(tensors.map(|(name, it)| bytes(&it.shape, format(&recipe, name, it))).sum())
}

/// The same model as `mix`, with zeros for weights.
///
/// # Errors
///
/// If a number that the rules of the mix ask about is none.
pub(super) fn recast(file: &ModelFile, mix: Mix) -> Result<ModelFile, loader::Error> {
    let recipe = Recipe::new(mix, file, Measured::No)?;
    let mut made = file.clone();
    made.mappings.clear();
    for (name, tensor) in &mut made.tensors {
        let format = format(&recipe, name, tensor);
        tensor.parts = zeros(bytes(&tensor.shape, format), row_bytes(&tensor.shape, format));
        tensor.format = format;
    }
    Ok(made)
}

/// The format that a tensor has in a file of the mix: what the mix leaves as it is has all its bits in
/// GGUF.
fn format(recipe: &Recipe, name: &str, tensor: &FileTensor) -> Format {
    recipe.format(name, &tensor.shape).unwrap_or(Format::F32)
}

fn row_bytes(shape: &[usize], format: Format) -> usize {
    let cols = shape.last().copied().unwrap_or(1);
    format.row_bytes(cols).expect("recipes choose formats whose blocks fit")
}

fn bytes(shape: &[usize], format: Format) -> u64 {
    let rows = shape.split_last().map_or(&[][..], |it| it.1);
    let rows = rows.iter().map(|&it| it as u64).product::<u64>();
    rows.saturating_mul(row_bytes(shape, format) as u64)
}

/// So many zeros, in parts of whole rows; all parts are the same memory, most of which nobody touches.
fn zeros(bytes: u64, row_bytes: usize) -> Vec<Bytes> {
    static SHARED: OnceLock<Bytes> = OnceLock::new();
    let shared = SHARED.get_or_init(|| Bytes::new(vec![0; ZEROS]));
    let part = match row_bytes {
        0 => return Vec::new(),
        // A row that is longer than that is a vector, and few are.
        ZEROS.. => return vec![Bytes::new(vec![0; bytes as usize])],
        _ => ZEROS / row_bytes * row_bytes,
    };
    let (whole, rest) = ((bytes / part as u64) as usize, (bytes % part as u64) as usize);
    let mut parts = vec![shared.slice(0..part); whole];
    if rest > 0 {
        parts.push(shared.slice(0..rest));
    }
    parts
}

/// An error and its causes on one line.
pub(crate) fn chain(error: &(dyn std::error::Error + 'static)) -> String {
    anyhow::Chain::new(error).map(ToString::to_string).collect::<Vec<_>>().join(": ")
}

#[cfg(test)]
mod tests {
    use ingle_tests::parrot;
    use kernels::cpu::{Config, Precision};

    use super::*;

    fn file() -> ModelFile {
        ModelFile::from_bytes("parrot", Bytes::new(parrot::file()), &[]).unwrap()
    }

    fn cpu() -> Cpu {
        let config = Config { threads: 2, precision: Precision::Fast, ..Config::detect() };
        Cpu::new(config).unwrap()
    }

    #[test]
    fn what_it_takes_is_what_an_engine_takes() {
        let options = Options { ctx_size: Some(512), ..Options::default() };
        let outline = outline(&file(), &cpu(), &options).unwrap();
        let engine = engine::Engine::load_ids_only(&file(), Box::new(cpu()), &options).unwrap();
        assert_eq!(outline.info, *engine.info());
    }

    #[test]
    fn another_format_has_the_bytes_that_its_file_would_have() {
        let file = file();
        for mix in [Mix::F32, Mix::F16, Mix::Q8_0] {
            let conversion = loader::quantise::Conversion::new(&file, Some(mix), None).unwrap();
            let items: u64 = conversion.items.iter().map(loader::quantise::Item::len).sum();
            let made = recast(&file, mix).unwrap();
            let parts = made.tensors.values().flat_map(|it| &it.parts);
            let made_bytes: u64 = parts.map(|it| it.len() as u64).sum();
            assert_eq!((weights_as(&file, mix).unwrap(), made_bytes), (items, items), "{mix}");
            let options = Options { ctx_size: Some(64), ..Options::default() };
            assert_eq!(outline(&made, &cpu(), &options).unwrap().info.weight_bytes, items);
        }
    }

    #[test]
    fn zeros_are_whole_rows() {
        for (bytes, row) in [(0, 7), (7, 7), (3 * ZEROS, 64), (5 * ZEROS / 3 / 10 * 10, 10)] {
            let parts = zeros(bytes as u64, row);
            assert_eq!(parts.iter().map(|it| it.len()).sum::<usize>(), bytes);
            assert!(parts.iter().all(|it| it.len().is_multiple_of(row)), "{bytes} {row}");
        }
    }

    #[test]
    fn the_longest_context_is_as_long_as_memory_or_the_model_allows() {
        let options = Options { ctx_size: Some(512), ..Options::default() };
        let outline = outline(&file(), &cpu(), &options).unwrap();
        let cache = |context| outline.cache_bytes(context).unwrap();
        let made_for = parrot::CONTEXT as usize;
        assert_eq!(longest(&outline, 7, u64::MAX), Some(made_for));
        assert_eq!(longest(&outline, 7, 7 + cache(1024)), Some(1024));
        assert_eq!(longest(&outline, 7, 6 + cache(1024)), Some(768));
        assert_eq!(longest(&outline, 7, 8), None);
    }
}
