//! Importance matrices: for each matrix of a model, the mean square of what its columns were
//! multiplied with, measured over a text.
//!
//! llama.cpp writes them in two forms. The newer is a GGUF file: `NAME.in_sum2`, sums of squares,
//! (experts, columns), and `NAME.counts`, how many tokens they are of. The older:
//!
//! ```text
//! i32  n                       entries
//!   i32 len, len bytes         name
//!   i32 calls                  the values are sums over so many
//!   i32 m, m f32               values
//! i32  chunks, i32 len, bytes  what was read; optional
//! ```

use std::{collections::BTreeMap, path::Path};

use crate::{Access, Error, FileTensor, Format, Mapping, ModelFile};

/// Longest name of an entry of the older form.
const MAX_NAME: usize = 1024;

/// How much the columns of each matrix count.
#[derive(Clone, Debug, Default)]
pub struct Importance {
    entries: BTreeMap<String, Vec<f32>>,
    /// The text that was measured over, as the file names it.
    pub dataset: Option<String>,
    /// Chunks of it.
    pub chunks: Option<u32>,
}

impl Importance {
    /// Reads a file of either form.
    ///
    /// # Errors
    ///
    /// If it cannot be read, or is neither.
    pub fn open(path: &Path) -> Result<Self, Error> {
        let mapping = Mapping::open_with(path, Access::Read)?;
        if mapping.as_ref().starts_with(b"GGUF") {
            return Self::from_gguf(path, &ModelFile::open_with(path, &[], Access::Read)?);
        }
        let read = Older { rest: mapping.as_ref() }.read();
        let ends = || not_one(path, "ends within an entry, or is another kind of file");
        read.ok_or_else(ends)?.checked(path)
    }

    /// Itself, if columns can count by its values: beside one that is no number, nothing is the best
    /// scale, and a run would be encoded as zeros.
    fn checked(self, path: &Path) -> Result<Self, Error> {
        let counts = |it: &f32| it.is_finite() && *it >= 0.0;
        match self.entries.values().flatten().all(counts) {
            true => Ok(self),
            false => Err(not_one(path, "a value is negative, infinite or no number")),
        }
    }

    /// How much each column of the matrix `name` counts; the experts of a stack one after the other.
    pub fn of(&self, name: &str) -> Option<&[f32]> {
        self.entries.get(name).map(Vec::as_slice)
    }

    /// How many matrices were measured.
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Whether none was.
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    fn from_gguf(path: &Path, file: &ModelFile) -> Result<Self, Error> {
        if file.metadata.str("general.type")? != Some("imatrix") {
            return Err(not_one(path, "`general.type` is not `imatrix`"));
        }
        let mut entries = BTreeMap::new();
        for (name, sums) in &file.tensors {
            let Some(name) = name.strip_suffix(".in_sum2") else { continue };
            let counts = file.tensors.get(&format!("{name}.counts"));
            let counts = counts.ok_or_else(|| not_one(path, "sums have no counts"))?;
            let means = means(&floats(path, sums)?, &floats(path, counts)?);
            let means = means.ok_or_else(|| not_one(path, "sums and counts do not fit"))?;
            entries.insert(name.to_owned(), means);
        }
        let datasets = file.metadata.strings("imatrix.datasets")?;
        let dataset = datasets.and_then(|it| it.iter().next());
        let chunks = file.metadata.u64("imatrix.chunk_count")?.map(|it| it as u32);
        Self { entries, dataset, chunks }.checked(path)
    }
}

/// What each row of sums is a token; of no token, all columns count the same.
fn means(sums: &[f32], counts: &[f32]) -> Option<Vec<f32>> {
    if counts.is_empty() || !sums.len().is_multiple_of(counts.len()) {
        return None;
    }
    let rows = sums.chunks_exact(sums.len() / counts.len()).zip(counts);
    Some(
        rows.flat_map(|(row, &n)| row.iter().map(move |it| if n > 0.0 { it / n } else { 1.0 }))
            .collect(),
    )
}

fn floats(path: &Path, tensor: &FileTensor) -> Result<Vec<f32>, Error> {
    if tensor.format != Format::F32 {
        return Err(not_one(path, "a tensor is not F32"));
    }
    let numbers = tensor.parts.iter().flat_map(|it| it.as_chunks::<4>().0);
    Ok(numbers.map(|it| f32::from_le_bytes(*it)).collect())
}

fn not_one(path: &Path, found: &'static str) -> Error {
    Error::Imatrix { path: path.to_owned(), found }
}

/// The older form, as it is read.
struct Older<'a> {
    rest: &'a [u8],
}

impl<'a> Older<'a> {
    fn read(mut self) -> Option<Importance> {
        let mut entries = BTreeMap::new();
        for _ in 0..self.count()? {
            let len = self.count().filter(|&it| it <= MAX_NAME)?;
            let name = std::str::from_utf8(self.take(len)?).ok()?.to_owned();
            let calls = self.count()?;
            let n = self.count()?;
            let values = self.take(n.checked_mul(4)?)?.as_chunks::<4>().0.iter();
            let calls = if calls > 0 { calls as f32 } else { 1.0 };
            entries.insert(name, values.map(|it| f32::from_le_bytes(*it) / calls).collect());
        }
        let chunks = self.count().map(|it| it as u32);
        let dataset = self.count().filter(|&it| it <= MAX_NAME).and_then(|len| self.take(len));
        let dataset = dataset.map(|it| String::from_utf8_lossy(it).into_owned());
        (!entries.is_empty()).then_some(Importance { entries, dataset, chunks })
    }

    fn count(&mut self) -> Option<usize> {
        let bytes = self.take(4)?;
        usize::try_from(i32::from_le_bytes(bytes.try_into().ok()?)).ok()
    }

    fn take(&mut self, n: usize) -> Option<&'a [u8]> {
        let (taken, rest) = self.rest.split_at_checked(n)?;
        self.rest = rest;
        Some(taken)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Array, Value, gguf::Writer};

    fn written(bytes: &[u8]) -> Result<Importance, Error> {
        let dir = tempfile::tempdir().expect("a temporary folder");
        let path = dir.path().join("imatrix");
        std::fs::write(&path, bytes).expect("a small file");
        Importance::open(&path)
    }

    fn older() -> Vec<u8> {
        let mut bytes = Vec::new();
        let mut put = |n: i32| bytes.extend(n.to_le_bytes());
        [1, 1].into_iter().for_each(&mut put);
        bytes.push(b'w');
        bytes.extend(4i32.to_le_bytes());
        bytes.extend(2i32.to_le_bytes());
        bytes.extend([8.0f32, 2.0].into_iter().flat_map(f32::to_le_bytes));
        bytes.extend(7i32.to_le_bytes());
        bytes.extend(3i32.to_le_bytes());
        bytes.extend(b"txt");
        bytes
    }

    #[test]
    fn the_older_form() {
        let read = written(&older()).unwrap();
        assert_eq!(read.of("w"), Some(&[2.0, 0.5][..]));
        assert_eq!((read.len(), read.of("v")), (1, None));
        assert_eq!((read.dataset.as_deref(), read.chunks), (Some("txt"), Some(7)));
    }

    /// T7: a file that is cut anywhere, or says that it holds more than it does, is an error.
    #[test]
    fn t7_a_damaged_file_is_refused() {
        let whole = older();
        for end in 0..25 {
            assert!(matches!(written(&whole[..end]), Err(Error::Imatrix { .. })), "{end}");
        }
        let mut many = whole;
        many[13..17].copy_from_slice(&i32::MAX.to_le_bytes());
        assert!(written(&many).is_err());
    }

    #[test]
    fn values_that_no_column_can_count_by_are_refused() {
        for bad in [f32::NAN, f32::INFINITY, f32::MIN, -1.0] {
            let mut older = older();
            older[21..25].copy_from_slice(&bad.to_le_bytes());
            let mut newer = Writer::new();
            newer.set("general.type", Value::String("imatrix".to_owned()));
            newer.tensor("w.in_sum2", Format::F32, &[1, 2], Format::F32.encode(&[1.0, bad]));
            newer.tensor("w.counts", Format::F32, &[1, 1], Format::F32.encode(&[2.0]));
            for bytes in [older, newer.to_bytes()] {
                let error = written(&bytes).unwrap_err().to_string();
                assert!(error.ends_with("a value is negative, infinite or no number"), "{error}");
            }
        }
    }

    #[test]
    fn the_newer_form() {
        let mut file = Writer::new();
        file.set("general.type", Value::String("imatrix".to_owned()))
            .set("imatrix.datasets", Value::Array(Array::String(["txt"].into_iter().collect())))
            .set("imatrix.chunk_count", Value::U32(7));
        let floats = |it: &[f32]| Format::F32.encode(it);
        file.tensor("w.in_sum2", Format::F32, &[2, 2], floats(&[8.0, 2.0, 3.0, 4.0]));
        file.tensor("w.counts", Format::F32, &[2, 1], floats(&[4.0, 0.0]));
        let read = written(&file.to_bytes()).unwrap();
        assert_eq!(read.of("w"), Some(&[2.0, 0.5, 1.0, 1.0][..]));
        assert_eq!((read.dataset.as_deref(), read.chunks), (Some("txt"), Some(7)));
        let mut other = Writer::new();
        other.tensor("w.in_sum2", Format::F32, &[1], floats(&[1.0]));
        assert!(written(&other.to_bytes()).is_err());
    }
}
