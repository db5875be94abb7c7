//! A model of the golden data is the same model from its Hugging Face folder and from its GGUF
//! file: the same metadata where GGUF has it, the same tensors with the same numbers.

use std::{
    collections::BTreeMap,
    env, fs,
    path::{Path, PathBuf},
};

use loader::{Container, FileTensor, ModelFile, QkOrder, Value};

/// Families whose mapping is here.
const FAMILIES: &[&str] = &[
    "gpt_oss",
    "granite_moe",
    "llama2",
    "llama31",
    "llama32_tied",
    "llama4_scout",
    "llama_bias",
    "mistral_7b_v01",
    "mistral_7b_v03",
    "mistral_large2",
    "mistral_nemo",
    "mixtral",
    "qwen2",
    "qwen2_moe",
    "qwen3",
    "qwen3_moe",
];

/// Keys of GGUF that say something about the file or its vocabulary, not about the model.
const OF_THE_FILE: &[&str] = &[
    "general.file_type",
    "general.name",
    "general.quantization_version",
    "general.size_label",
    "general.type",
    "tokenizer.ggml.add_sep_token",
    "tokenizer.ggml.merges",
    "tokenizer.ggml.model",
    "tokenizer.ggml.pre",
    "tokenizer.ggml.scores",
    "tokenizer.ggml.token_type",
    "tokenizer.ggml.tokens",
];

/// Where the golden data are; `None` where they are not.
fn golden() -> Option<PathBuf> {
    let beside = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/golden");
    let dir = env::var_os("INGLE_GOLDEN").map_or(beside, PathBuf::from);
    if dir.is_dir() {
        return Some(dir);
    }
    assert!(env::var_os("CI").is_none_or(|it| it != "true"), "no golden data at {}", dir.display());
    eprintln!("skipped: no golden data");
    None
}

fn both(golden: &Path, name: &str) -> (ModelFile, ModelFile) {
    let open = |path: &Path, open: fn(&Path) -> Result<ModelFile, loader::Error>| {
        open(path).unwrap_or_else(|error| panic!("{}: {error:?}", path.display()))
    };
    let folder = open(&golden.join("families").join(name), |path| ModelFile::open(path, &[]));
    let gguf = golden.join(format!("gguf/{name}-f16.gguf"));
    (folder, open(&gguf, |path| ModelFile::open(path, &[])))
}

#[test]
fn golden_folders_have_the_metadata_of_gguf() {
    let Some(golden) = golden() else { return };
    for name in FAMILIES {
        let (folder, gguf) = both(&golden, name);
        for (key, value) in gguf.metadata.iter().filter(|(key, _)| !OF_THE_FILE.contains(key)) {
            assert_eq!(folder.metadata.get(key), Some(value), "{name}: {key}");
        }
        assert_eq!(folder.metadata.get("ingle.config.unread_keys"), None, "{name}");
    }
}

#[test]
fn golden_folders_have_the_tensors_of_gguf() {
    let Some(golden) = golden() else { return };
    for name in FAMILIES {
        let (folder, gguf) = both(&golden, name);
        assert_eq!(folder.container, Container::Safetensors);
        let names = |file: &ModelFile| file.tensors.keys().cloned().collect::<Vec<_>>();
        assert_eq!(names(&folder), names(&gguf), "{name}");
        for (tensor, ours) in &folder.tensors {
            let theirs = &gguf.tensors[tensor];
            assert_eq!(ours.shape, theirs.shape, "{name}: {tensor}");
            let expected = match folder.qk_order {
                QkOrder::Halves => in_halves(&gguf, tensor, decoded(theirs)),
                QkOrder::Interleaved => decoded(theirs),
            };
            let worst = worst_ratio(&decoded(ours), &expected);
            // The factors are computed, not stored: by others in f32.
            let bound = if tensor == "rope_freqs.weight" { 1e-5 } else { 0.0 };
            assert!(worst <= bound, "{name}: {tensor} is off by {worst}");
        }
    }
}

fn decoded(tensor: &FileTensor) -> Vec<f32> {
    let mut numbers = vec![0.0; tensor.shape.iter().product()];
    let bytes: Vec<u8> = tensor.parts.iter().flat_map(|it| it.to_vec()).collect();
    tensor.format.decode_row(&bytes, &mut numbers);
    numbers
}

/// The rows of `attn_q` and `attn_k` in the order of transformers.
fn in_halves(file: &ModelFile, name: &str, numbers: Vec<f32>) -> Vec<f32> {
    let key = |name: &str| file.metadata.u64(&format!("{}.attention.{name}", file.architecture()));
    let heads = match name.rsplit('.').nth(1) {
        Some("attn_q") => key("head_count"),
        Some("attn_k") => key("head_count_kv"),
        _ => return numbers,
    };
    if file.qk_order == QkOrder::Halves {
        return numbers;
    }
    let heads = heads.ok().flatten().expect("every llama has heads") as usize;
    let rows = file.tensors[name].shape[0];
    let (cols, head_dim) = (numbers.len() / rows, rows / heads);
    let row = |row: usize| {
        let (head, i) = (row / head_dim, row % head_dim);
        let (half, j) = (i / (head_dim / 2), i % (head_dim / 2));
        head * head_dim + 2 * j + half
    };
    (0..rows).flat_map(|it| numbers[row(it) * cols..][..cols].to_vec()).collect()
}

fn worst_ratio(a: &[f32], b: &[f32]) -> f32 {
    let ratio = |(a, b): (&f32, &f32)| if a == b { 0.0 } else { ((a - b) / b).abs() };
    a.iter().zip(b).map(ratio).fold(0.0, f32::max)
}

#[test]
fn golden_folders_say_which_tokens_end_a_text() {
    let Some(golden) = golden() else { return };
    let (folder, _) = both(&golden, "llama31");
    let ids = loader::Array::U32(vec![473, 478, 479]);
    let found = folder.metadata.get("tokenizer.ggml.eos_token_ids");
    assert_eq!(found, Some(&Value::Array(ids)));
}

#[test]
fn golden_folders_of_any_class_open() {
    let Some(golden) = golden() else { return };
    let mut reasons = BTreeMap::new();
    for entry in fs::read_dir(golden.join("families")).unwrap().flatten() {
        let name = entry.file_name().into_string().unwrap();
        match ModelFile::open(&entry.path(), &[]) {
            Ok(file) => {
                assert!(!file.architecture().is_empty(), "{name}");
                assert!(!file.tensors.is_empty() && file.tokenizer_json.is_some(), "{name}");
                file.check_intact().expect("nobody changes golden data");
            }
            Err(error) => {
                reasons.insert(name, error.to_string());
            }
        }
    }
    // Packed experts in u8, which no format here stands for yet.
    let packed = |name: &str, why: &str| name == "gpt_oss_mxfp4" && why.contains("is of type U8");
    assert!(reasons.iter().all(|(name, why)| packed(name, why)), "{reasons:#?}");
}
