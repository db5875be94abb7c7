//! Random weights for a configuration, of the shapes that its loader asks for.
//!
//! No shape is written down here: the loader's own errors name the tensors that are missing and the
//! shapes that it expects, one after the other, until it is content.

use engine::{LoadError, Pages, arch};
use fastrand::Rng;
use kernels::{
    Bytes, CacheFormat, Format,
    cpu::{Config, Cpu},
};
use loader::{FileTensor, ModelFile, gguf::Writer};

use crate::draw::Draw;

/// Formats of matrices, where their rows are whole blocks.
const FORMATS: &[Format] =
    &[Format::F32, Format::F16, Format::BF16, Format::Q8_0, Format::Q4_0, Format::Q5_1];

/// The model of a configuration, read from a GGUF file in memory.
pub(crate) fn model(draw: &mut Draw) -> ModelFile {
    let mut writer = Writer::new();
    for (key, value) in draw.metadata.iter() {
        writer.set(key, value.clone());
    }
    for (name, FileTensor { format, shape, parts }) in &complete(draw, read(&writer)).tensors {
        writer.tensor(name, *format, shape, parts[0].to_vec());
    }
    let file = read(&writer);
    assert_eq!(arch::unread_keys(&file), [""; 0], "{}", draw.architecture);
    file
}

fn read(writer: &Writer) -> ModelFile {
    ModelFile::from_bytes("random", Bytes::new(writer.to_bytes()), &[]).expect("a sound file")
}

/// `file`, which has no tensors, with all of them: asks the loader what it still misses.
fn complete(draw: &mut Draw, mut file: ModelFile) -> ModelFile {
    for (name, shape) in &draw.tensors {
        file.tensors.insert(name.clone(), random(&mut draw.rng, name, shape));
    }
    while let Some((name, shape)) = asked(&file) {
        let tensor = random(&mut draw.rng, &name, &shape);
        let before = file.tensors.insert(name.clone(), tensor);
        assert!(before.is_none_or(|it| it.shape != shape), "`{name}`: {shape:?} is refused");
    }
    file
}

/// What the loader of the file asks for next: the tensor that it misses, in the shape of those of
/// the same name in other layers, or the shape that it expects of one.
fn asked(file: &ModelFile) -> Option<(String, Vec<usize>)> {
    let pages = Pages { blocks: 1, block_len: 1, format: CacheFormat::F32 };
    let mut cpu = Cpu::new(Config { threads: 1, ..Config::detect() }).expect("what was detected");
    match arch::load(file, &mut cpu, pages) {
        Ok(_) => None,
        Err(LoadError::MissingTensor { name, .. }) => {
            let alike = file.tensors.iter().find(|it| suffix(it.0) == suffix(&name));
            let shape = alike.map_or(vec![], |it| it.1.shape.clone());
            Some((name, shape))
        }
        Err(LoadError::Shape { name, expected, .. }) => Some((name, expected)),
        Err(error) => panic!("{error}"),
    }
}

/// A name without the number of its layer.
fn suffix(name: &str) -> &str {
    let in_block = name.strip_prefix("blk.").and_then(|it| it.split_once('.'));
    in_block.map_or(name, |it| it.1)
}

/// Numbers as large as a trained model's are: what is multiplied with them neither grows nor
/// vanishes.
fn random(rng: &mut Rng, name: &str, shape: &[usize]) -> FileTensor {
    let cols = shape.last().copied().unwrap_or(1);
    let bound = (3.0 / cols as f32).sqrt();
    let (low, high) = match suffix(name) {
        "ssm_a" => (-1.5, -0.02),
        "ssm_d" => (-1.0, 1.0),
        "ssm_dt.bias" => (-3.0, 1.0),
        "ssm_conv1d.weight" => (-0.8, 0.8),
        "attn_sinks.weight" => (-2.0, 2.0),
        it if it.ends_with(".bias") => (-0.3, 0.3),
        it if it.contains("norm") || it.contains("scale") => (0.5, 1.5),
        it if it.contains("rope_f") => (1.0, 6.0),
        _ => (-bound, bound),
    };
    let numbers: Vec<f32> =
        (0..shape.iter().product()).map(|_| low + (high - low) * rng.f32()).collect();
    let is_matrix = low == -bound && shape.len() >= 2;
    let fitting = FORMATS.iter().filter(|it| is_matrix && it.row_bytes(cols).is_some());
    let fitting: Vec<_> = fitting.copied().collect();
    let format = if fitting.is_empty() { Format::F32 } else { fitting[rng.usize(..fitting.len())] };
    let parts = vec![Bytes::new(format.encode(&numbers))];
    FileTensor { format, shape: shape.to_vec(), parts }
}
