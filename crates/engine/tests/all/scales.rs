//! Weights with a scale beside them, as published files in NVFP4 have: computed as the products say.

use engine::{LoadError, Runner, arch};
use kernels::{
    Backend, Bytes, Format,
    cpu::{Config, Cpu, Isa, Precision},
    reference::Reference,
};
use loader::{FileTensor, ModelFile};

use crate::{
    batches::{MAX, PAGES, one},
    models::tiny,
};

const PROMPT: &[u32] = &[1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11];

/// The tiny model with the matrices of its blocks in NVFP4, scales beside them, and the same with their
/// products in F32.
fn scaled(architecture: &str) -> [ModelFile; 2] {
    let mut files = [tiny(architecture), tiny(architecture)];
    let names: Vec<String> = files[0].tensors.keys().cloned().collect();
    for name in names.iter().filter(|it| it.starts_with("blk.")) {
        let base = name.strip_suffix(".weight").unwrap_or(name);
        let tensor = files[0].tensors[name].clone();
        let [outer @ .., rows, cols] = &tensor.shape[..] else { continue };
        if *rows == 1 || !cols.is_multiple_of(64) || base.ends_with("gate_inp") {
            continue;
        }
        let n = outer.first().copied().unwrap_or(1);
        let scales: Vec<f32> = (0..n).map(|i| 0.03125 * (i + name.len()) as f32).collect();
        let numbers = tensor.numbers();
        let of_one = numbers.len() / n;
        let divided: Vec<f32> =
            numbers.iter().enumerate().map(|(i, it)| it / scales[i / of_one]).collect();
        let mut put = |file: usize, name: String, format: Format, shape: &[usize], it: &[f32]| {
            let parts = vec![Bytes::new(format.encode(it))];
            let tensor = FileTensor { format, shape: shape.to_vec(), parts };
            files[file].tensors.insert(name, tensor);
        };
        put(0, name.clone(), Format::NVFP4, &tensor.shape, &divided);
        put(0, format!("{base}.scale"), Format::F32, &[n], &scales);
        put(0, format!("{base}.input_scale"), Format::F32, &[n], &vec![0.5; n]);
        let stored = files[0].tensors[name].numbers();
        let products: Vec<f32> =
            stored.iter().enumerate().map(|(i, it)| it * scales[i / of_one]).collect();
        let parts = vec![Bytes::new(Format::F32.encode(&products))];
        let plain = FileTensor { format: Format::F32, shape: tensor.shape.clone(), parts };
        files[1].tensors.insert(name.clone(), plain);
    }
    files
}

fn logits(file: &ModelFile, mut backend: Box<dyn Backend>) -> Vec<f32> {
    let loaded = arch::load(file, &mut *backend, PAGES).expect("the tiny model is complete");
    let mut runner = Runner::new(&loaded, backend, MAX).expect("memory for the tiny model");
    let mut logits = Vec::new();
    runner.step(&one(0, 0, PROMPT), &mut |it| logits.extend_from_slice(it)).expect("a sound batch");
    logits
}

#[test]
fn weights_count_as_their_products_with_scales() {
    // Separate matrices with a bias, fused ones, and experts beside what all rows share.
    for architecture in ["llama", "phi3", "qwen2moe"] {
        let [scaled, plain] = scaled(architecture);
        assert!(scaled.tensors.keys().filter(|it| it.ends_with(".scale")).count() > 3);
        let want = logits(&plain, Box::new(Reference::default()));
        let exact = Config { precision: Precision::Exact, ..Config::detect() };
        let cpus = Isa::ALL.iter().filter_map(|&isa| Cpu::new(Config { isa, ..exact }).ok());
        let cpus = cpus.map(|it| Box::new(it) as Box<dyn Backend>);
        for backend in [Box::new(Reference::default()) as Box<dyn Backend>].into_iter().chain(cpus)
        {
            let name = backend.info().name.clone();
            let found = logits(&scaled, backend);
            let diffs = found.iter().zip(&want).map(|(a, b)| (a - b).abs());
            let worst = diffs.fold(0.0, f32::max);
            assert!(found.len() == want.len() && worst < 1e-4, "{architecture}, {name}: {worst}");
        }
    }
}

/// A scale of each expert may stand beside weights of any format, and is then one of the router's.
#[test]
fn experts_are_scaled_where_the_file_says_so() {
    let mut scaled = tiny("qwen2moe");
    let mut plain = scaled.clone();
    for layer in 0..2 {
        let name = format!("blk.{layer}.ffn_down_exps");
        let scales = [0.5, 2.0, 1.0, 0.25];
        let parts = vec![Bytes::new(Format::F32.encode(&scales))];
        let scale = FileTensor { format: Format::F32, shape: vec![4], parts };
        scaled.tensors.insert(format!("{name}.scale"), scale);
        let tensor = &plain.tensors[&format!("{name}.weight")];
        let numbers = tensor.numbers();
        let of_one = numbers.len() / 4;
        let products: Vec<f32> =
            numbers.iter().enumerate().map(|(i, it)| it * scales[i / of_one]).collect();
        let parts = vec![Bytes::new(Format::F32.encode(&products))];
        let product = FileTensor { format: Format::F32, shape: tensor.shape.clone(), parts };
        plain.tensors.insert(format!("{name}.weight"), product);
    }
    let [found, want] = [&scaled, &plain].map(|it| logits(it, Box::new(Reference::default())));
    let worst = found.iter().zip(&want).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
    assert!(worst < 1e-4, "{worst}");
}

#[test]
fn a_scale_of_another_shape_is_refused() {
    let [mut file, _] = scaled("llama");
    let scale = file.tensors.get_mut("blk.0.attn_q.scale").expect("it was put there");
    (scale.shape, scale.parts) = (vec![2], vec![Bytes::new(vec![0; 8])]);
    let error = arch::load(&file, &mut Reference::default(), PAGES).err().expect("two numbers");
    assert!(matches!(error, LoadError::Shape { .. }), "{error}");
    let text = "tensor `blk.0.attn_q.scale` has shape [2], expected [1, 1]";
    assert_eq!(error.to_string(), text);
}
