//! Models with adapters: run beside the weights, or merged into them, they are what the changed
//! weights are, whatever container the model and the adapter come in.

use std::{collections::BTreeMap, fs, path::Path};

use engine::Options;
use fastrand::Rng;
use kernels::cpu::{Isa, Precision};
use loader::{
    Access, Array, Bytes, Format, ModelFile, Value, adapter, gguf::Writer, quantise::Conversion,
};
use safetensors::{Dtype, SafeTensors, tensor::TensorView};
use serde_json::json;
use tempfile::TempDir;

use crate::{
    converted::written,
    data::{Device, folders, logits, max_diff},
};

/// What the logits may differ by.
pub(crate) const BOUND: f32 = 1e-4;

pub(crate) const IDS: [u32; 9] = [1, 5, 90, 33, 17, 64, 2, 8, 71];

const RANK: usize = 3;
const ALPHA: f64 = 6.0;

/// The modules of a block of the small llama that the adapter changes, and their names in GGUF.
const MODULES: [(&str, &str); 7] = [
    ("self_attn.q_proj", "attn_q"),
    ("self_attn.k_proj", "attn_k"),
    ("self_attn.v_proj", "attn_v"),
    ("self_attn.o_proj", "attn_output"),
    ("mlp.gate_proj", "ffn_gate"),
    ("mlp.up_proj", "ffn_up"),
    ("mlp.down_proj", "ffn_down"),
];

/// Both factors of a matrix: `[RANK, cols]` and `[rows, RANK]`.
#[derive(Clone)]
pub(crate) struct Factors {
    a: Vec<f32>,
    b: Vec<f32>,
}

impl Factors {
    /// Numbers up to half of `size`.
    fn random(chance: &mut Rng, [rows, cols]: [usize; 2], size: f32) -> Self {
        let mut numbers = |n: usize| (0..n).map(|_| size * (chance.f32() - 0.5)).collect();
        Self { a: numbers(RANK * cols), b: numbers(rows * RANK) }
    }

    fn shapes(&self) -> [[usize; 2]; 2] {
        [[RANK, self.a.len() / RANK], [self.b.len() / RANK, RANK]]
    }

    fn bytes(&self) -> [Vec<u8>; 2] {
        [&self.a, &self.b].map(|it| Format::F32.encode(it))
    }

    /// Adds `alpha / rank` times the product.
    fn add_to(&self, w: &mut [f32]) {
        let cols = self.a.len() / RANK;
        for (row, b) in w.chunks_exact_mut(cols).zip(self.b.chunks_exact(RANK)) {
            for (c, x) in row.iter_mut().enumerate() {
                let product = (0..RANK).map(|r| f64::from(b[r]) * f64::from(self.a[r * cols + c]));
                *x += (product.sum::<f64>() * ALPHA / RANK as f64) as f32;
            }
        }
    }

    /// Those of a table as PEFT has them: the other way round, each with columns as rows.
    fn of_table(&self) -> Self {
        Self { a: turned(&self.b, RANK), b: turned(&self.a, self.a.len() / RANK) }
    }

    /// For rows of heads of 16 in which neighbours turn together, not halves.
    fn interleaved(&self) -> Self {
        let from = |row: usize| row / 16 * 16 + row % 16 / 2 + row % 2 * 8;
        let rows = (0..self.b.len() / RANK).flat_map(|row| &self.b[from(row) * RANK..][..RANK]);
        Self { a: self.a.clone(), b: rows.copied().collect() }
    }
}

/// The numbers of a matrix of `cols` columns, column after column.
fn turned(numbers: &[f32], cols: usize) -> Vec<f32> {
    (0..cols).flat_map(|c| numbers.iter().skip(c).step_by(cols).copied()).collect()
}

/// A model, an adapter for it, and the weights that both come to.
pub(crate) struct Changed {
    pub(crate) base: ModelFile,
    pub(crate) changed: ModelFile,
    /// By module.
    pub(crate) factors: BTreeMap<String, Factors>,
}

impl Changed {
    /// The small llama of this repository.
    fn small() -> Self {
        let folder = ingle_tests::root().join("tests/golden/small/families/llama");
        Self::of(&folder, 1.0, |module| MODULES.iter().any(|it| module.ends_with(it.0)))
    }

    /// The model in `folder`, with those modules changed, by numbers up to half of `size`.
    pub(crate) fn of(folder: &Path, size: f32, is_changed: impl Fn(&str) -> bool) -> Self {
        let bytes = fs::read(folder.join("model.safetensors")).expect("it is there");
        let stored = SafeTensors::deserialize(&bytes).expect("a sound file");
        let (mut chance, mut factors) = (Rng::with_seed(7), BTreeMap::new());
        let mut tensors = Vec::new();
        for (name, tensor) in stored.tensors() {
            let shape = tensor.shape().to_vec();
            let module = name.strip_suffix(".weight").filter(|it| is_changed(it));
            let Some(module) = module else {
                tensors.push((name, shape, tensor.dtype(), tensor.data().to_vec()));
                continue;
            };
            let mut numbers = vec![0.0; shape.iter().product()];
            Format::BF16.decode_row(tensor.data(), &mut numbers);
            let it =
                Factors::random(&mut chance, tensor.shape().try_into().expect("a matrix"), size);
            it.add_to(&mut numbers);
            factors.insert(module.to_owned(), it);
            tensors.push((name, shape, Dtype::F32, Format::F32.encode(&numbers)));
        }
        let weights = serialized(&tensors);
        let config = fs::read(folder.join("config.json")).expect("it is there");
        let files = [("config.json", config), ("model.safetensors", weights)];
        let files = files.map(|(name, bytes)| (name.to_owned(), Bytes::new(bytes)));
        let changed = ModelFile::from_files("changed", files.into(), &[]).expect("a sound folder");
        let base = ModelFile::open(folder, &[]).expect("it is there");
        Self { base, changed, factors }
    }

    /// As PEFT writes it.
    pub(crate) fn peft(&self, config: serde_json::Value) -> TempDir {
        let dir = tempfile::tempdir().expect("a folder");
        let mut tensors = Vec::new();
        for (module, it) in &self.factors {
            let (it, ends) = match module.ends_with("embed_tokens") {
                true => (it.of_table(), ["embedding_A", "embedding_B"]),
                false => (it.clone(), ["A.weight", "B.weight"]),
            };
            for ((end, shape), bytes) in ends.iter().zip(it.shapes()).zip(it.bytes()) {
                let name = format!("base_model.model.{module}.lora_{end}");
                tensors.push((name, shape.to_vec(), Dtype::F32, bytes));
            }
        }
        fs::write(dir.path().join("adapter_config.json"), config.to_string()).expect("written");
        let weights = serialized(&tensors);
        fs::write(dir.path().join("adapter_model.safetensors"), weights).expect("written");
        dir
    }

    /// As llama.cpp's converter writes it.
    fn gguf(&self, change: impl FnOnce(&mut Writer)) -> tempfile::NamedTempFile {
        let mut writer = adapter_of("llama");
        for (module, it) in &self.factors {
            let name = self.gguf_name(module);
            let turns = name.ends_with("attn_q.weight") || name.ends_with("attn_k.weight");
            let it = if turns { it.interleaved() } else { it.clone() };
            for ((which, shape), bytes) in ["a", "b"].iter().zip(it.shapes()).zip(it.bytes()) {
                writer.tensor(format!("{name}.lora_{which}"), Format::F32, &shape, bytes);
            }
        }
        change(&mut writer);
        saved(&writer)
    }

    /// As llama.cpp's converter writes those of the table: rows to look up, and what multiplies them.
    pub(crate) fn gguf_of_table(&self) -> tempfile::NamedTempFile {
        let it = &self.factors["model.embed_tokens"];
        let up = it.of_table();
        let ([_, [vocab, _]], [_, [dim, _]]) = (it.shapes(), up.shapes());
        let mut writer = adapter_of(self.base.architecture());
        for (which, rows, numbers) in [("a", vocab, &it.b), ("b", dim, &up.b)] {
            let name = format!("token_embd.weight.lora_{which}");
            writer.tensor(name, Format::F32, &[rows, RANK], Format::F32.encode(numbers));
        }
        saved(&writer)
    }

    fn gguf_name(&self, module: &str) -> String {
        let layer = module.split('.').nth(2).expect("a block has a number");
        let name = MODULES.iter().find(|it| module.ends_with(it.0)).expect("a module").1;
        format!("blk.{layer}.{name}.weight")
    }
}

fn serialized(tensors: &[(String, Vec<usize>, Dtype, Vec<u8>)]) -> Vec<u8> {
    let views = tensors.iter().map(|(name, shape, dtype, bytes)| {
        (name, TensorView::new(*dtype, shape.clone(), bytes).expect("it fits"))
    });
    safetensors::serialize(views, None).expect("sound tensors")
}

fn adapter_of(architecture: &str) -> Writer {
    let mut writer = Writer::new();
    let text = |it: &str| Value::String(it.to_owned());
    writer.set("general.type", text("adapter"));
    writer.set("general.architecture", text(architecture));
    writer.set("adapter.type", text("lora"));
    writer.set("adapter.lora.alpha", Value::F32(ALPHA as f32));
    writer
}

fn saved(writer: &Writer) -> tempfile::NamedTempFile {
    let file = tempfile::Builder::new().suffix(".gguf").tempfile().expect("a file");
    fs::write(file.path(), writer.to_bytes()).expect("written");
    file
}

pub(crate) fn logits_on(device: Device, file: &ModelFile, ids: &[u32]) -> Vec<f32> {
    let options = Options { ctx_size: Some(32), ..Options::default() };
    let mut engine = device.engine(file, &options).unwrap_or_else(|e| panic!("{device}: {e}"));
    logits(&mut engine, ids)
}

/// The same model as GGUF, adapters merged.
pub(crate) fn as_gguf(file: &ModelFile) -> ModelFile {
    written(&Conversion::new(file, None, None).expect("a sound model"), [])
}

pub(crate) fn peft_config() -> serde_json::Value {
    json!({"peft_type": "LORA", "r": RANK, "lora_alpha": ALPHA, "bias": "none", "use_dora": false})
}

#[test]
fn adapters_change_what_the_changed_weights_change() {
    let small = Changed::small();
    let (peft, gguf) = (small.peft(peft_config()), small.gguf(|_| {}));
    let best = Device::Cpu(Isa::best(), Precision::Exact);
    let expected = logits_on(Device::Reference, &small.changed, &IDS);
    let plain = logits_on(best, &small.base, &IDS);
    assert!(max_diff(&plain, &expected) > 0.1, "the adapter changes something");
    for base in [small.base.clone(), as_gguf(&small.base)] {
        for path in [peft.path(), gguf.path()] {
            let mut adapted = base.clone();
            adapted.adapt(path, 1.0, Access::Map).unwrap();
            for device in Device::exact() {
                let diff = max_diff(&logits_on(device, &adapted, &IDS), &expected);
                assert!(diff <= BOUND, "{path:?} on {device}: {diff:e}");
            }
            let merged = logits_on(best, &as_gguf(&adapted), &IDS);
            // Merged, it is rounded to the model's own format again.
            assert!(max_diff(&merged, &expected) <= 0.1, "{path:?}, merged");
        }
    }
}

#[test]
fn adapters_add_up_and_are_scaled() {
    let small = Changed::small();
    let gguf = small.gguf(|_| {});
    let expected = logits_on(Device::Reference, &small.changed, &IDS);
    let best = Device::Cpu(Isa::best(), Precision::Exact);
    let mut adapted = small.base.clone();
    for scale in [0.75, -0.5, 0.75] {
        adapted.adapt(gguf.path(), scale, Access::Read).unwrap();
    }
    let diff = max_diff(&logits_on(best, &adapted, &IDS), &expected);
    assert!(diff <= BOUND, "{diff:e}");
    let mut none = small.base.clone();
    none.adapt(gguf.path(), 0.0, Access::Map).unwrap();
    assert_eq!(logits_on(best, &none, &IDS), logits_on(best, &small.base, &IDS));
}

/// Stacks of experts and fused matrices: beside the weights as in them.
#[test]
fn golden_adapters_of_experts_and_fused_matrices() {
    let Some(dir) = ingle_tests::golden() else { return };
    let best = Device::Cpu(Isa::best(), Precision::Exact);
    for name in ["gemma4_26b_a4b", "mixtral", "phi35_mini_128k", "qwen3_moe"] {
        let base = ModelFile::open(&dir.join(format!("gguf/{name}-f16.gguf")), &[]).unwrap();
        let adapter = saved(&random_adapter(&base));
        let mut adapted = base.clone();
        adapted.adapt(adapter.path(), 1.0, Access::Map).unwrap();
        let beside = logits_on(best, &adapted, &IDS);
        let f32 = Some(loader::quantise::Mix::F32);
        let merged = written(&Conversion::new(&adapted, f32, None).unwrap(), []);
        let diff = max_diff(&logits_on(best, &merged, &IDS), &beside);
        assert!(diff <= BOUND, "{name}: {diff:e}");
        assert!(max_diff(&logits_on(best, &base, &IDS), &beside) > 0.01, "{name} is changed");
    }
    assert!(folders(&dir.join("families")).len() > 40, "the golden data are whole");
}

/// An adapter for every matrix of the blocks of `base`.
fn random_adapter(base: &ModelFile) -> Writer {
    let (mut writer, mut chance) = (adapter_of(base.architecture()), Rng::with_seed(3));
    for (name, tensor) in &base.tensors {
        let matrices = ["_exps.weight", "attn_qkv.weight", "attn_q.weight", "attn_output.weight"];
        if !matrices.iter().any(|it| name.ends_with(it)) && !name.ends_with("ffn_up.weight") {
            continue;
        }
        let [outer @ .., rows, cols] = &tensor.shape[..] else { continue };
        for (which, shape) in [("a", [RANK, *cols]), ("b", [*rows, RANK])] {
            let shape = [outer, &shape].concat();
            let numbers = (0..shape.iter().product()).map(|_| 0.3 * (chance.f32() - 0.5));
            let bytes = Format::F32.encode(&numbers.collect::<Vec<_>>());
            writer.tensor(format!("{name}.lora_{which}"), Format::F32, &shape, bytes);
        }
    }
    writer
}

/// What the adapter at `path` is refused with.
pub(crate) fn refused(base: &ModelFile, path: &Path) -> (String, String) {
    let error = base.clone().adapt(path, 1.0, Access::Map).expect_err("it is wrong");
    let hint = error.hint().unwrap_or_default();
    let loader::Error::Adapter(adapter::Error::In { source, .. }) = error else {
        panic!("{error}");
    };
    (source.to_string(), hint)
}

#[test]
fn wrong_adapters_are_refused() {
    let small = Changed::small();
    let base = &small.base;
    let extra = |name: &'static str, shape: [usize; 2]| {
        small.gguf(move |it| {
            let bytes = Format::F32.encode(&vec![0.0; shape[0] * shape[1]]);
            it.tensor(name.to_owned(), Format::F32, &shape, bytes);
        })
    };
    let half = extra("blk.1.ffn_up.weight.lora_c", [3, 32]);
    assert_eq!(
        refused(base, half.path()).0,
        "it has the tensor `blk.1.ffn_up.weight.lora_c`, which is not supported"
    );
    let half = extra("output.weight.lora_a", [3, 32]);
    assert_eq!(
        refused(base, half.path()).0,
        "it has `output.weight.lora_a` without its other factor"
    );
    let other = saved(&random_adapter(base)); // of two layers of this model, and then of another
    let mut narrow = base.clone();
    narrow.tensors.get_mut("blk.0.attn_q.weight").expect("it is there").shape = vec![64, 31];
    let (text, hint) = refused(&narrow, other.path());
    assert_eq!(
        text,
        "it changes `blk.0.attn_q.weight` by [64, 3] times [3, 32], the model's has [64, 31]"
    );
    assert_eq!(hint, "use the model that it was trained on");
    narrow.tensors.remove("blk.0.attn_q.weight");
    assert_eq!(
        refused(&narrow, other.path()).0,
        "it changes `blk.0.attn_q.weight`, which the model does not have"
    );
    let qwen = saved(&adapter_of("qwen2"));
    assert_eq!(
        refused(base, qwen.path()).0,
        "it is of the architecture `qwen2`, the model is of `llama`"
    );
    let empty = saved(&adapter_of("llama"));
    assert_eq!(refused(base, empty.path()).0, "it is no LoRA adapter: it has no tensors");
    let model = small.gguf(|it| {
        it.set("general.type", Value::String("model".to_owned()));
    });
    assert_eq!(refused(base, model.path()).0, "it is no LoRA adapter: `general.type` is `model`");
    let switched = small.gguf(|it| {
        let tokens = Value::Array(Array::U32(vec![1, 2]));
        it.set("adapter.alora.invocation_tokens", tokens);
    });
    assert_eq!(
        refused(base, switched.path()).0,
        "it has tokens that switch it on (aLoRA), which is not supported"
    );
    let opened = ModelFile::open(small.gguf(|_| {}).path(), &[]).expect_err("no model");
    assert!(opened.to_string().ends_with("is an adapter, not a model"), "{opened}");
}

#[test]
fn wrong_folders_of_peft_are_refused() {
    let small = Changed::small();
    let with = |key: &str, value: serde_json::Value| {
        let mut config = peft_config();
        config[key] = value;
        let dir = small.peft(config);
        refused(&small.base, dir.path()).0
    };
    assert_eq!(with("use_dora", json!(true)), "it has `use_dora` = true, which is not supported");
    assert_eq!(
        with("peft_type", json!("LOHA")),
        "it has `peft_type` = \"LOHA\", which is not supported"
    );
    assert_eq!(with("bias", json!("all")), "it has `bias` = \"all\", which is not supported");
    assert_eq!(
        with("modules_to_save", json!(["lm_head"])),
        "it has `modules_to_save` = [\"lm_head\"], which is not supported"
    );
    let dir = small.peft(peft_config());
    fs::remove_file(dir.path().join("adapter_config.json")).expect("it was written");
    let found = refused(&small.base, dir.path()).0;
    assert_eq!(found, "it is no LoRA adapter: there is no `adapter_config.json`");
}

/// `alpha_pattern` and `use_rslora` say how large an adapter is.
#[test]
fn peft_scales_by_module_and_by_the_root_of_the_rank() {
    let small = Changed::small();
    let scale = |config: serde_json::Value, name: &str| {
        let dir = small.peft(config);
        let mut base = small.base.clone();
        base.adapt(dir.path(), 1.0, Access::Map).unwrap();
        base.low_rank[name][0].scale
    };
    let mut config = peft_config();
    assert_eq!(scale(config.clone(), "blk.0.ffn_up.weight"), 2.0);
    config["alpha_pattern"] = json!({"up_proj": 12.0});
    assert_eq!(scale(config.clone(), "blk.0.ffn_up.weight"), 4.0);
    assert_eq!(scale(config.clone(), "blk.0.attn_q.weight"), 2.0);
    config["use_rslora"] = json!(true);
    let found = scale(config, "blk.1.attn_q.weight");
    assert!((found - 6.0 / 3.0f32.sqrt()).abs() < 1e-6, "{found}");
}

/// PEFT takes the keys of `alpha_pattern` for regular expressions.
#[test]
fn peft_scales_by_expressions_are_refused() {
    let small = Changed::small();
    for pattern in [r"layers\.0\..*up_proj", "^model.layers.0.mlp.up_proj", "(up|down)_proj"] {
        let mut config = peft_config();
        config["alpha_pattern"] = json!({ pattern: 12.0 });
        let dir = small.peft(config);
        let error = small.base.clone().adapt(dir.path(), 1.0, Access::Map).expect_err(pattern);
        assert!(error.to_string().contains("`alpha_pattern`"), "{error}");
    }
}
