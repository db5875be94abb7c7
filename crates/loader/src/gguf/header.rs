//! The header: metadata and where each tensor lies. Everything is checked here.

use super::{
    DEFAULT_ALIGNMENT, Error, MAGIC, MAX_ALIGNMENT, MAX_DIMS, MAX_KEY, MAX_KEYS, MAX_NAME,
    MAX_TENSORS, MIN_ALIGNMENT, cursor::Cursor, value,
};
use crate::{Bytes, FileTensor, Format, Metadata, Value, format};

/// What is in a file.
pub(super) struct Header {
    pub(super) version: u32,
    pub(super) metadata: Metadata,
    /// In the order of the file.
    pub(super) tensors: Vec<TensorInfo>,
}

/// One tensor; `start` and `len` are inside the file once [`read`] returns.
pub(super) struct TensorInfo {
    name: String,
    format: Format,
    /// Innermost first.
    shape: [u64; MAX_DIMS as usize],
    n_dims: usize,
    start: u64,
    len: u64,
}

/// Reads and checks the header of the file `bytes`.
pub(super) fn read(bytes: &Bytes) -> Result<Header, Error> {
    let mut cursor = Cursor::new(bytes);
    let version = version(&mut cursor)?;
    let n_tensors = cursor.u64("the number of tensors")?;
    let n_keys = cursor.count("metadata keys", value::LEAST_KEY, MAX_KEYS)?;
    // The keys come first; a tensor needs name, dimensions, type and offset.
    let most = MAX_TENSORS.min((cursor.left() / 25) as u64);
    if n_tensors > most {
        return Err(Error::Count { what: "tensors", found: n_tensors, most });
    }
    let metadata = metadata(&mut cursor, bytes, n_keys)?;
    let alignment = alignment(&metadata)?;
    let mut tensors = Vec::new();
    for index in 0..n_tensors as usize {
        tensors.push(tensor(&mut cursor, index)?);
    }
    place(&mut tensors, cursor.at() as u64, alignment, bytes.len() as u64)?;
    Ok(Header { version, metadata, tensors })
}

impl TensorInfo {
    /// Its name, and the tensor as a range of `bytes`.
    pub(super) fn in_file(self, bytes: &Bytes) -> (String, FileTensor) {
        let dims = self.shape[..self.n_dims].iter().rev();
        let mut shape: Vec<usize> = dims.map(|&it| it as usize).collect();
        if shape.is_empty() {
            shape.push(1);
        }
        let part = bytes.slice(self.start as usize..(self.start + self.len) as usize);
        (self.name, FileTensor { format: self.format, shape, parts: vec![part] })
    }
}

fn version(cursor: &mut Cursor<'_>) -> Result<u32, Error> {
    let found = cursor.array("the magic")?;
    if found != MAGIC {
        return Err(Error::Magic { found });
    }
    match cursor.u32("the version")? {
        version @ 2..=3 => Ok(version),
        found if found != 0 && found & 0xffff == 0 => {
            Err(Error::BigEndian { version: found.swap_bytes() })
        }
        found => Err(Error::Version { found }),
    }
}

fn metadata(cursor: &mut Cursor<'_>, bytes: &Bytes, n: usize) -> Result<Metadata, Error> {
    let mut metadata = Metadata::default();
    for index in 0..n {
        let key = cursor.string("bytes of a metadata key")?;
        if key.is_empty() || key.len() > MAX_KEY {
            return Err(Error::KeyLength { index, found: key.len() });
        }
        let value = value::read(cursor, bytes, &key)?;
        if metadata.insert(key.as_str(), value).is_some() {
            return Err(Error::DuplicateKey { key });
        }
    }
    Ok(metadata)
}

fn alignment(metadata: &Metadata) -> Result<u64, Error> {
    let found = match metadata.get("general.alignment") {
        None => DEFAULT_ALIGNMENT,
        Some(&Value::U32(it)) => it,
        Some(it) => return Err(Error::AlignmentType { found: it.type_name() }),
    };
    if !found.is_power_of_two() || !(MIN_ALIGNMENT..=MAX_ALIGNMENT).contains(&found) {
        return Err(Error::Alignment { found });
    }
    Ok(found.into())
}

/// Name, shape and type of the next tensor; `start` is its offset for now.
fn tensor(cursor: &mut Cursor<'_>, index: usize) -> Result<TensorInfo, Error> {
    let name = cursor.string("bytes of a tensor name")?;
    if name.is_empty() || name.len() > MAX_NAME {
        return Err(Error::NameLength { index, found: name.len() });
    }
    let n_dims = cursor.u32("a tensor's number of dimensions")?;
    if n_dims > MAX_DIMS {
        return Err(Error::Dims { name, found: n_dims });
    }
    let mut shape = [1; MAX_DIMS as usize];
    for (axis, dim) in shape.iter_mut().enumerate().take(n_dims as usize) {
        let found = cursor.u64("a tensor's dimensions")? as i64;
        if found < 1 {
            return Err(Error::Dim { name, axis, found });
        }
        *dim = found as u64;
    }
    let format = tensor_format(cursor.u32("a tensor's type")?, &name)?;
    let len = data_len(&shape[..n_dims as usize], format, &name)?;
    let start = cursor.u64("a tensor's offset")?;
    Ok(TensorInfo { name, format, shape, n_dims: n_dims as usize, start, len })
}

fn tensor_format(id: u32, name: &str) -> Result<Format, Error> {
    if let Some(format) = Format::from_ggml_id(id) {
        return Ok(format);
    }
    let name = name.to_owned();
    let Some(found) = format::ggml_type_name(id) else {
        return Err(Error::TensorType { name, found: id as i32 });
    };
    let names: Vec<_> = Format::ALL.iter().map(|it| it.layout().name).collect();
    Err(Error::Format { name, found, supported: names.join(", ") })
}

/// Bytes of a tensor; its number of weights fits into an `i64`, as ggml's must.
fn data_len(shape: &[u64], format: Format, name: &str) -> Result<u64, Error> {
    let layout = format.layout();
    let cols = shape.first().copied().unwrap_or(1);
    if !cols.is_multiple_of(layout.block_len as u64) {
        let (name, found) = (name.to_owned(), cols);
        return Err(Error::Row { name, found, format: layout.name, block_len: layout.block_len });
    }
    let weights = shape.iter().try_fold(1u64, |n, &dim| n.checked_mul(dim));
    weights
        .filter(|&n| n < i64::MAX as u64)
        .and_then(|n| (n / layout.block_len as u64).checked_mul(layout.block_bytes as u64))
        .filter(|&n| n < isize::MAX as u64)
        .ok_or_else(|| Error::TooLarge { name: name.to_owned(), shape: shape.to_vec() })
}

/// Turns offsets into positions in the file. Each must be what the tensors before it add up to.
fn place(
    tensors: &mut [TensorInfo],
    header_end: u64,
    alignment: u64,
    file_len: u64,
) -> Result<(), Error> {
    // `header_end` is at most `file_len`, lengths are below 2^63: a sum of two cannot overflow.
    let data = header_end.next_multiple_of(alignment);
    let (mut offset, mut padded) = (0u64, data);
    for it in tensors {
        if it.start != offset {
            let name = it.name.clone();
            return Err(Error::Offset { name, found: it.start, expected: offset });
        }
        let start = padded;
        let end = start + it.len;
        if end > file_len {
            let name = it.name.clone();
            return Err(Error::TensorPastEnd { name, found: file_len, expected: end });
        }
        padded = end.next_multiple_of(alignment);
        (it.start, offset) = (start, padded - data);
    }
    if file_len > padded {
        return Err(Error::TrailingBytes { found: file_len, expected: padded });
    }
    Ok(())
}
