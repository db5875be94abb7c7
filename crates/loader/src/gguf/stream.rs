//! Writes a GGUF file whose tensors do not fit memory: the header first, then their bytes as they
//! come.

use std::io::{self, Write};

use super::{DEFAULT_ALIGNMENT, write::header};
use crate::{Format, Metadata, Value};

/// A tensor that is going to be written.
#[derive(Clone, Debug)]
pub struct Announced<'a> {
    /// Its name.
    pub name: &'a str,
    /// Its format.
    pub format: Format,
    /// Outermost dimension first.
    pub shape: &'a [usize],
    /// Its bytes.
    pub len: u64,
}

/// A GGUF file whose header is written.
#[derive(Debug)]
pub struct Stream<W> {
    to: W,
    align: u64,
    /// Bytes of each tensor that is still to come, the next one last.
    left: Vec<u64>,
    /// Bytes of the present tensor.
    written: u64,
}

impl<W: Write> Stream<W> {
    /// Writes the header.
    ///
    /// # Errors
    ///
    /// Those of `to`.
    pub fn new(mut to: W, metadata: &Metadata, tensors: &[Announced<'_>]) -> io::Result<Self> {
        let align = alignment(metadata);
        to.write_all(&header(metadata, tensors, align))?;
        let left = tensors.iter().rev().map(|it| it.len).collect();
        let mut stream = Self { to, align: align as u64, left, written: 0 };
        stream.skip_empty();
        Ok(stream)
    }

    /// Writes more bytes of the tensor that is next; it is padded when it is complete.
    ///
    /// # Errors
    ///
    /// Those of `to`.
    ///
    /// # Panics
    ///
    /// If they are more than was announced for it.
    pub fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        let Some(&len) = self.left.last() else {
            assert!(bytes.is_empty(), "no tensor is left");
            return Ok(());
        };
        self.written += bytes.len() as u64;
        assert!(self.written <= len, "{} bytes of a tensor of {len}", self.written);
        self.to.write_all(bytes)?;
        if self.written == len {
            let padding = len.next_multiple_of(self.align) - len;
            self.to.write_all(&vec![0; padding as usize])?;
            (self.written, _) = (0, self.left.pop());
            self.skip_empty();
        }
        Ok(())
    }

    /// What it was written to.
    ///
    /// # Errors
    ///
    /// Those of `to`, which is flushed.
    ///
    /// # Panics
    ///
    /// If a tensor is not complete.
    pub fn finish(mut self) -> io::Result<W> {
        assert!(self.left.is_empty(), "{} tensors are not written", self.left.len());
        self.to.flush()?;
        Ok(self.to)
    }

    fn skip_empty(&mut self) {
        while self.left.last() == Some(&0) {
            self.left.pop();
        }
    }
}

/// `general.alignment`, a `u32` other than 0, or GGUF's default.
pub(super) fn alignment(metadata: &Metadata) -> usize {
    match metadata.get("general.alignment") {
        Some(&Value::U32(it)) if it != 0 => it as usize,
        _ => DEFAULT_ALIGNMENT as usize,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Bytes, ModelFile};

    #[test]
    fn bytes_may_come_in_any_pieces() {
        let mut metadata = Metadata::default();
        metadata.insert("general.architecture", Value::String("llama".to_owned()));
        let announced = |name, cols: &'static [usize; 1]| Announced {
            name,
            format: Format::F32,
            shape: cols,
            len: 4 * cols[0] as u64,
        };
        let tensors = [announced("a", &[3]), announced("b", &[1])];
        let mut stream = Stream::new(Vec::new(), &metadata, &tensors).unwrap();
        let bytes = Format::F32.encode(&[1.0, 2.0, 3.0]);
        stream.write(&bytes[..5]).unwrap();
        stream.write(&bytes[5..]).unwrap();
        stream.write(&Format::F32.encode(&[4.0])).unwrap();
        let file = stream.finish().unwrap();
        let read = ModelFile::from_bytes("tiny", Bytes::new(file), &[]).unwrap();
        assert_eq!(&*read.tensors["a"].parts[0], &bytes[..]);
        assert_eq!(&*read.tensors["b"].parts[0], &Format::F32.encode(&[4.0])[..]);
    }
}
