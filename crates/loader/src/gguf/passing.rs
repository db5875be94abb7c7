//! The header of a file that is not here: copied from a stream as it passes by, and nothing after it.
//!
//! Only lengths are looked at, to know where the header ends. What it says is checked when the copy
//! is opened.

use std::io::{self, ErrorKind, Read, Write};

use super::MAGIC;

/// Longest header that is copied: ten times that of the largest vocabularies.
const MOST: u64 = 256 << 20;
/// Arrays in arrays.
const MAX_DEPTH: usize = 8;

/// Bytes of a value by its type's number; strings and arrays say their own.
const SIZES: [u64; 13] = [1, 1, 2, 2, 4, 4, 4, 1, 0, 0, 8, 8, 8];
const STRING: u32 = 8;
const ARRAY: u32 = 9;

/// Copies the header of the GGUF file `from` to `to`, and returns its length without the padding
/// after it.
///
/// # Errors
///
/// If one of them fails, `from` ends inside the header or is no GGUF file, or the header is longer
/// than any.
pub fn copy_header(from: impl Read, to: impl Write) -> io::Result<u64> {
    let mut passing = Passing { from, to, at: 0 };
    passing.header()?;
    Ok(passing.at)
}

struct Passing<R, W> {
    from: R,
    to: W,
    at: u64,
}

impl<R: Read, W: Write> Passing<R, W> {
    fn header(&mut self) -> io::Result<()> {
        if self.array::<4>()? != MAGIC {
            return Err(invalid("it does not start with `GGUF`"));
        }
        self.skip(4)?;
        let (tensors, keys) = (self.u64()?, self.u64()?);
        for _ in 0..keys {
            self.string()?;
            let kind = self.u32()?;
            self.value(kind, MAX_DEPTH)?;
        }
        for _ in 0..tensors {
            self.string()?;
            let dims = u64::from(self.u32()?);
            // Dimensions, a type, an offset.
            self.skip(dims.saturating_mul(8).saturating_add(12))?;
        }
        Ok(())
    }

    fn value(&mut self, kind: u32, depth: usize) -> io::Result<()> {
        match kind {
            STRING => self.string(),
            ARRAY if depth > 0 => {
                let (kind, len) = (self.u32()?, self.u64()?);
                match SIZES.get(kind as usize) {
                    Some(&size) if size > 0 => self.skip(size.saturating_mul(len)),
                    _ => (0..len).try_for_each(|_| self.value(kind, depth - 1)),
                }
            }
            kind => match SIZES.get(kind as usize) {
                Some(&size) if size > 0 => self.skip(size),
                _ => Err(invalid("it has a value of an unknown type")),
            },
        }
    }

    fn string(&mut self) -> io::Result<()> {
        let len = self.u64()?;
        self.skip(len)
    }

    fn u32(&mut self) -> io::Result<u32> {
        self.array().map(u32::from_le_bytes)
    }

    fn u64(&mut self) -> io::Result<u64> {
        self.array().map(u64::from_le_bytes)
    }

    fn array<const N: usize>(&mut self) -> io::Result<[u8; N]> {
        let mut bytes = [0; N];
        self.room(N as u64)?;
        self.from.read_exact(&mut bytes)?;
        self.to.write_all(&bytes)?;
        Ok(bytes)
    }

    fn skip(&mut self, len: u64) -> io::Result<()> {
        self.room(len)?;
        match io::copy(&mut (&mut self.from).take(len), &mut self.to)? == len {
            true => Ok(()),
            false => Err(ErrorKind::UnexpectedEof.into()),
        }
    }

    /// Counts `len` bytes, each of which costs its sender one: nothing is allocated for them.
    fn room(&mut self, len: u64) -> io::Result<()> {
        self.at = self.at.saturating_add(len);
        if self.at > MOST { Err(invalid("its header is longer than any")) } else { Ok(()) }
    }
}

fn invalid(why: &'static str) -> io::Error {
    io::Error::new(ErrorKind::InvalidData, why)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        Array, Format, Strings, Value,
        gguf::{Announced, Stream},
    };

    /// A file with values of all shapes; its header, and all of it.
    fn file() -> (Vec<u8>, Vec<u8>) {
        let mut metadata = crate::Metadata::default();
        metadata.insert("general.architecture", Value::String("llama".to_owned()));
        metadata.insert("a", Value::Bool(true));
        metadata.insert("b", Value::F64(0.5));
        metadata.insert("c", Value::Array(Array::U32(vec![1, 2, 3])));
        let words: Strings = ["x", "", "yz"].into_iter().collect();
        metadata.insert("d", Value::Array(Array::String(words)));
        let tensor = Announced { name: "t", format: Format::F32, shape: &[3], len: 12 };
        let mut stream = Stream::new(Vec::new(), &metadata, &[tensor]).unwrap();
        stream.write(&Format::F32.encode(&[1.0, 2.0, 3.0])).unwrap();
        let whole = stream.finish().unwrap();
        let header = whole[..whole.len() - 32].to_vec();
        (header, whole)
    }

    #[test]
    fn nothing_after_the_header_is_read() {
        let (header, whole) = file();
        let (mut from, mut copy) = (&whole[..], Vec::new());
        let len = copy_header(&mut from, &mut copy).unwrap() as usize;
        assert_eq!((copy.len(), len.next_multiple_of(32)), (len, header.len()));
        assert_eq!((&copy[..], from.len()), (&header[..len], whole.len() - len));
        for end in 0..len {
            assert!(copy_header(&whole[..end], io::sink()).is_err(), "{end}");
        }
    }

    #[test]
    fn t5_a_length_costs_nothing() {
        let (_, whole) = file();
        for at in (8..whole.len() - 8).step_by(4) {
            let mut bytes = whole.clone();
            bytes[at..at + 8].copy_from_slice(&u64::MAX.to_le_bytes());
            // Most are refused; what is not has changed no length.
            let _ = copy_header(&bytes[..], io::sink());
        }
        let mut bytes = whole.clone();
        bytes[16..24].copy_from_slice(&u64::MAX.to_le_bytes());
        assert!(copy_header(&bytes[..], io::sink()).is_err());
        assert!(copy_header(&b"GGML0000"[..], io::sink()).is_err());
    }
}
