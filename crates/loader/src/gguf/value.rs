//! Metadata values: thirteen types, arrays of all but arrays.

use super::{Error, cursor::Cursor};
use crate::{Array, Bytes, Strings, Value};

/// Bytes of the smallest key with its value: a length, one letter, a type, a byte.
pub(super) const LEAST_KEY: usize = 8 + 1 + 4 + 1;

const STRING: u32 = 8;
const ARRAY: u32 = 9;

/// The value of `key`, which is next.
pub(super) fn read(cursor: &mut Cursor<'_>, bytes: &Bytes, key: &str) -> Result<Value, Error> {
    const WHAT: &str = "a metadata value";
    Ok(match cursor.u32("a metadata type")? {
        0 => Value::U8(u8::from_le_bytes(cursor.array(WHAT)?)),
        1 => Value::I8(i8::from_le_bytes(cursor.array(WHAT)?)),
        2 => Value::U16(u16::from_le_bytes(cursor.array(WHAT)?)),
        3 => Value::I16(i16::from_le_bytes(cursor.array(WHAT)?)),
        4 => Value::U32(u32::from_le_bytes(cursor.array(WHAT)?)),
        5 => Value::I32(i32::from_le_bytes(cursor.array(WHAT)?)),
        6 => Value::F32(f32::from_le_bytes(cursor.array(WHAT)?)),
        7 => Value::Bool(bool_of(cursor.array::<1>(WHAT)?[0], key)?),
        STRING => Value::String(cursor.string("bytes of a metadata string")?),
        ARRAY => Value::Array(array(cursor, bytes, key)?),
        10 => Value::U64(u64::from_le_bytes(cursor.array(WHAT)?)),
        11 => Value::I64(i64::from_le_bytes(cursor.array(WHAT)?)),
        12 => Value::F64(f64::from_le_bytes(cursor.array(WHAT)?)),
        found => return Err(Error::ValueType { key: key.to_owned(), found: found as i32 }),
    })
}

fn array(cursor: &mut Cursor<'_>, bytes: &Bytes, key: &str) -> Result<Array, Error> {
    Ok(match cursor.u32("the element type of a metadata array")? {
        0 => Array::U8(numbers(cursor, u8::from_le_bytes)?),
        1 => Array::I8(numbers(cursor, i8::from_le_bytes)?),
        2 => Array::U16(numbers(cursor, u16::from_le_bytes)?),
        3 => Array::I16(numbers(cursor, i16::from_le_bytes)?),
        4 => Array::U32(numbers(cursor, u32::from_le_bytes)?),
        5 => Array::I32(numbers(cursor, i32::from_le_bytes)?),
        6 => Array::F32(numbers(cursor, f32::from_le_bytes)?),
        7 => Array::Bool(bools(cursor, key)?),
        STRING => Array::String(strings(cursor, bytes)?),
        ARRAY => return Err(Error::NestedArray { key: key.to_owned() }),
        10 => Array::U64(numbers(cursor, u64::from_le_bytes)?),
        11 => Array::I64(numbers(cursor, i64::from_le_bytes)?),
        12 => Array::F64(numbers(cursor, f64::from_le_bytes)?),
        found => return Err(Error::ValueType { key: key.to_owned(), found: found as i32 }),
    })
}

fn numbers<const N: usize, T>(
    cursor: &mut Cursor<'_>,
    decode: impl Fn([u8; N]) -> T,
) -> Result<Vec<T>, Error> {
    let len = cursor.elements(N)?;
    // `elements` found `len * N` bytes to be left.
    let bytes = cursor.take(len * N, "a metadata array")?;
    Ok(bytes.as_chunks::<N>().0.iter().map(|&it| decode(it)).collect())
}

fn bools(cursor: &mut Cursor<'_>, key: &str) -> Result<Vec<bool>, Error> {
    let len = cursor.elements(1)?;
    cursor.take(len, "a metadata array")?.iter().map(|&it| bool_of(it, key)).collect()
}

fn bool_of(found: u8, key: &str) -> Result<bool, Error> {
    match found {
        0 => Ok(false),
        1 => Ok(true),
        _ => Err(Error::Bool { key: key.to_owned(), found }),
    }
}

fn strings(cursor: &mut Cursor<'_>, bytes: &Bytes) -> Result<Strings, Error> {
    let len = cursor.elements(8)?;
    let mut starts = Vec::with_capacity(len);
    for _ in 0..len {
        starts.push(cursor.skip_string("bytes of a string in a metadata array")?);
    }
    Ok(Strings::new(bytes.clone(), starts))
}
