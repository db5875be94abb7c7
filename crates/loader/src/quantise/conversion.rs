//! A model as it is going to be in GGUF: its metadata, and each tensor in the format that a recipe
//! chose, encoded row by row when it is asked for.

use std::{borrow::Cow, ops::Range};

use super::{Importance, Measured, Mix, Recipe, encode_rows, is_encoded, product::Product};
use crate::{
    Bytes, Container, Error, FileTensor, Format, LowRank, Metadata, ModelFile, QkOrder, Value,
    file::Heads, format::largest, gguf,
};

/// What GGUF calls the generation of its K formats.
const QUANTIZATION_VERSION: u32 = 2;

/// Rows of smaller weights have scales and minima that an f16 holds, whatever their format.
const SMALL: f32 = 16_384.0;

/// A model and what it is going to be.
#[derive(Debug)]
pub struct Conversion<'a> {
    file: &'a ModelFile,
    mix: Option<Mix>,
    importance: Option<&'a Importance>,
    /// The tensors, in the order of the file that is made.
    pub items: Vec<Item<'a>>,
}

/// A tensor and what it is going to be.
#[derive(Clone, Debug)]
pub struct Item<'a> {
    /// Its name.
    pub name: &'a str,
    /// The format that it gets.
    pub format: Format,
    /// The format that its rows are no whole blocks of, where it gets another instead.
    pub instead_of: Option<Format>,
    source: Cow<'a, FileTensor>,
    order: Order,
    importance: Option<&'a [f32]>,
    /// What adapters add to it.
    low_rank: &'a [LowRank],
    /// What its matrices are multiplied with, where the file keeps that beside them.
    scale: Option<Vec<f32>>,
}

/// Which row of the source a row comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Order {
    AsIs,
    /// Rows `j` and `j + turned / 2` of each head become neighbours.
    Interleaved {
        head_dim: usize,
        turned: usize,
    },
}

impl<'a> Conversion<'a> {
    /// Plans it; nothing is encoded yet. Without a mix, all tensors keep their formats. What adapters
    /// add to the model becomes part of its tensors.
    ///
    /// # Errors
    ///
    /// If the metadata contradict themselves, `importance` is of another model, or an adapter changes
    /// a tensor whose format can only be read.
    pub fn new(
        file: &'a ModelFile,
        mix: Option<Mix>,
        importance: Option<&'a Importance>,
    ) -> Result<Self, Error> {
        let measured = if importance.is_some() { Measured::Yes } else { Measured::No };
        let recipe = mix.map(|mix| Recipe::new(mix, file, measured)).transpose()?;
        let mut items = Vec::new();
        let mut folded = Vec::new();
        for (name, source) in &file.tensors {
            let kept = match (file.container, source.format) {
                // Small and delicate ones have all their bits in GGUF, whatever the folder has.
                (Container::Safetensors, Format::F16 | Format::BF16) => Format::F32,
                (_, format) => format,
            };
            let recipe = recipe.as_ref();
            let format = recipe.and_then(|it| it.format(name, &source.shape)).unwrap_or(kept);
            let wanted = recipe.and_then(|it| it.wanted(name, &source.shape));
            let instead_of = wanted.filter(|it| *it != format);
            let low_rank = file.low_rank.get(name).map_or(&[][..], Vec::as_slice);
            if !low_rank.is_empty() && !is_encoded(format) {
                let (tensor, format) = (name.clone(), format.layout().name);
                return Err(Error::NoEncoder { tensor, format });
            }
            let importance = importance.and_then(|it| it.of(name));
            check_importance(name, source, importance)?;
            let order = order(file, name)?;
            let scale = scale(file, name, source);
            if format != source.format && scale.is_some() {
                folded.extend(scales_of(name));
            }
            let source = Cow::Borrowed(source);
            items.push(Item {
                name,
                format,
                instead_of,
                source,
                order,
                importance,
                low_rank,
                scale,
            });
        }
        items.retain(|it| !folded.iter().any(|name| name.as_str() == it.name));
        items.sort_by_key(|it| place(it.name));
        Ok(Self { file, mix, importance, items })
    }

    /// The metadata of the file that is made.
    pub fn metadata(&self) -> Metadata {
        let mut metadata = Metadata::default();
        for (key, value) in self.file.metadata.iter().filter(|(key, _)| !is_outdated(key)) {
            metadata.insert(key, value.clone());
        }
        if let Some(file_type) = self.file_type() {
            metadata.insert("general.file_type", file_type);
        }
        metadata.insert("general.quantization_version", Value::U32(QUANTIZATION_VERSION));
        if let Some(importance) = self.importance {
            let n = Value::U32(importance.len() as u32);
            metadata.insert("quantize.imatrix.entries_count", n);
            if let Some(dataset) = &importance.dataset {
                metadata.insert("quantize.imatrix.dataset", Value::String(dataset.clone()));
            }
            if let Some(chunks) = importance.chunks {
                metadata.insert("quantize.imatrix.chunks_count", Value::U32(chunks));
            }
        }
        metadata
    }

    /// What GGUF calls the mix, if it has a name for it.
    fn file_type(&self) -> Option<Value> {
        match self.mix {
            Some(mix) => mix.file_type().map(Value::U32),
            None => self.file.metadata.get("general.file_type").cloned(),
        }
    }

    /// The same model in memory, of tensors that `encode` made; a tensor that stays as it is stays
    /// in the file.
    ///
    /// # Errors
    ///
    /// Those of `encode`.
    pub fn in_memory<E>(
        &self,
        mut encode: impl FnMut(&Item<'a>) -> Result<Vec<u8>, E>,
    ) -> Result<ModelFile, E> {
        let mut made = self.file.clone();
        for item in &self.items {
            // In memory a folder stays a folder, rows stay where its class has them, and adapters
            // stay beside.
            let item = &Item { order: Order::AsIs, low_rank: &[], ..item.clone() };
            if item.format == item.source.format {
                continue;
            }
            if item.scale.is_some() {
                made.tensors.retain(|name, _| !scales_of(item.name).contains(name));
            }
            let (format, shape) = (item.format, item.source.shape.clone());
            let parts = vec![Bytes::new(encode(item)?)];
            made.tensors.insert(item.name.to_owned(), FileTensor { format, shape, parts });
        }
        if let Some(file_type) = self.file_type() {
            made.metadata.insert("general.file_type", file_type);
        }
        Ok(made)
    }
}

impl<'a> Item<'a> {
    /// The same, by itself: what is computed for its weights goes when it goes.
    #[must_use]
    pub fn afresh(&self) -> Self {
        let FileTensor { format, shape, parts } = &*self.source;
        let parts = parts.iter().map(Bytes::afresh).collect();
        let source = FileTensor { format: *format, shape: shape.clone(), parts };
        Self { source: Cow::Owned(source), ..self.clone() }
    }

    /// Outermost dimension first.
    pub fn shape(&self) -> &[usize] {
        &self.source.shape
    }

    /// The format that it has.
    pub fn from(&self) -> Format {
        self.source.format
    }

    /// How many rows it has.
    pub fn rows(&self) -> usize {
        let n: usize = self.source.shape.iter().product();
        n / self.cols().max(1)
    }

    /// Weights of a row.
    pub fn cols(&self) -> usize {
        match (self.order, self.source.shape.as_slice()) {
            // The numbers of a bias are rows of a matrix with one column.
            (Order::Interleaved { .. }, [_]) => 1,
            (_, shape) => shape.last().copied().unwrap_or(1),
        }
    }

    /// Bytes that it is going to have.
    pub fn len(&self) -> u64 {
        self.row_bytes(self.format) as u64 * self.rows() as u64
    }

    /// Whether it has no weights.
    pub fn is_empty(&self) -> bool {
        self.rows() == 0
    }

    /// Appends the bytes of some of its rows.
    ///
    /// # Errors
    ///
    /// If a weight is no number, or not one that the format can hold.
    pub fn encode(&self, rows: Range<usize>, out: &mut Vec<u8>) -> Result<(), Error> {
        if self.format == self.source.format && self.low_rank.is_empty() {
            rows.for_each(|row| out.extend_from_slice(self.source_row(self.place_of(row))));
            return Ok(());
        }
        let added: Vec<_> = self.low_rank.iter().map(Product::of).collect();
        let (cols, row_bytes) = (self.cols(), self.row_bytes(self.format));
        let per_matrix = match self.source.shape.as_slice() {
            [.., rows, _] if self.importance.is_some_and(|it| it.len() > cols) => *rows,
            _ => usize::MAX,
        };
        let mut numbers = vec![0.0; cols];
        for row in rows {
            let place = self.place_of(row);
            self.source.format.decode_row(self.source_row(place), &mut numbers);
            let scale = self.scale_at(row);
            numbers.iter_mut().for_each(|it| *it *= scale);
            added.iter().for_each(|it| it.add_row(place, &mut numbers));
            self.check(&numbers)?;
            let from = row / per_matrix * cols;
            let importance = self.importance.map(|it| &it[from..from + cols]);
            let at = out.len();
            out.resize(at + row_bytes, 0);
            encode_rows(self.format, &numbers, cols, importance, &mut out[at..]);
            self.check_encoded(&out[at..], &mut numbers)?;
        }
        Ok(())
    }

    /// An error if a scale of the row became infinite: what it is multiplied with would be no number.
    fn check_encoded(&self, bytes: &[u8], numbers: &mut [f32]) -> Result<(), Error> {
        let found = largest(numbers);
        if found.abs() <= SMALL {
            return Ok(());
        }
        self.format.decode_row(bytes, numbers);
        match numbers.iter().all(|it| it.is_finite()) {
            true => Ok(()),
            false => Err(self.refused(found)),
        }
    }

    /// What this row is multiplied with.
    fn scale_at(&self, row: usize) -> f32 {
        let Some(scale) = &self.scale else { return 1.0 };
        scale[row * scale.len() / self.rows().max(1)]
    }

    fn check(&self, numbers: &[f32]) -> Result<(), Error> {
        let limit = if self.format == Format::F16 { 65_504.0 } else { f32::MAX };
        match numbers.iter().find(|it| it.is_nan() || it.abs() > limit) {
            None => Ok(()),
            Some(&found) => Err(self.refused(found)),
        }
    }

    fn refused(&self, found: f32) -> Error {
        Error::Weight { tensor: self.name.to_owned(), found, format: self.format.layout().name }
    }

    fn row_bytes(&self, format: Format) -> usize {
        format.row_bytes(self.cols()).expect("recipes choose formats whose blocks fit")
    }

    /// The row of the source that becomes this one.
    fn place_of(&self, row: usize) -> usize {
        match self.order {
            Order::AsIs => row,
            Order::Interleaved { head_dim, turned } => {
                let (head, i) = (row / head_dim * head_dim, row % head_dim);
                if i < turned { head + i / 2 + i % 2 * (turned / 2) } else { row }
            }
        }
    }

    fn source_row(&self, row: usize) -> &[u8] {
        let len = self.row_bytes(self.source.format);
        let mut at = row * len;
        for part in &self.source.parts {
            if at < part.len() {
                return &part[at..at + len];
            }
            at -= part.len();
        }
        unreachable!("parts hold all rows")
    }
}

/// Keys that are not true any more of the file that is made.
fn is_outdated(key: &str) -> bool {
    // `ingle.` is what the reader of folders tells this program alone.
    key.starts_with("split.") || key.starts_with("ingle.") || key == "general.file_type"
}

/// What the matrices of the tensor are multiplied with: NVFP4 has that beside it.
fn scale(file: &ModelFile, name: &str, tensor: &FileTensor) -> Option<Vec<f32>> {
    let own = tensor.format == Format::NVFP4;
    let [scale, _] = scales_of(name);
    let n = if let [n, _, _] = tensor.shape[..] { n } else { 1 };
    // Before it is decoded: a hostile one may be of any size.
    let fits = |it: &&FileTensor| own && it.shape.iter().product::<usize>() == n;
    file.tensors.get(&scale).filter(fits).map(FileTensor::numbers)
}

/// The names of the scales that a tensor may have beside it.
fn scales_of(name: &str) -> [String; 2] {
    let base = name.strip_suffix(".weight").unwrap_or(name);
    ["scale", "input_scale"].map(|it| format!("{base}.{it}"))
}

/// Where writers of GGUF have a tensor: the table, the head, then block after block.
fn place(name: &str) -> (usize, String) {
    let block = name.strip_prefix("blk.").and_then(|it| it.split('.').next()?.parse().ok());
    (block.map_or(0, |it: usize| it.saturating_add(1)), name.to_owned())
}

/// GGUF has the rows of this architecture's q and k in another order than the folder's class.
fn order(file: &ModelFile, name: &str) -> Result<Order, Error> {
    let wanted = gguf::qk_order(file.architecture());
    if file.qk_order == wanted || wanted == QkOrder::Halves {
        return Ok(Order::AsIs);
    }
    let heads = file.heads(name)?;
    Ok(heads
        .map_or(Order::AsIs, |Heads { dim, turned }| Order::Interleaved { head_dim: dim, turned }))
}

fn check_importance(
    name: &str,
    source: &FileTensor,
    importance: Option<&[f32]>,
) -> Result<(), Error> {
    let cols = source.shape.last().copied().unwrap_or(1);
    let all = match source.shape.as_slice() {
        [n, _, _] => n * cols,
        _ => cols,
    };
    match importance {
        Some(it) if it.len() != cols && it.len() != all => {
            let (key, found) = (name.to_owned(), it.len());
            Err(Error::ImportanceLength { tensor: key, found, expected: all })
        }
        _ => Ok(()),
    }
}
