//! Ember in two files instead of one.

use std::{
    fs,
    path::{Path, PathBuf},
};

use engine::{Engine, Options};
use kernels::cpu::{Config, Cpu, Precision};
use loader::{FileTensor, ModelFile, Value, gguf::Writer};

use crate::pupil;

/// Writes `whole` anew, in two parts that are read as one; gives the path of the second.
fn write_split(whole: &ModelFile, dir: &Path) -> PathBuf {
    let names: Vec<_> = whole.tensors.keys().collect();
    let (first, second) = names.split_at(names.len() / 2);
    for (no, names) in [first, second].into_iter().enumerate() {
        let mut part = Writer::new();
        for (key, value) in whole.metadata.iter().filter(|_| no == 0) {
            part.set(key, value.clone());
        }
        part.set("split.no", Value::U16(no as u16));
        part.set("split.count", Value::U16(2));
        part.set("split.tensors.count", Value::I32(whole.tensors.len() as i32));
        for name in names {
            let FileTensor { format, shape, parts } = &whole.tensors[*name];
            let bytes = parts.iter().flat_map(|it| it.iter().copied()).collect();
            part.tensor(*name, *format, shape, bytes);
        }
        let path = dir.join(format!("model-{:05}-of-00002.gguf", no + 1));
        fs::write(path, part.to_bytes()).expect("a temporary folder");
    }
    dir.join("model-00002-of-00002.gguf")
}

fn logits(file: &ModelFile) -> Vec<f32> {
    let config = Config { precision: Precision::Exact, ..Config::detect() };
    let cpu = Cpu::new(config).expect("the best instruction set is one that there is");
    let mut engine = Engine::load(file, Box::new(cpu), &Options::default()).expect("our own model");
    let mut all = Vec::new();
    engine.logits(&[4091, 4094, 1500, 300, 700], |_, row| all.extend(row)).expect("finite logits");
    all
}

#[test]
fn two_files_equal_the_whole() {
    let whole = pupil::file();
    let dir = tempfile::tempdir().expect("a temporary folder");
    let split = ModelFile::open(&write_split(&whole, dir.path()), &[]).expect("a sound file");
    assert!(logits(&whole) == logits(&split), "logits differ");
}
