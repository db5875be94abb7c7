//! GGUF files put together byte by byte, right or wrong.

use loader::{Bytes, Error, ModelFile, gguf};

/// A file in the making; what is not set is as it should be.
#[derive(Clone)]
pub(crate) struct Raw {
    pub(crate) magic: [u8; 4],
    pub(crate) version: [u8; 4],
    /// In place of the true number.
    pub(crate) n_tensors: Option<u64>,
    /// In place of the true number.
    pub(crate) n_keys: Option<u64>,
    pub(crate) keys: Vec<Vec<u8>>,
    pub(crate) tensors: Vec<Vec<u8>>,
    pub(crate) align: usize,
    /// Bytes of tensor data.
    pub(crate) data: usize,
}

pub(crate) const F32: u32 = 0;
pub(crate) const U32: u32 = 4;
pub(crate) const STR: u32 = 8;
pub(crate) const ARR: u32 = 9;

impl Raw {
    /// Neither keys nor tensors.
    pub(crate) fn new() -> Self {
        Self {
            magic: *b"GGUF",
            version: 3u32.to_le_bytes(),
            n_tensors: None,
            n_keys: None,
            keys: Vec::new(),
            tensors: Vec::new(),
            align: 32,
            data: 0,
        }
    }

    pub(crate) fn key(self, name: &str, ty: u32, value: &[u8]) -> Self {
        self.raw_key([&string(name)[..], &ty.to_le_bytes(), value].concat())
    }

    pub(crate) fn raw_key(mut self, bytes: Vec<u8>) -> Self {
        self.keys.push(bytes);
        self
    }

    /// `dims` are innermost first.
    pub(crate) fn tensor(self, name: &str, dims: &[u64], ty: u32, offset: u64) -> Self {
        let dims: Vec<u8> = [&(dims.len() as u32).to_le_bytes()[..], &words(dims)].concat();
        self.raw_tensor([&string(name)[..], &dims, &ty.to_le_bytes(), &words(&[offset])].concat())
    }

    pub(crate) fn raw_tensor(mut self, bytes: Vec<u8>) -> Self {
        self.tensors.push(bytes);
        self
    }

    pub(crate) fn data(mut self, len: usize) -> Self {
        self.data = len;
        self
    }

    pub(crate) fn bytes(&self) -> Vec<u8> {
        let n_tensors = self.n_tensors.unwrap_or(self.tensors.len() as u64);
        let n_keys = self.n_keys.unwrap_or(self.keys.len() as u64);
        let mut out = [&self.magic[..], &self.version, &words(&[n_tensors, n_keys])].concat();
        out.extend(self.keys.concat());
        out.extend(self.tensors.concat());
        out.resize(out.len().next_multiple_of(self.align), 0);
        out.resize(out.len() + self.data, 7);
        out
    }

    /// The file must be refused with exactly this error, which must read like this.
    #[track_caller]
    pub(crate) fn refused(&self, expected: gguf::Error, message: &str) {
        refused(self.bytes(), expected, message);
    }

    #[track_caller]
    pub(crate) fn accepted(&self) -> ModelFile {
        open(self.bytes()).expect("a file without fault")
    }
}

pub(crate) fn open(bytes: Vec<u8>) -> Result<ModelFile, Error> {
    ModelFile::from_bytes("raw.gguf", Bytes::new(bytes), &[])
}

#[track_caller]
pub(crate) fn refused(bytes: Vec<u8>, expected: gguf::Error, message: &str) {
    match open(bytes) {
        Err(Error::Gguf(found)) => {
            assert_eq!(found, expected);
            assert_eq!(found.to_string(), message);
        }
        other => panic!("{other:?} in place of {expected:?}"),
    }
}

pub(crate) fn string(text: &str) -> Vec<u8> {
    [&(text.len() as u64).to_le_bytes()[..], text.as_bytes()].concat()
}

/// Numbers of eight bytes.
pub(crate) fn words(of: &[u64]) -> Vec<u8> {
    of.iter().flat_map(|it| it.to_le_bytes()).collect()
}

/// An array value: its element type, length and bytes.
pub(crate) fn array(ty: u32, len: u64, elements: &[u8]) -> Vec<u8> {
    [&ty.to_le_bytes()[..], &len.to_le_bytes(), elements].concat()
}
