//! A model of the golden data is the same model from its Hugging Face folder and from its GGUF
//! file: the same metadata where GGUF has it, the same tensors with the same numbers.
//!
//! Where converters write something else, `is_excused`, `in_folder` and `multipliers` say what.

use std::{collections::BTreeMap, fs, iter, path::Path};

use loader::{Array, Container, ModelFile, QkOrder, Value};

use crate::golden_data::{golden, is_beside};

/// How many families the data beside the project have.
const N_FAMILIES: usize = 44;

/// Keys of GGUF that say something about the file or its vocabulary, not about the model.
const OF_THE_FILE: &[&str] = &[
    "general.file_type",
    "general.name",
    "general.quantization_version",
    "general.size_label",
    "general.type",
    "tokenizer.ggml.add_sep_token",
    "tokenizer.ggml.add_space_prefix",
    "tokenizer.ggml.merges",
    "tokenizer.ggml.model",
    "tokenizer.ggml.pre",
    "tokenizer.ggml.scores",
    "tokenizer.ggml.token_type",
    "tokenizer.ggml.tokens",
];

/// The names of the families, sorted.
fn families(golden: &Path) -> Vec<String> {
    let entries = fs::read_dir(golden.join("families")).into_iter().flatten().flatten();
    let folders = entries.filter(|it| it.path().is_dir());
    let mut names: Vec<_> =
        folders.map(|it| it.file_name().to_string_lossy().into_owned()).collect();
    names.sort();
    names
}

fn open(path: &Path) -> ModelFile {
    ModelFile::open(path, &[]).unwrap_or_else(|error| panic!("{}: {error:?}", path.display()))
}

/// Calls `check` with the name, the folder and the GGUF file of every family that has both.
fn each_family(golden: &Path, check: impl Fn(&str, &ModelFile, &ModelFile)) {
    let mut n_checked = 0;
    for name in families(golden) {
        let gguf = golden.join(format!("gguf/{name}-f16.gguf"));
        if !gguf.is_file() {
            eprintln!("skipped: no {}", gguf.display());
            continue;
        }
        let folder = open(&golden.join("families").join(&name));
        // The tensors of a class that nobody knows keep their names.
        if !folder.tensors.contains_key("token_embd.weight") {
            eprintln!("not there yet: {name}: architecture {}", folder.architecture());
            continue;
        }
        check(&name, &folder, &open(&gguf));
        n_checked += 1;
    }
    let at_least = if is_beside(golden) { N_FAMILIES } else { 1 };
    assert!(n_checked >= at_least, "{n_checked} families have a folder and a GGUF file");
}

#[test]
fn golden_folders_have_the_metadata_of_gguf() {
    let Some(golden) = golden() else { return };
    each_family(&golden, |name, folder, gguf| {
        for (key, theirs) in gguf.metadata.iter().filter(|(key, _)| !OF_THE_FILE.contains(key)) {
            let ours = folder.metadata.get(key);
            let same = ours == Some(theirs) || same_by_layer(folder, gguf, key);
            assert!(
                same || is_excused(folder, key, theirs),
                "{name}: {key} is {ours:?}, expected {theirs:?}"
            );
        }
        assert_eq!(folder.metadata.get("ingle.config.unread_keys"), None, "{name}");
    });
}

/// The whole number of each layer, where a file has one for all or one for each.
fn by_layer(file: &ModelFile, key: &str) -> Option<Vec<usize>> {
    let n_layers = file.metadata.u64(&format!("{}.block_count", file.architecture()));
    let n_layers = n_layers.ok().flatten()? as usize;
    file.metadata.per_layer(key, n_layers, 0..=usize::MAX).ok().flatten()
}

fn same_by_layer(folder: &ModelFile, gguf: &ModelFile, key: &str) -> bool {
    let ours = by_layer(folder, key);
    ours.is_some() && ours == by_layer(gguf, key)
}

/// Whether a converter writes `theirs` at `key` although the folder says something else, or says it
/// in another way.
fn is_excused(folder: &ModelFile, key: &str, theirs: &Value) -> bool {
    let ours = |key: &str| folder.metadata.get(key);
    match (key, theirs) {
        // `model_max_length`, which transformers does not read.
        ("command-r.context_length", Value::U32(_))
        // Numbers that stand in the converter, whatever stands in the folder.
        | ("falcon.context_length", Value::U32(2048))
        | ("granitehybrid.context_length", Value::U32(0x0010_0000))
        | ("tokenizer.ggml.eot_token_id", Value::U32(107)) => true,
        // There is one such layout.
        ("falcon.tensor_data_layout", Value::String(it)) => it == "jploski",
        // Nothing says the same.
        ("cohere2.rope.scaling.type" | "command-r.rope.scaling.type", Value::String(it)) => {
            it == "none" && ours(key).is_none()
        }
        ("phi3.attention.sliding_window", Value::U32(0)) => ours(key).is_none(),
        // The tensor of a second norm says it.
        ("stablelm.use_parallel_residual", Value::Bool(false)) => ours(key).is_none(),
        // Nothing is scaled.
        ("phi3.rope.scaling.original_context_length", it) => {
            ours(key).is_none() && ours("phi3.context_length") == Some(it)
        }
        // What turned features are multiplied with has another name: as `attention_factor` says, or 1
        // because scores are multiplied instead.
        ("olmo2.rope.scaling.yarn_attn_factor", it) => {
            ours("olmo2.rope.scaling.attn_factor") == Some(it)
        }
        ("mistral3.rope.scaling.yarn_log_multiplier", Value::F32(_)) => {
            ours("mistral3.rope.scaling.attn_factor") == Some(&Value::F32(1.0))
        }
        _ => false,
    }
}

/// A shape and the numbers.
type Numbers = (Vec<usize>, Vec<f32>);

#[test]
fn golden_folders_have_the_tensors_of_gguf() {
    let Some(golden) = golden() else { return };
    each_family(&golden, |name, folder, gguf| {
        assert_eq!(folder.container, Container::Safetensors);
        let theirs = in_folder(gguf, folder.qk_order);
        assert_eq!(
            folder.tensors.keys().collect::<Vec<_>>(),
            theirs.keys().collect::<Vec<_>>(),
            "{name}"
        );
        for (tensor, ours) in &folder.tensors {
            let (shape, expected) = &theirs[tensor];
            assert_eq!(&ours.shape, shape, "{name}: {tensor}");
            let mut numbers = ours.numbers();
            let bound = match multipliers(folder, tensor) {
                Some(by_row) => {
                    let rows = numbers.chunks_exact_mut(ours.shape[1]);
                    assert_eq!(rows.len(), by_row.len(), "{name}: {tensor}");
                    rows.zip(by_row).for_each(|(row, by)| row.iter_mut().for_each(|it| *it *= by));
                    1e-3
                }
                // The factors are computed, not stored: by others in f32.
                None if tensor == "rope_freqs.weight" => 1e-5,
                None => 0.0,
            };
            let worst = worst_ratio(&numbers, expected);
            assert!(worst <= bound, "{name}: {tensor} is off by {worst}");
        }
    });
}

/// The tensors of a GGUF file as the folder of the same model, with rows in this order, has them.
fn in_folder(gguf: &ModelFile, order: QkOrder) -> BTreeMap<String, Numbers> {
    let mut tensors = BTreeMap::new();
    for (name, tensor) in &gguf.tensors {
        let numbers = match order {
            QkOrder::Halves => in_halves(gguf, name, tensor.numbers()),
            QkOrder::Interleaved => tensor.numbers(),
        };
        // The converter of Falcon H1 leaves the end of this name out.
        let end = if name.ends_with(".ffn_norm") { ".weight" } else { "" };
        tensors.insert(format!("{name}{end}"), (tensor.shape.clone(), numbers));
    }
    join_latents(&mut tensors);
    tensors
}

/// The rows of `attn_q` and `attn_k` in the order of transformers.
fn in_halves(file: &ModelFile, name: &str, numbers: Vec<f32>) -> Vec<f32> {
    let key = match name.rsplit('.').nth(1) {
        Some("attn_q") => "head_count",
        Some("attn_k") => "head_count_kv",
        _ => return numbers,
    };
    if file.qk_order == QkOrder::Halves {
        return numbers;
    }
    let layer = name.split('.').nth(1).and_then(|it| it.parse::<usize>().ok());
    let heads = by_layer(file, &format!("{}.attention.{key}", file.architecture()));
    let heads = heads.expect("every llama has heads")[layer.expect("blk.N.…")];
    let rows = file.tensors[name].shape[0];
    let (cols, head_dim) = (numbers.len() / rows, rows / heads);
    let row = |row: usize| {
        let (head, i) = (row / head_dim, row % head_dim);
        let (half, j) = (i / (head_dim / 2), i % (head_dim / 2));
        head * head_dim + 2 * j + half
    };
    (0..rows).flat_map(|it| numbers[row(it) * cols..][..cols].to_vec()).collect()
}

/// DeepSeek's `attn_kv_b`, which the converter takes apart: for each head, rows of keys, which it turns
/// round, and rows of values.
fn join_latents(tensors: &mut BTreeMap<String, Numbers>) {
    let (k_name, v_name) = ("attn_k_b.weight", "attn_v_b.weight");
    let blocks = tensors.keys().filter_map(|it| it.strip_suffix(k_name).map(str::to_owned));
    for block in blocks.collect::<Vec<_>>() {
        let mut take =
            |name: &str| tensors.remove(&format!("{block}{name}")).expect("both or none");
        let ((k_shape, k), (v_shape, v)) = (take(k_name), take(v_name));
        let (&[heads, rank, k_rows], &[_, v_rows, _]) = (&k_shape[..], &v_shape[..]) else {
            panic!("{block}: {k_shape:?} and {v_shape:?}");
        };
        let mut joined: Vec<f32> = Vec::with_capacity(k.len() + v.len());
        for head in 0..heads {
            let keys = &k[head * rank * k_rows..][..rank * k_rows];
            for row in 0..k_rows {
                joined.extend(keys.iter().skip(row).step_by(k_rows));
            }
            joined.extend_from_slice(&v[head * v_rows * rank..][..v_rows * rank]);
        }
        let shape = vec![heads * (k_rows + v_rows), rank];
        tensors.insert(format!("{block}attn_kv_b.weight"), (shape, joined));
    }
}

/// Matrices of Falcon H1, and the keys of the numbers that the converter multiplies them with before it
/// rounds them to 16 bits. The rows of `ssm_in` have another one each.
const MULTIPLIED: &[(&str, &[&str])] = &[
    ("attn_k", &["attention.input_scale", "attention.key_scale"]),
    ("attn_output", &["attention.output_scale"]),
    ("attn_q", &["attention.input_scale"]),
    ("attn_v", &["attention.input_scale"]),
    ("ffn_down", &["feed_forward.down_scale"]),
    ("ffn_gate", &["feed_forward.gate_scale"]),
    ("output", &["logit_scale"]),
    ("ssm_in", &["ssm.input_scale"]),
    ("ssm_out", &["ssm.output_scale"]),
    ("token_embd", &["embedding_scale"]),
];

/// What the converter multiplies the rows of `tensor` with; `None` of a tensor that it leaves alone.
fn multipliers(folder: &ModelFile, tensor: &str) -> Option<Vec<f32>> {
    if folder.architecture() != "falcon-h1" {
        return None;
    }
    let name = tensor.strip_suffix(".weight")?.rsplit('.').next()?;
    let (_, keys) = MULTIPLIED.iter().find(|it| it.0 == name)?;
    let number = |key: &str| {
        let found = folder.metadata.f64(&format!("falcon-h1.{key}"));
        found.ok().flatten().unwrap_or_else(|| panic!("the folder has no {key}"))
    };
    let all: f64 = keys.iter().map(|it| number(it)).product();
    if name != "ssm_in" {
        return Some(vec![all as f32; folder.tensors[tensor].shape[0]]);
    }
    let n = |key: &str| number(&format!("ssm.{key}")) as usize;
    let (inner, group) = (n("inner_size"), n("group_count") * n("state_size"));
    let parts =
        [("gate", inner), ("x", inner), ("b", group), ("c", group), ("dt", n("time_step_rank"))];
    let by_row = |(part, n_rows): (&str, usize)| {
        let by = all * number(&format!("ssm.{part}_scale"));
        iter::repeat_n(by as f32, n_rows)
    };
    Some(parts.into_iter().flat_map(by_row).collect())
}

/// The largest error as a part of the number; infinite once one is no number.
fn worst_ratio(found: &[f32], expected: &[f32]) -> f32 {
    assert_eq!(found.len(), expected.len(), "numbers of a tensor");
    let ratio = |(a, b): (&f32, &f32)| if a == b { 0.0 } else { ((a - b) / b).abs() };
    let ratios = found.iter().zip(expected).map(ratio);
    ratios.map(|it| if it.is_nan() { f32::INFINITY } else { it }).fold(0.0, f32::max)
}

#[test]
fn a_ratio_that_is_no_number_is_the_worst() {
    assert_eq!(worst_ratio(&[f32::NAN, 1.0], &[1.0, 2.0]), f32::INFINITY);
    assert_eq!(worst_ratio(&[0.0, 1.0], &[0.0, 2.0]), 0.5);
}

#[test]
fn golden_folders_say_which_tokens_end_a_text() {
    let Some(golden) = golden() else { return };
    let path = golden.join("families/llama31");
    if !path.is_dir() {
        assert!(!is_beside(&golden), "no {}", path.display());
        return eprintln!("skipped: no {}", path.display());
    }
    let folder = open(&path);
    let ids = Array::U32(vec![473, 478, 479]);
    let found = folder.metadata.get("tokenizer.ggml.eos_token_ids");
    assert_eq!(found, Some(&Value::Array(ids)));
}

#[test]
fn golden_folders_of_any_class_open() {
    let Some(golden) = golden() else { return };
    let (mut n_opened, mut reasons) = (0, BTreeMap::new());
    for name in families(&golden) {
        match ModelFile::open(&golden.join("families").join(&name), &[]) {
            Ok(file) => {
                assert!(!file.architecture().is_empty(), "{name}");
                assert!(!file.tensors.is_empty() && file.tokenizer_json.is_some(), "{name}");
                file.check_intact().expect("nobody changes golden data");
                n_opened += 1;
            }
            Err(error) => {
                reasons.insert(name, error.to_string());
            }
        }
    }
    assert!(reasons.is_empty(), "{reasons:#?}");
    let at_least = if is_beside(&golden) { N_FAMILIES } else { 1 };
    assert!(n_opened >= at_least, "{n_opened} families at {}", golden.display());
}
