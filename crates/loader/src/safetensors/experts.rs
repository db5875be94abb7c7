//! Experts that a checkpoint keeps in other orders than GGUF: halves of one matrix, matrices whose
//! rows alternate, columns instead of rows.
//!
//! Rows are only cut apart. Where numbers have to change places, an expert is put in order when it
//! is first looked at.

use std::ops::Range;

use super::{Error, keys::View, names::vector};
use crate::{Bytes, FileTensor, Format};

/// Most experts of a layer, so that a file with tiny ones cannot ask for memory without end.
const MAX_EXPERTS: usize = 4096;

const GATE: &str = "ffn_gate_exps.weight";
const UP: &str = "ffn_up_exps.weight";
const DOWN: &str = "ffn_down_exps.weight";

/// What a tensor becomes: names in its layer, and tensors.
type Parts = Vec<(&'static str, FileTensor)>;

/// Granite: the upper half of a matrix's rows is the gate.
pub(super) fn halves(view: &mut View<'_>) -> Result<(), Error> {
    each(view, "ffn_gate_up_exps.weight", |tensor| {
        let stack = Stack::of(tensor)?;
        let half = stack.rows / 2;
        Some(vec![(GATE, stack.cut(0..half)), (UP, stack.cut(half..2 * half))])
    })
}

/// Llama 4: matrices are transposed, the first half of the columns is the gate.
pub(super) fn halves_of_columns(view: &mut View<'_>) -> Result<(), Error> {
    each(view, "ffn_gate_up_exps.transposed", |tensor| {
        let stack = Stack::of(tensor)?;
        let half = stack.cols / 2;
        let [gate, up] = [0, half].map(|first| stack.transposed(Every { first, step: 1, n: half }));
        Some(vec![(GATE, gate?), (UP, up?)])
    })?;
    each(view, "ffn_down_exps.transposed", down)
}

/// gpt-oss: gate and up alternate, and matrices are transposed, or else they are of `MXFP4`.
pub(super) fn alternating(view: &mut View<'_>) -> Result<(), Error> {
    each(view, "ffn_gate_up_exps.transposed", |tensor| {
        let stack = Stack::of(tensor)?;
        let [gate, up] = Every::second(stack.cols).map(|it| stack.transposed(it));
        Some(vec![(GATE, gate?), (UP, up?)])
    })?;
    each(view, "ffn_down_exps.transposed", down)?;
    each(view, "ffn_gate_up_exps.rows", |tensor| {
        let stack = Stack::of(tensor)?;
        let [gate, up] = Every::second(stack.rows).map(|it| stack.gathered(it));
        Some(vec![(GATE, gate), (UP, up)])
    })?;
    each(view, "ffn_gate_up_exps.bias", |biases| {
        let [gate, up] = alternate(&biases)?;
        Some(vec![("ffn_gate_exps.bias", gate), ("ffn_up_exps.bias", up)])
    })
}

fn down(tensor: FileTensor) -> Option<Parts> {
    let stack = Stack::of(tensor)?;
    let all = Every { first: 0, step: 1, n: stack.cols };
    Some(vec![(DOWN, stack.transposed(all)?)])
}

/// Replaces `blk.{}.{name}` of each layer by what `parts` makes of it; an error where that is nothing.
fn each(
    view: &mut View<'_>,
    name: &str,
    parts: impl Fn(FileTensor) -> Option<Parts>,
) -> Result<(), Error> {
    let is_one = |it: &&String| it.strip_suffix(name).is_some_and(|it| it.ends_with('.'));
    let names: Vec<String> = view.tensors.keys().filter(is_one).cloned().collect();
    for full in names {
        let tensor = view.tensors.remove(&full).expect("its name was there");
        let made = parts(tensor);
        let error = || Error::Parts { tensor: full.clone(), found: 0, expected: 1 };
        let layer = full.strip_suffix(name).expect("it ends so");
        for (name, part) in made.ok_or_else(error)? {
            view.tensors.insert(format!("{layer}{name}"), part);
        }
    }
    Ok(())
}

/// Some of the rows or columns of a matrix.
#[derive(Clone, Copy)]
struct Every {
    first: usize,
    step: usize,
    n: usize,
}

impl Every {
    /// Those of even, and those of odd number, of so many.
    fn second(all: usize) -> [Self; 2] {
        [0, 1].map(|first| Self { first, step: 2, n: all / 2 })
    }

    fn iter(self) -> impl Iterator<Item = usize> {
        (0..self.n).map(move |i| self.first + i * self.step)
    }
}

/// Matrices of one shape.
struct Stack {
    rows: usize,
    cols: usize,
    format: Format,
    matrices: Vec<Bytes>,
}

impl Stack {
    fn of(tensor: FileTensor) -> Option<Self> {
        let [n, rows, cols] = tensor.shape[..] else { return None };
        if !(1..=MAX_EXPERTS).contains(&n) || rows == 0 || cols == 0 {
            return None;
        }
        let matrices = match &tensor.parts[..] {
            [all] => {
                let len = all.len() / n;
                (0..n).map(|i| all.slice(i * len..(i + 1) * len)).collect()
            }
            parts => (parts.len() == n).then(|| parts.to_vec())?,
        };
        Some(Self { rows, cols, format: tensor.format, matrices })
    }

    /// Bytes of a row.
    fn row(&self) -> usize {
        self.matrices[0].len() / self.rows
    }

    /// A tensor of such matrices.
    fn of_parts(&self, rows: usize, cols: usize, parts: Vec<Bytes>) -> FileTensor {
        FileTensor { format: self.format, shape: vec![parts.len(), rows, cols], parts }
    }

    /// These rows of each matrix, where they are.
    fn cut(&self, rows: Range<usize>) -> FileTensor {
        let part = |it: &Bytes| it.slice(rows.start * self.row()..rows.end * self.row());
        self.of_parts(rows.len(), self.cols, self.matrices.iter().map(part).collect())
    }

    /// These rows of each matrix, put together.
    fn gathered(&self, rows: Every) -> FileTensor {
        let row = self.row();
        let part = |matrix: &Bytes| {
            let matrix = matrix.clone();
            Bytes::computed(rows.n * row, move || {
                let matrix = matrix.afresh();
                rows.iter().flat_map(|r| &matrix[r * row..][..row]).copied().collect()
            })
        };
        self.of_parts(rows.n, self.cols, self.matrices.iter().map(part).collect())
    }

    /// These columns of each matrix, as rows; `None` if numbers do not stand by themselves.
    fn transposed(&self, columns: Every) -> Option<FileTensor> {
        let number = self.format.row_bytes(1)?;
        let (rows, cols) = (self.rows, self.cols);
        let part = |matrix: &Bytes| {
            let matrix = matrix.clone();
            Bytes::computed(columns.n * rows * number, move || {
                let matrix = matrix.afresh();
                let mut out = Vec::with_capacity(columns.n * rows * number);
                for c in columns.iter() {
                    for r in 0..rows {
                        out.extend_from_slice(&matrix[(r * cols + c) * number..][..number]);
                    }
                }
                out
            })
        };
        Some(self.of_parts(columns.n, rows, self.matrices.iter().map(part).collect()))
    }
}

/// A bias an expert, where those of two matrices alternate.
fn alternate(biases: &FileTensor) -> Option<[FileTensor; 2]> {
    let ([n, cols], [bytes]) = (&biases.shape[..], &biases.parts[..]) else { return None };
    let mut numbers = vec![0.0; n * cols];
    biases.format.row_bytes(1)?;
    biases.format.decode_row(bytes, &mut numbers);
    let every = |first: usize| {
        let numbers: Vec<f32> = numbers.iter().skip(first).step_by(2).copied().collect();
        FileTensor { shape: vec![*n, cols / 2], ..vector(&numbers) }
    };
    cols.is_multiple_of(2).then(|| [0, 1].map(every))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stack(shape: [usize; 3], numbers: &[f32]) -> Stack {
        let parts = vec![Bytes::new(Format::F32.encode(numbers))];
        Stack::of(FileTensor { format: Format::F32, shape: shape.to_vec(), parts }).unwrap()
    }

    fn numbers(tensor: &FileTensor) -> Vec<f32> {
        let bytes: Vec<u8> = tensor.parts.iter().flat_map(|it| it.to_vec()).collect();
        let mut numbers = vec![0.0; tensor.shape.iter().product()];
        tensor.format.decode_row(&bytes, &mut numbers);
        numbers
    }

    #[test]
    fn rows_are_cut_where_they_are() {
        let stack = stack([2, 2, 2], &[1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0, 8.0]);
        let cut = stack.cut(1..2);
        assert_eq!((&cut.shape[..], numbers(&cut)), (&[2, 1, 2][..], vec![3.0, 4.0, 7.0, 8.0]));
        assert_eq!(cut.parts[0].as_ptr(), stack.matrices[0][8..].as_ptr());
    }

    #[test]
    fn rows_are_gathered() {
        let stack = stack([1, 4, 2], &[1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0, 8.0]);
        let [even, odd] = Every::second(4).map(|it| stack.gathered(it));
        assert_eq!((&even.shape[..], numbers(&even)), (&[1, 2, 2][..], vec![1.0, 2.0, 5.0, 6.0]));
        assert_eq!(numbers(&odd), [3.0, 4.0, 7.0, 8.0]);
    }

    #[test]
    fn columns_become_rows() {
        let stack = stack([1, 2, 4], &[1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0, 8.0]);
        let [even, odd] = Every::second(4).map(|it| stack.transposed(it).unwrap());
        assert_eq!((&even.shape[..], numbers(&even)), (&[1, 2, 2][..], vec![1.0, 5.0, 3.0, 7.0]));
        assert_eq!(numbers(&odd), [2.0, 6.0, 4.0, 8.0]);
    }

    #[test]
    fn what_does_not_fit_is_nothing() {
        let one = FileTensor { format: Format::F16, shape: vec![2, 3], parts: vec![] };
        assert!(Stack::of(one).is_none());
    }
}
