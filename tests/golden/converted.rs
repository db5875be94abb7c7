//! Folders converted to GGUF, as `ingle quantize` writes them: the same logits and the same tokens.

use std::path::Path;

use engine::{
    Options, Prompt, Tokenizer,
    tokenizer::{Bos, gguf_keys},
};
use kernels::cpu::{Isa, Precision};
use loader::{
    Bytes, ModelFile, Value,
    gguf::{Announced, Stream},
    quantise::{Conversion, Mix},
};

use crate::data::{Device, Expected, folders, json, logits, max_diff};

/// The file that `ingle quantize FOLDER … MIX` makes.
fn converted(file: &ModelFile, mix: Mix) -> Result<ModelFile, String> {
    let conversion = Conversion::new(file, Some(mix), None).map_err(|it| it.to_string())?;
    Ok(written(&conversion, gguf_keys(file).map_err(|it| it.to_string())?))
}

/// The file that a conversion makes, with more keys.
pub(crate) fn written(
    conversion: &Conversion<'_>,
    keys: impl IntoIterator<Item = (String, Value)>,
) -> ModelFile {
    let mut metadata = conversion.metadata();
    for (key, value) in keys {
        metadata.insert(key, value);
    }
    let tensors: Vec<_> = conversion
        .items
        .iter()
        .map(|it| Announced { name: it.name, format: it.format, shape: it.shape(), len: it.len() })
        .collect();
    let mut stream = Stream::new(Vec::new(), &metadata, &tensors).expect("memory");
    for item in &conversion.items {
        let mut bytes = Vec::new();
        item.encode(0..item.rows(), &mut bytes).expect("weights that are numbers");
        stream.write(&bytes).expect("memory");
    }
    let bytes = Bytes::new(stream.finish().expect("memory"));
    ModelFile::from_bytes("converted", bytes, &[]).expect("a sound file")
}

/// Whether GGUF can say what the tokenizer does; if so, it says the same.
fn check_tokens(folder: &Path, before: &ModelFile, after: &ModelFile) {
    let load = |it: &ModelFile| Tokenizer::load(it).unwrap_or_else(|e| panic!("{folder:?}: {e}"));
    let (before, after) = (load(before), load(after));
    let cases = json(&folder.join("tokenize.json"));
    for case in cases["cases"].as_array().expect("a list") {
        let text = case["text"].as_str().expect("a text");
        for bos in [Bos::AsModel, Bos::Never] {
            let ids = |it: &Tokenizer| it.encode(&Prompt::foreign(text), bos).expect("plain text");
            assert_eq!(ids(&after), ids(&before), "{folder:?}: {text:?}, {bos:?}");
        }
    }
    assert_eq!(after.stop_ids(), before.stop_ids(), "{folder:?}");
    assert_eq!(after.structural(), before.structural(), "{folder:?}");
}

/// Families whose conversion must work; the others say why it does not.
const THERE: &[&str] = &["llama2", "llama31", "llama32_tied", "mistral_7b_v03", "qwen2", "qwen3"];

#[test]
fn golden_folders_as_gguf() {
    let Some(dir) = ingle_tests::golden() else { return };
    let mut seen = 0;
    for folder in folders(&dir.join("families")) {
        let name = folder.file_name().expect("a folder").to_string_lossy().into_owned();
        let must = THERE.contains(&name.as_str());
        let cpu = Device::Cpu(Isa::best(), Precision::Exact);
        let options = Options { ctx_size: Some(96), ..Options::default() };
        let Ok(file) = ModelFile::open(&folder, &[]) else { continue };
        let Ok(_) = cpu.engine(&file, &options) else { continue };
        let made = match converted(&file, Mix::F16) {
            Ok(made) => made,
            Err(why) => {
                assert!(!must, "{name}: {why}");
                println!("not there yet: {name}: {why}");
                continue;
            }
        };
        // What GGUF has no key for is in the folder alone.
        if !must && folder.join("gguf_overrides.json").exists() {
            continue;
        }
        check_tokens(&folder, &file, &made);
        let expected = Expected::read(&folder.join("expected.safetensors"));
        let engine = &mut cpu.engine(&made, &options).unwrap_or_else(|e| panic!("{name}: {e}"));
        let found = logits(engine, expected.ids("b.input_ids"));
        let diff = max_diff(&found, expected.numbers("b.logits"));
        println!("{name} as GGUF: max |difference| {diff:.1e}");
        assert!(diff <= 1e-4, "{name} as GGUF: {diff:e}");
        seen += 1;
    }
    assert!(seen >= THERE.len(), "{seen} families");
}

/// A narrow model as `Q4_K_M`: fallbacks, and a result that still knows its text.
#[test]
fn golden_stories_as_q8_0_and_q4_k_m() {
    let Some(dir) = ingle_tests::golden().map(|it| it.join("stories260K")) else { return };
    let file = ModelFile::open(&dir.join("hf"), &[]).expect("a sound folder");
    let expected = Expected::read(&dir.join("expected.safetensors"));
    let ids = expected.ids("ppl.input_ids");
    let ppl = json(&dir.join("expected.json"))["ppl"].as_f64().expect("a number");
    for (mix, bound) in [(Mix::F32, 1e-4), (Mix::Q8_0, 0.01), (Mix::Q4_K_M, 0.15)] {
        let made = converted(&file, mix).expect("a small model");
        let cpu = Device::Cpu(Isa::best(), Precision::Exact);
        let options = Options { ctx_size: Some(512), ..Options::default() };
        let mut engine = cpu.engine(&made, &options).expect("a small model");
        let all = crate::trained::nll(&mut engine, ids);
        let found = (all.iter().sum::<f64>() / all.len() as f64).exp();
        println!("stories260K as {mix}: perplexity {found:.4}, before {ppl:.4}");
        assert!((found / ppl - 1.0).abs() <= bound, "{mix}: {found}, before {ppl}");
    }
}
