//! Adapters of tensors that lie otherwise in a model than in the layer that was trained: tables, whose
//! rows are looked up, and DeepSeek's `kv_b_proj`, of which two matrices a head are made.
//!
//! Gemma's models scale what they look up. Up to version 0.17.1, PEFT added what Gemma 3's table is changed
//! by after that, unscaled; later versions scale the sum, as a model with the adapter merged into it does.
//! So does the engine, which scales after it has added.

use std::{borrow::Cow, collections::BTreeMap};

use super::{Error, LowRank, Pair};
use crate::{Bytes, FileTensor, Format, ModelFile, QkOrder};

/// How the names of tables end: that of tokens, and Gemma's of tokens for each layer.
const TABLE: &str = "token_embd.weight";

/// What becomes keys and values of all heads, and both of what newer GGUF files have instead.
const LATENTS: &str = "attn_kv_b.weight";
const LATENT_PARTS: [&str; 2] = ["attn_k_b.weight", "attn_v_b.weight"];

/// Whether rows of the tensor `name` are looked up.
pub fn is_table(name: &str) -> bool {
    name.ends_with(TABLE)
}

/// The matrix with its columns as rows. What is no matrix stays as it is, and so does one in a format
/// whose blocks hold several weights.
pub fn transposed(tensor: &FileTensor) -> FileTensor {
    let (format, layout) = (tensor.format, tensor.format.layout());
    let ([rows, cols], 1) = (&tensor.shape[..], layout.block_len) else { return tensor.clone() };
    let bytes: Cow<'_, [u8]> = match &tensor.parts[..] {
        [one] => Cow::Borrowed(&one[..]),
        parts => parts.iter().flat_map(|it| it.iter().copied()).collect(),
    };
    let mut turned = Vec::with_capacity(bytes.len());
    for col in 0..*cols {
        let weights = bytes.chunks_exact(layout.block_bytes).skip(col).step_by(*cols);
        weights.for_each(|it| turned.extend_from_slice(it));
    }
    FileTensor { format, shape: vec![*cols, *rows], parts: vec![Bytes::new(turned)] }
}

impl LowRank {
    /// What it adds to the two matrices a head that are made of the rows of its tensor, which are, head
    /// after head of `n`, `first` of the one and `second` of the other: to the first, which is transposed,
    /// and to the second.
    ///
    /// # Panics
    ///
    /// If it is not for a matrix of so many rows.
    #[must_use]
    pub fn by_head(&self, n: usize, [first, second]: [usize; 2]) -> [Self; 2] {
        let (&[rank, _], &[rows, _]) = (&self.a.shape[..], &self.b.shape[..]) else {
            unreachable!("a matrix has two dimensions, and so have its factors")
        };
        assert_eq!(rows, n * (first + second), "rows of a tensor of {n} heads");
        let (mut ups, mut downs) = (Vec::new(), Vec::new());
        for head in self.b.numbers().chunks_exact((first + second) * rank) {
            let (up, down) = head.split_at(first * rank);
            ups.extend(turned(up, rank));
            downs.extend_from_slice(down);
        }
        let scale = self.scale;
        // (b a)^T = a^T b^T
        let one = (floats(&[n, rank, first], &ups), repeated(&transposed(&self.a), n));
        let two = (repeated(&self.a, n), floats(&[n, second, rank], &downs));
        [one, two].map(|(a, b)| Self { a, b, scale })
    }
}

impl ModelFile {
    /// What an adapter's pairs add to tensors of this model; two of them may add to the same one.
    pub(super) fn all_fitted(
        &self,
        pairs: BTreeMap<String, Pair>,
        order: QkOrder,
    ) -> Result<Vec<(String, LowRank)>, Error> {
        let mut all = Vec::new();
        for (name, pair) in pairs {
            all.extend(self.fitted(&name, pair, order)?);
        }
        Ok(all)
    }

    /// What the pair for the tensor `name` adds to tensors of this model: to that one, or to both that
    /// it has instead.
    fn fitted(
        &self,
        name: &str,
        pair: Pair,
        order: QkOrder,
    ) -> Result<Vec<(String, LowRank)>, Error> {
        if let Some(base) = self.tensors.get(name) {
            return Ok(vec![(name.to_owned(), self.fitted_to(&base.shape, name, pair, order)?)]);
        }
        if name == "output.weight" && self.tensors.contains_key(TABLE) {
            return Err(Error::HeadIsTable);
        }
        let missing = || Error::NoTensor { tensor: name.to_owned() };
        let block = name.strip_suffix(LATENTS).ok_or_else(missing)?;
        let [k, v] = LATENT_PARTS.map(|part| format!("{block}{part}"));
        let shape = |name: &str| self.tensors.get(name).map_or(&[][..], |it| &it.shape[..]);
        let (&[n, cols, first], &[m, second, inner]) = (shape(&k), shape(&v)) else {
            return Err(missing());
        };
        let rows = first.checked_add(second).and_then(|it| it.checked_mul(n));
        // Two that were never one matrix have no such rows.
        let rows = rows.filter(|&it| it > 0 && (m, inner) == (n, cols)).ok_or_else(missing)?;
        let whole = self.fitted_to(&[rows, cols], name, pair, order)?;
        let [keys, values] = whole.by_head(n, [first, second]);
        Ok(vec![(k, keys), (v, values)])
    }

    /// Whether what adapters add can be written into the weights, that is, whether each weight that
    /// they change is used where they change it and nowhere else.
    ///
    /// # Errors
    ///
    /// If the embedding table is changed, which is the head, too.
    pub fn check_merge(&self) -> Result<(), crate::Error> {
        let is_changed = self.low_rank.contains_key(TABLE);
        match is_changed && !self.tensors.contains_key("output.weight") {
            true => Err(Error::TableIsHead.into()),
            false => Ok(()),
        }
    }
}

/// The numbers of a matrix of `cols` columns, column after column.
fn turned(numbers: &[f32], cols: usize) -> Vec<f32> {
    (0..cols).flat_map(|c| numbers.iter().skip(c).step_by(cols).copied()).collect()
}

fn floats(shape: &[usize], numbers: &[f32]) -> FileTensor {
    let parts = vec![Bytes::new(Format::F32.encode(numbers))];
    FileTensor { format: Format::F32, shape: shape.to_vec(), parts }
}

/// A stack of `n` times the same matrix, which is there once.
fn repeated(matrix: &FileTensor, n: usize) -> FileTensor {
    let shape = [&[n][..], &matrix.shape].concat();
    let parts = (0..n).flat_map(|_| matrix.parts.iter().cloned()).collect();
    FileTensor { format: matrix.format, shape, parts }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Container, Metadata};

    const K: &str = "blk.0.attn_k_b.weight";
    const V: &str = "blk.0.attn_v_b.weight";
    const KV: &str = "blk.0.attn_kv_b.weight";

    /// A model of two tensors.
    fn model(k: &[usize], v: &[usize]) -> ModelFile {
        let zeros = |shape: &[usize]| floats(shape, &vec![0.0; shape.iter().product()]);
        ModelFile {
            path: "model".into(),
            container: Container::Gguf { version: 3 },
            metadata: Metadata::default(),
            tensors: [(K.to_owned(), zeros(k)), (V.to_owned(), zeros(v))].into(),
            low_rank: BTreeMap::new(),
            qk_order: QkOrder::Halves,
            tokenizer_json: None,
            mappings: Vec::new(),
        }
    }

    /// Factors of rank 1, whose numbers count.
    fn pair(a: &[usize], b: &[usize]) -> Pair {
        let counting = |shape: &[usize]| {
            let n: usize = shape.iter().product();
            floats(shape, &(1..=n).map(|it| it as f32).collect::<Vec<_>>())
        };
        Pair { a: counting(a), b: counting(b), scale: 0.5 }
    }

    #[test]
    fn columns_become_rows() {
        let found = transposed(&floats(&[2, 3], &[1.0, 2.0, 3.0, 4.0, 5.0, 6.0]));
        assert_eq!(found.shape, [3, 2]);
        assert_eq!(found.numbers(), [1.0, 4.0, 2.0, 5.0, 3.0, 6.0]);
        let halves = [[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]];
        let parts = halves.map(|it| Bytes::new(Format::F16.encode(&it))).to_vec();
        let half = FileTensor { format: Format::F16, shape: vec![2, 3], parts };
        let turned = transposed(&half);
        assert_eq!((turned.format, turned.numbers()), (Format::F16, found.numbers()));
        let stack = FileTensor { shape: vec![2, 1, 3], ..half };
        assert_eq!(transposed(&stack).shape, [2, 1, 3]);
        assert_eq!(transposed(&floats(&[0, 3], &[])).shape, [3, 0]);
        assert_eq!(transposed(&floats(&[3, 0], &[])).shape, [0, 3]);
    }

    #[test]
    fn what_became_two_tensors_is_added_to_both() {
        let model = model(&[2, 3, 2], &[2, 1, 3]);
        let pair = pair(&[1, 3], &[6, 1]);
        let added = model.fitted(KV, pair, QkOrder::Halves).expect("it fits both");
        let [(k, keys), (v, values)] = &added[..] else { panic!("{added:?}") };
        assert_eq!((k.as_str(), v.as_str()), (K, V));
        assert_eq!((&keys.a.shape[..], &keys.b.shape[..]), (&[2, 1, 2][..], &[2, 3, 1][..]));
        assert_eq!(keys.a.numbers(), [1.0, 2.0, 4.0, 5.0]);
        assert_eq!(keys.b.numbers(), [1.0, 2.0, 3.0, 1.0, 2.0, 3.0]);
        assert_eq!((&values.a.shape[..], &values.b.shape[..]), (&[2, 1, 3][..], &[2, 1, 1][..]));
        assert_eq!(values.a.numbers(), [1.0, 2.0, 3.0, 1.0, 2.0, 3.0]);
        assert_eq!(values.b.numbers(), [3.0, 6.0]);
        assert_eq!([keys.scale, values.scale], [0.5; 2]);
    }

    #[test]
    fn tensors_that_were_never_one_are_not_changed_as_one() {
        for (k, v) in [
            ([4, 32, 32], [8, 16, 32]),
            ([4, 32, 32], [4, 16, 31]),
            ([4, 32, 0], [4, 0, 32]),
            ([0, 32, 32], [0, 16, 32]),
        ] {
            let rows = k[0] * (k[2] + v[1]);
            let pair = pair(&[1, k[1]], &[rows, 1]);
            let error =
                model(&k, &v).fitted(KV, pair, QkOrder::Halves).expect_err("of two heights");
            assert!(matches!(error, Error::NoTensor { .. }), "{k:?} {v:?}: {error}");
        }
        let error =
            model(&[2, 3, 2], &[2, 1, 3]).fitted(KV, pair(&[1, 3], &[5, 1]), QkOrder::Halves);
        assert!(matches!(error, Err(Error::Shape { base, .. }) if base == [6, 3]));
    }

    #[test]
    fn two_pairs_for_one_tensor_add_up() {
        let own = (K.to_owned(), pair(&[2, 1, 2], &[2, 3, 1]));
        let both = (KV.to_owned(), pair(&[1, 3], &[6, 1]));
        let model = model(&[2, 3, 2], &[2, 1, 3]);
        let added = model.all_fitted([own, both].into(), QkOrder::Halves).expect("they fit");
        let names: Vec<_> = added.iter().map(|it| it.0.as_str()).collect();
        assert_eq!(names, [K, K, V]);
        assert_eq!(added[0].1.a.numbers(), [1.0, 2.0, 3.0, 4.0]);
        assert_eq!(added[1].1.a.numbers(), [1.0, 2.0, 4.0, 5.0]);
    }

    #[test]
    fn heads_have_rows_of_both_matrices() {
        let a = floats(&[1, 2], &[1.0, -1.0]);
        let b = floats(&[6, 1], &[1.0, 2.0, 3.0, 4.0, 5.0, 6.0]);
        let [one, two] = LowRank { a, b, scale: 0.5 }.by_head(2, [2, 1]);
        assert_eq!((&one.a.shape[..], &one.b.shape[..]), (&[2, 1, 2][..], &[2, 2, 1][..]));
        assert_eq!(one.a.numbers(), [1.0, 2.0, 4.0, 5.0]);
        assert_eq!(one.b.numbers(), [1.0, -1.0, 1.0, -1.0]);
        assert_eq!((&two.a.shape[..], &two.b.shape[..]), (&[2, 1, 2][..], &[2, 1, 1][..]));
        assert_eq!(two.a.numbers(), [1.0, -1.0, 1.0, -1.0]);
        assert_eq!(two.b.numbers(), [3.0, 6.0]);
        assert_eq!([one.scale, two.scale], [0.5; 2]);
    }
}
