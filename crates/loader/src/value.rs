//! Values of metadata: GGUF's types.

use crate::Strings;

/// One metadata value.
#[derive(Clone, Debug, PartialEq)]
pub enum Value {
    /// GGUF type 0.
    U8(u8),
    /// GGUF type 1.
    I8(i8),
    /// GGUF type 2.
    U16(u16),
    /// GGUF type 3.
    I16(i16),
    /// GGUF type 4.
    U32(u32),
    /// GGUF type 5.
    I32(i32),
    /// GGUF type 6.
    F32(f32),
    /// GGUF type 7.
    Bool(bool),
    /// GGUF type 8.
    String(String),
    /// GGUF type 9.
    Array(Array),
    /// GGUF type 10.
    U64(u64),
    /// GGUF type 11.
    I64(i64),
    /// GGUF type 12.
    F64(f64),
}

/// The elements of an array value; all have one type.
#[derive(Clone, Debug, PartialEq)]
pub enum Array {
    /// Elements of GGUF type 0.
    U8(Vec<u8>),
    /// Elements of GGUF type 1.
    I8(Vec<i8>),
    /// Elements of GGUF type 2.
    U16(Vec<u16>),
    /// Elements of GGUF type 3.
    I16(Vec<i16>),
    /// Elements of GGUF type 4.
    U32(Vec<u32>),
    /// Elements of GGUF type 5.
    I32(Vec<i32>),
    /// Elements of GGUF type 6.
    F32(Vec<f32>),
    /// Elements of GGUF type 7.
    Bool(Vec<bool>),
    /// Elements of GGUF type 8.
    String(Strings),
    /// Elements of GGUF type 10.
    U64(Vec<u64>),
    /// Elements of GGUF type 11.
    I64(Vec<i64>),
    /// Elements of GGUF type 12.
    F64(Vec<f64>),
}

impl Value {
    /// A whole number that is not negative, of whatever integer type.
    pub fn as_u64(&self) -> Option<u64> {
        match *self {
            Self::U8(n) => Some(n.into()),
            Self::U16(n) => Some(n.into()),
            Self::U32(n) => Some(n.into()),
            Self::U64(n) => Some(n),
            Self::I8(n) => n.try_into().ok(),
            Self::I16(n) => n.try_into().ok(),
            Self::I32(n) => n.try_into().ok(),
            Self::I64(n) => n.try_into().ok(),
            Self::F32(_) | Self::F64(_) | Self::Bool(_) | Self::String(_) | Self::Array(_) => None,
        }
    }

    /// A number of whatever type.
    pub fn as_f64(&self) -> Option<f64> {
        match *self {
            Self::F32(x) => Some(x.into()),
            Self::F64(x) => Some(x),
            Self::I8(n) => Some(n.into()),
            Self::I16(n) => Some(n.into()),
            Self::I32(n) => Some(n.into()),
            Self::I64(n) => Some(n as f64),
            _ => self.as_u64().map(|n| n as f64),
        }
    }

    /// A string.
    pub fn as_str(&self) -> Option<&str> {
        match self {
            Self::String(it) => Some(it),
            _ => None,
        }
    }

    /// An array.
    pub fn as_array(&self) -> Option<&Array> {
        match self {
            Self::Array(it) => Some(it),
            _ => None,
        }
    }

    /// GGUF's name of the type, for messages.
    pub fn type_name(&self) -> &'static str {
        match self {
            Self::U8(_) => "u8",
            Self::I8(_) => "i8",
            Self::U16(_) => "u16",
            Self::I16(_) => "i16",
            Self::U32(_) => "u32",
            Self::I32(_) => "i32",
            Self::F32(_) => "f32",
            Self::Bool(_) => "bool",
            Self::String(_) => "str",
            Self::Array(it) => it.type_name(),
            Self::U64(_) => "u64",
            Self::I64(_) => "i64",
            Self::F64(_) => "f64",
        }
    }

    /// GGUF's number of the type.
    pub(crate) fn type_id(&self) -> u32 {
        match self {
            Self::U8(_) => 0,
            Self::I8(_) => 1,
            Self::U16(_) => 2,
            Self::I16(_) => 3,
            Self::U32(_) => 4,
            Self::I32(_) => 5,
            Self::F32(_) => 6,
            Self::Bool(_) => 7,
            Self::String(_) => 8,
            Self::Array(_) => 9,
            Self::U64(_) => 10,
            Self::I64(_) => 11,
            Self::F64(_) => 12,
        }
    }
}

impl Array {
    /// How many elements there are.
    pub fn len(&self) -> usize {
        match self {
            Self::U8(it) => it.len(),
            Self::I8(it) => it.len(),
            Self::U16(it) => it.len(),
            Self::I16(it) => it.len(),
            Self::U32(it) => it.len(),
            Self::I32(it) => it.len(),
            Self::F32(it) => it.len(),
            Self::Bool(it) => it.len(),
            Self::String(it) => it.len(),
            Self::U64(it) => it.len(),
            Self::I64(it) => it.len(),
            Self::F64(it) => it.len(),
        }
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Element `index`; a string is copied.
    pub fn get(&self, index: usize) -> Option<Value> {
        match self {
            Self::U8(it) => it.get(index).copied().map(Value::U8),
            Self::I8(it) => it.get(index).copied().map(Value::I8),
            Self::U16(it) => it.get(index).copied().map(Value::U16),
            Self::I16(it) => it.get(index).copied().map(Value::I16),
            Self::U32(it) => it.get(index).copied().map(Value::U32),
            Self::I32(it) => it.get(index).copied().map(Value::I32),
            Self::F32(it) => it.get(index).copied().map(Value::F32),
            Self::Bool(it) => it.get(index).copied().map(Value::Bool),
            Self::String(it) => it.get(index).map(Value::String),
            Self::U64(it) => it.get(index).copied().map(Value::U64),
            Self::I64(it) => it.get(index).copied().map(Value::I64),
            Self::F64(it) => it.get(index).copied().map(Value::F64),
        }
    }

    /// GGUF's number of the element type.
    pub(crate) fn type_id(&self) -> u32 {
        match self {
            Self::U8(_) => 0,
            Self::I8(_) => 1,
            Self::U16(_) => 2,
            Self::I16(_) => 3,
            Self::U32(_) => 4,
            Self::I32(_) => 5,
            Self::F32(_) => 6,
            Self::Bool(_) => 7,
            Self::String(_) => 8,
            Self::U64(_) => 10,
            Self::I64(_) => 11,
            Self::F64(_) => 12,
        }
    }

    /// GGUF's name of the type, for messages.
    pub fn type_name(&self) -> &'static str {
        match self {
            Self::U8(_) => "[u8]",
            Self::I8(_) => "[i8]",
            Self::U16(_) => "[u16]",
            Self::I16(_) => "[i16]",
            Self::U32(_) => "[u32]",
            Self::I32(_) => "[i32]",
            Self::F32(_) => "[f32]",
            Self::Bool(_) => "[bool]",
            Self::String(_) => "[str]",
            Self::U64(_) => "[u64]",
            Self::I64(_) => "[i64]",
            Self::F64(_) => "[f64]",
        }
    }
}
