//! Golden data: what it says, and engines to compare with it.

use std::{
    collections::HashMap,
    fmt, fs,
    path::{Path, PathBuf},
};

use engine::{Engine, LoadError, Options, arch};
use kernels::{
    Backend,
    cpu::{Config, Cpu, Isa, Precision},
    reference::Reference,
};
use loader::{ModelFile, Override, Value};
use safetensors::{Dtype, SafeTensors};
use serde_json::Value as Json;

/// Whether these are the golden data beside the project, of which it is known what there is.
pub(crate) fn is_beside(golden: &Path) -> bool {
    let place = golden.canonicalize().ok();
    place.is_some() && place == ingle_tests::root().join("../shared/golden").canonicalize().ok()
}

/// Whether the model in `file` can be run; where it cannot, that is printed.
pub(crate) fn is_there(name: &str, file: &ModelFile) -> bool {
    let there = arch::supported().any(|it| it == file.architecture());
    if !there {
        println!("not there yet: {name}: architecture {}", file.architecture());
    }
    there
}

/// The folders in `dir`, sorted.
pub(crate) fn folders(dir: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(dir).into_iter().flatten().flatten();
    let mut folders: Vec<_> = entries.map(|it| it.path()).filter(|it| it.is_dir()).collect();
    folders.sort();
    folders
}

pub(crate) fn json(path: &Path) -> Json {
    let text = fs::read_to_string(path).unwrap_or_else(|error| panic!("{path:?}: {error}"));
    serde_json::from_str(&text).unwrap_or_else(|error| panic!("{path:?}: {error}"))
}

/// `{"key": {"type": value}}`, as a user would give it with `--override-kv`.
pub(crate) fn overrides(path: &Path) -> Vec<Override> {
    if !path.exists() {
        return vec![];
    }
    let json = json(path);
    let entries = json.as_object().expect("an object by key");
    let one = |(key, typed): (&String, &Json)| {
        let (kind, value) = typed.as_object().and_then(|it| it.iter().next()).expect("one type");
        let value = match kind.as_str() {
            "u32" => Value::U32(value.as_u64().expect("a count") as u32),
            "f32" => Value::F32(value.as_f64().expect("a number") as f32),
            "bool" => Value::Bool(value.as_bool().expect("a flag")),
            "str" => Value::String(value.as_str().expect("a text").to_owned()),
            _ => panic!("{path:?}: type `{kind}`"),
        };
        Override { key: key.clone(), value }
    };
    entries.iter().map(one).collect()
}

/// The tensors of an `expected.safetensors`.
pub(crate) struct Expected {
    ids: HashMap<String, Vec<u32>>,
    logits: HashMap<String, Vec<f32>>,
}

impl Expected {
    pub(crate) fn read(path: &Path) -> Self {
        let bytes = fs::read(path).unwrap_or_else(|error| panic!("{path:?}: {error}"));
        let file = SafeTensors::deserialize(&bytes).expect("a safetensors file");
        let mut expected = Self { ids: HashMap::new(), logits: HashMap::new() };
        for (name, tensor) in file.tensors() {
            let data = tensor.data();
            match tensor.dtype() {
                Dtype::I64 => {
                    let ids = data.as_chunks().0.iter().map(|it| i64::from_le_bytes(*it) as u32);
                    expected.ids.insert(name, ids.collect());
                }
                Dtype::F32 => {
                    let numbers = data.as_chunks().0.iter().map(|it| f32::from_le_bytes(*it));
                    expected.logits.insert(name, numbers.collect());
                }
                _ => {}
            }
        }
        expected
    }

    #[track_caller]
    pub(crate) fn ids(&self, name: &str) -> &[u32] {
        self.ids.get(name).unwrap_or_else(|| panic!("no `{name}`"))
    }

    #[track_caller]
    pub(crate) fn numbers(&self, name: &str) -> &[f32] {
        self.logits.get(name).unwrap_or_else(|| panic!("no `{name}`"))
    }
}

/// What computes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Device {
    Reference,
    Cpu(Isa, Precision),
}

impl fmt::Display for Device {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Reference => f.write_str("reference"),
            Self::Cpu(isa, _) => write!(f, "{isa}"),
        }
    }
}

impl Device {
    /// The reference and each instruction set that this machine has, in full precision.
    pub(crate) fn exact() -> Vec<Self> {
        let sets = Isa::ALL.iter().filter(|it| it.is_available());
        let cpus = sets.map(|&isa| Self::Cpu(isa, Precision::Exact));
        [Self::Reference].into_iter().chain(cpus).collect()
    }

    pub(crate) fn make(self) -> Box<dyn Backend> {
        match self {
            Self::Reference => Box::new(Reference::default()),
            Self::Cpu(isa, precision) => {
                let config = Config { isa, precision, threads: 1, ..Config::detect() };
                Box::new(Cpu::new(config).expect("it is available"))
            }
        }
    }

    pub(crate) fn engine(self, file: &ModelFile, options: &Options) -> Result<Engine, LoadError> {
        Engine::load_ids_only(file, self.make(), options)
    }
}

/// The logits after each of `tokens`.
pub(crate) fn logits(engine: &mut Engine, tokens: &[u32]) -> Vec<f32> {
    let mut rows = Vec::new();
    engine.logits(tokens, |_, row| rows.extend_from_slice(row)).expect("finite logits");
    rows
}

/// The largest distance of two numbers at the same place; infinite once one is no number.
pub(crate) fn max_diff(found: &[f32], expected: &[f32]) -> f32 {
    assert_eq!(found.len(), expected.len(), "rows of logits");
    let pairs = found.iter().zip(expected).map(|(a, b)| (a - b).abs());
    pairs.map(|it| if it.is_nan() { f32::INFINITY } else { it }).fold(0.0, f32::max)
}

#[test]
fn a_difference_that_is_no_number_is_the_largest() {
    assert_eq!(max_diff(&[f32::NAN, 1.0], &[0.0, 0.5]), f32::INFINITY);
    assert_eq!(max_diff(&[0.5, -1.0], &[0.0, 1.0]), 2.0);
}
