//! The header of a safetensors file: strict, and in memory bounded by the header's length.
//!
//! ```text
//! byte 0..8        n     u64, little endian
//! byte 8..8+n      JSON  { NAME: { "dtype", "shape", "data_offsets": [begin, end] }, ..,
//!                          "__metadata__": { STRING: STRING, .. } }
//! byte 8+n..       data  offsets count from here
//! ```
//!
//! The data of the tensors follows one after another, without holes, up to the end of the file.
//! The reader of the `safetensors` crate keeps up to 24 times the header in memory and takes one
//! name twice, so it is what tests compare this one with, not what reads files.

use std::borrow::Cow;

use super::{HeaderError, dtype::Dtype, header_json::Parser};

/// Longest header that is read: five times what [`MAX_TENSORS`] need.
pub const MAX_HEADER: u64 = 64 << 20;
/// Most tensors in one file; with it, what is kept of a header stays below 4 times its length and
/// 16 MiB.
pub const MAX_TENSORS: usize = 1 << 17;
/// Most dimensions of a tensor.
pub const MAX_DIMS: usize = 8;
/// Longest dimension of a tensor that has no numbers: its bytes bound none, there are none.
pub(super) const MAX_EMPTY: usize = 1 << 20;

/// What a header says; every range lies in the file.
#[derive(Debug, Default)]
pub struct Header<'a> {
    entries: Vec<Entry<'a>>,
    /// The shapes, one after another.
    dims: Vec<usize>,
    data_start: usize,
}

/// One tensor of a header.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Tensor<'h> {
    /// Its name, as the file has it.
    pub name: &'h str,
    /// The type of its numbers.
    pub dtype: Dtype,
    /// Outermost dimension first.
    pub shape: &'h [usize],
    /// Where its bytes begin, counted from the start of the file.
    pub begin: usize,
    /// Where its bytes end.
    pub end: usize,
}

/// Offsets count from the start of the data.
#[derive(Debug)]
struct Entry<'a> {
    name: Cow<'a, str>,
    dtype: Dtype,
    dims_end: u32,
    n_dims: u8,
    begin: usize,
    end: usize,
}

/// Reads and checks the header of the safetensors file `bytes`.
///
/// # Errors
///
/// If anything in it, or the length of the data behind it, is not as it has to be.
pub fn header(bytes: &[u8]) -> Result<Header<'_>, HeaderError> {
    parse(json(bytes)?, bytes.len())
}

/// The JSON of the header of the file `bytes`.
pub(super) fn json(bytes: &[u8]) -> Result<&[u8], HeaderError> {
    let Some((length, rest)) = bytes.split_first_chunk::<8>() else {
        return Err(HeaderError::Short { found: bytes.len() });
    };
    let length = u64::from_le_bytes(*length);
    if length > MAX_HEADER {
        return Err(HeaderError::Long { found: length });
    }
    let json = usize::try_from(length).ok().and_then(|n| rest.get(..n));
    json.ok_or(HeaderError::Cut { end: 8 + length, found: bytes.len() })
}

/// Reads and checks the header `json` of a file of `len` bytes.
pub(super) fn parse(json: &[u8], len: usize) -> Result<Header<'_>, HeaderError> {
    let mut header = Parser::parse(json)?;
    header.data_start = 8 + json.len();
    header.check_names()?;
    header.check_offsets(len)?;
    Ok(header)
}

impl<'a> Header<'a> {
    /// The tensors, in the order of their bytes.
    pub fn tensors(&self) -> impl ExactSizeIterator<Item = Tensor<'_>> {
        self.entries.iter().map(|entry| Tensor {
            name: &entry.name,
            dtype: entry.dtype,
            shape: self.shape(entry),
            begin: self.data_start + entry.begin,
            end: self.data_start + entry.end,
        })
    }

    fn shape(&self, entry: &Entry<'_>) -> &[usize] {
        let end = entry.dims_end as usize;
        &self.dims[end - usize::from(entry.n_dims)..end]
    }

    /// Adds a tensor whose bytes `[begin, end]` are as many as it needs.
    pub(super) fn push(
        &mut self,
        name: Cow<'a, str>,
        dtype: Dtype,
        shape: &[usize],
        [begin, end]: [usize; 2],
    ) -> Result<(), HeaderError> {
        if self.entries.len() == MAX_TENSORS {
            return Err(HeaderError::Tensors);
        }
        if dtype.bytes(shape).is_none_or(|n| begin.checked_add(n) != Some(end)) {
            let (name, shape) = (name.into_owned(), shape.to_vec());
            return Err(HeaderError::Size { name, dtype, shape, begin, end });
        }
        if shape.contains(&0) && shape.iter().any(|&dim| dim > MAX_EMPTY) {
            return Err(HeaderError::Empty { name: name.into_owned(), shape: shape.to_vec() });
        }
        self.dims.extend(shape);
        let dims_end = u32::try_from(self.dims.len()).expect("2^17 tensors of 8 dimensions");
        let n_dims = u8::try_from(shape.len()).expect("at most 8 dimensions");
        self.entries.push(Entry { name, dtype, dims_end, n_dims, begin, end });
        Ok(())
    }

    fn check_names(&mut self) -> Result<(), HeaderError> {
        self.entries.sort_unstable_by(|a, b| a.name.cmp(&b.name));
        match self.entries.windows(2).find(|pair| pair[0].name == pair[1].name) {
            Some(pair) => Err(HeaderError::DuplicateName { name: pair[0].name.to_string() }),
            None => Ok(()),
        }
    }

    fn check_offsets(&mut self, len: usize) -> Result<(), HeaderError> {
        self.entries.sort_unstable_by_key(|entry| (entry.begin, entry.end));
        let mut expected = 0;
        for entry in &self.entries {
            if entry.begin != expected {
                let (name, found) = (entry.name.to_string(), entry.begin);
                return Err(HeaderError::Offset { name, found, expected });
            }
            expected = entry.end;
        }
        if self.data_start.checked_add(expected) != Some(len) {
            let expected = self.data_start.saturating_add(expected);
            return Err(HeaderError::Data { expected, found: len });
        }
        Ok(())
    }
}
