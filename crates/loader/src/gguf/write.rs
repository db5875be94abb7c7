//! Writes GGUF files, version 3.

use std::io::{self, Write};

use super::{
    MAGIC,
    stream::{Announced, Stream},
};
use crate::{Array, Format, Metadata, Value};

/// A GGUF file in the making: metadata and tensors in the order in which they were added.
///
/// It writes what it is given: whether names are unique and data have the right length is the
/// reader's business, so that tests can write broken files too.
///
/// ```
/// use loader::{Format, ModelFile, Value, gguf::Writer};
///
/// let mut file = Writer::new();
/// file.set("general.architecture", Value::String("llama".to_owned()));
/// file.tensor("output_norm.weight", Format::F32, &[2], Format::F32.encode(&[1.0, 2.0]));
/// let read = ModelFile::from_bytes("tiny", loader::Bytes::new(file.to_bytes()), &[])?;
/// assert_eq!(read.tensors["output_norm.weight"].shape, [2]);
/// # Ok::<(), loader::Error>(())
/// ```
#[derive(Clone, Debug, Default)]
pub struct Writer {
    metadata: Metadata,
    tensors: Vec<Entry>,
}

#[derive(Clone, Debug)]
struct Entry {
    name: String,
    format: Format,
    shape: Vec<usize>,
    data: Vec<u8>,
}

impl Writer {
    /// A file with nothing in it.
    pub fn new() -> Self {
        Self::default()
    }

    /// Sets a metadata key. `general.alignment` (a `u32` other than 0) is obeyed.
    pub fn set(&mut self, key: impl Into<String>, value: Value) -> &mut Self {
        self.metadata.insert(key, value);
        self
    }

    /// Adds a tensor; `shape` is outermost first, `data` are its rows in order.
    pub fn tensor(
        &mut self,
        name: impl Into<String>,
        format: Format,
        shape: &[usize],
        data: Vec<u8>,
    ) -> &mut Self {
        self.tensors.push(Entry { name: name.into(), format, shape: shape.to_vec(), data });
        self
    }

    /// The file as bytes.
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut out = Vec::new();
        self.write(&mut out).expect("a vector takes all bytes");
        out
    }

    /// Writes the file.
    ///
    /// # Errors
    ///
    /// Those of `to`.
    pub fn write(&self, mut to: impl Write) -> io::Result<()> {
        fn announced(it: &Entry) -> Announced<'_> {
            Announced {
                name: &it.name,
                format: it.format,
                shape: &it.shape,
                len: it.data.len() as u64,
            }
        }
        let tensors: Vec<_> = self.tensors.iter().map(announced).collect();
        let mut stream = Stream::new(&mut to, &self.metadata, &tensors)?;
        self.tensors.iter().try_for_each(|it| stream.write(&it.data))?;
        stream.finish().map(drop)
    }
}

/// Everything before the data, padded.
pub(super) fn header(metadata: &Metadata, tensors: &[Announced<'_>], align: usize) -> Vec<u8> {
    let mut out = MAGIC.to_vec();
    out.extend(3u32.to_le_bytes());
    out.extend((tensors.len() as u64).to_le_bytes());
    out.extend((metadata.iter().count() as u64).to_le_bytes());
    for (key, value) in metadata.iter() {
        put_str(&mut out, key);
        out.extend(value.type_id().to_le_bytes());
        put_value(&mut out, value);
    }
    let mut offset = 0;
    for it in tensors {
        put_str(&mut out, it.name);
        out.extend((it.shape.len() as u32).to_le_bytes());
        for &dim in it.shape.iter().rev() {
            out.extend((dim as u64).to_le_bytes());
        }
        out.extend(it.format.ggml_id().to_le_bytes());
        out.extend(u64::to_le_bytes(offset));
        offset += it.len.next_multiple_of(align as u64);
    }
    out.resize(out.len().next_multiple_of(align), 0);
    out
}

fn put_str(out: &mut Vec<u8>, text: &str) {
    out.extend((text.len() as u64).to_le_bytes());
    out.extend(text.as_bytes());
}

fn put_value(out: &mut Vec<u8>, value: &Value) {
    match value {
        Value::U8(it) => out.push(*it),
        Value::I8(it) => out.extend(it.to_le_bytes()),
        Value::U16(it) => out.extend(it.to_le_bytes()),
        Value::I16(it) => out.extend(it.to_le_bytes()),
        Value::U32(it) => out.extend(it.to_le_bytes()),
        Value::I32(it) => out.extend(it.to_le_bytes()),
        Value::F32(it) => out.extend(it.to_le_bytes()),
        Value::Bool(it) => out.push(u8::from(*it)),
        Value::String(it) => put_str(out, it),
        Value::Array(it) => put_array(out, it),
        Value::U64(it) => out.extend(it.to_le_bytes()),
        Value::I64(it) => out.extend(it.to_le_bytes()),
        Value::F64(it) => out.extend(it.to_le_bytes()),
    }
}

fn put_array(out: &mut Vec<u8>, array: &Array) {
    out.extend(array.type_id().to_le_bytes());
    out.extend((array.len() as u64).to_le_bytes());
    match array {
        Array::U8(it) => out.extend(it),
        Array::I8(it) => out.extend(it.iter().flat_map(|it| it.to_le_bytes())),
        Array::U16(it) => out.extend(it.iter().flat_map(|it| it.to_le_bytes())),
        Array::I16(it) => out.extend(it.iter().flat_map(|it| it.to_le_bytes())),
        Array::U32(it) => out.extend(it.iter().flat_map(|it| it.to_le_bytes())),
        Array::I32(it) => out.extend(it.iter().flat_map(|it| it.to_le_bytes())),
        Array::F32(it) => out.extend(it.iter().flat_map(|it| it.to_le_bytes())),
        Array::Bool(it) => out.extend(it.iter().map(|&it| u8::from(it))),
        Array::String(it) => it.iter().for_each(|it| put_str(out, &it)),
        Array::U64(it) => out.extend(it.iter().flat_map(|it| it.to_le_bytes())),
        Array::I64(it) => out.extend(it.iter().flat_map(|it| it.to_le_bytes())),
        Array::F64(it) => out.extend(it.iter().flat_map(|it| it.to_le_bytes())),
    }
}
