//! GPTQ and AWQ with 4 bits: numbers in words of 32, groups of input features with a scale and a zero
//! point for each output feature.
//!
//! ```text
//!          GPTQ                                AWQ
//! qweight  [in / 8, out], nibble j of a word:  [in, out / 8], nibble ORDER[j] of a word:
//!          input feature 8 i + j               output feature 8 i + j
//! qzeros   [groups, out / 8], nibble j         [groups, out / 8], nibble ORDER[j]
//! scales   [groups, out], f16                  [groups, out], f16
//! g_idx    [in]: the group of a feature        in order
//!
//! weight[out, in] = scales[group, out] * (q - zero)
//! ```

use std::collections::BTreeMap;

use super::{Zeros, misfit, need};
use crate::{
    Bytes, FileTensor, Format,
    format::{put_f16, q4_0},
    safetensors::{Error, shards::Stored},
};

/// Numbers in a word.
const IN_WORD: usize = 8;
/// The nibble of each of eight neighbours in a word of AWQ.
const ORDER: [usize; IN_WORD] = [0, 4, 1, 5, 2, 6, 3, 7];

/// A matrix as it is kept.
struct Packed {
    inputs: usize,
    outputs: usize,
    /// Eight numbers of 4 bits each.
    words: Bytes,
    packing: Packing,
    /// The group of each input feature.
    groups: Vec<usize>,
    /// Scale and zero point by group and output feature.
    scales: Vec<f32>,
    zeros: Vec<u8>,
}

/// Which eight numbers a word holds.
#[derive(Clone, Copy)]
enum Packing {
    /// Of one output feature and eight input features.
    Down,
    /// Of one input feature and eight output features, as in [`ORDER`].
    Across,
}

pub(super) fn gptq(
    rest: &mut BTreeMap<String, Stored>,
    stem: &str,
    zeros: Zeros,
) -> Result<FileTensor, Error> {
    let name = |last: &str| format!("{stem}.{last}");
    let (words, [downs, outputs]) = words(rest, &name("qweight"))?;
    let inputs = downs * IN_WORD;
    let mut packed = Packed::new(rest, stem, [inputs, outputs], (words, Packing::Down))?;
    if let Some(index) = rest.remove(&name("g_idx")) {
        let n = packed.scales.len() / outputs.max(1);
        let read = index.words().filter(|it| it.len() == inputs);
        let groups = read.map(|it| it.iter().map(|&it| it as usize).collect::<Vec<_>>());
        let groups = groups.filter(|it| it.iter().all(|&group| group < n));
        packed.groups = groups
            .ok_or_else(|| misfit(&name("g_idx"), &index, format!("I32 [{inputs}] below {n}")))?;
    }
    packed.read_zeros(rest, &name("qzeros"), std::array::from_fn(|j| j))?;
    if zeros == Zeros::LessOne {
        packed.zeros.iter_mut().for_each(|it| *it += 1);
    }
    Ok(packed.tensor())
}

pub(super) fn awq(rest: &mut BTreeMap<String, Stored>, stem: &str) -> Result<FileTensor, Error> {
    let name = |last: &str| format!("{stem}.{last}");
    let (words, [inputs, across]) = words(rest, &name("qweight"))?;
    let shape = [inputs, across * IN_WORD];
    let mut packed = Packed::new(rest, stem, shape, (words, Packing::Across))?;
    packed.read_zeros(rest, &name("qzeros"), ORDER)?;
    Ok(packed.tensor())
}

/// A matrix of words, and its shape.
fn words(rest: &mut BTreeMap<String, Stored>, name: &str) -> Result<(Bytes, [usize; 2]), Error> {
    let tensor = need(rest, name.to_owned())?;
    match tensor.shape[..] {
        // A matrix without numbers has no size that its file bounds.
        [a, b] if tensor.is_words() && a > 0 && b > 0 => Ok((tensor.bytes, [a, b])),
        _ => Err(misfit(name, &tensor, "I32 with two dimensions above 0".to_owned())),
    }
}

impl Packed {
    /// With the scales; groups in order.
    fn new(
        rest: &mut BTreeMap<String, Stored>,
        stem: &str,
        [inputs, outputs]: [usize; 2],
        (words, packing): (Bytes, Packing),
    ) -> Result<Self, Error> {
        let name = format!("{stem}.scales");
        let scales = need(rest, name.clone())?;
        let whole = |groups: usize| groups > 0 && inputs.is_multiple_of(groups);
        let n_groups = match scales.shape[..] {
            [groups, n] if n == outputs && whole(groups) => groups,
            _ => {
                let expected = format!("F16 [groups, {outputs}], groups a divisor of {inputs}");
                return Err(misfit(&name, &scales, expected));
            }
        };
        let numbers = scales.numbers();
        let scales = numbers.ok_or_else(|| misfit(&name, &scales, "F16 or BF16".to_owned()))?;
        let group = inputs / n_groups;
        Ok(Self {
            inputs,
            outputs,
            words,
            packing,
            groups: (0..inputs).map(|it| it / group).collect(),
            zeros: vec![0; scales.len()],
            scales,
        })
    }

    fn read_zeros(
        &mut self,
        rest: &mut BTreeMap<String, Stored>,
        name: &str,
        order: [usize; IN_WORD],
    ) -> Result<(), Error> {
        let tensor = need(rest, name.to_owned())?;
        let (groups, across) = (self.scales.len() / self.outputs.max(1), self.outputs / IN_WORD);
        let words = tensor.words().filter(|_| tensor.shape == [groups, across]);
        let words = words.filter(|_| self.outputs.is_multiple_of(IN_WORD));
        let words =
            words.ok_or_else(|| misfit(name, &tensor, format!("I32 [{groups}, {across}]")))?;
        for (zeros, word) in self.zeros.chunks_exact_mut(IN_WORD).zip(words) {
            for (zero, at) in zeros.iter_mut().zip(order) {
                *zero = nibble(word, at);
            }
        }
        Ok(())
    }

    fn tensor(self) -> FileTensor {
        let format = if self.is_q4_0() { Format::Q4_0 } else { Format::F16 };
        let shape = vec![self.outputs, self.inputs];
        let row = format.row_bytes(self.inputs).expect("`is_q4_0` asks for whole blocks");
        let part = Bytes::computed(self.outputs * row, move || match format {
            Format::Q4_0 => self.as_q4_0(),
            _ => self.as_f16(),
        });
        FileTensor { format, shape, parts: vec![part] }
    }

    /// Whether blocks of 32 lie in one group each, and every zero point is that of `Q4_0`.
    fn is_q4_0(&self) -> bool {
        let (blocks, rest) = self.groups.as_chunks::<32>();
        let is_half = |scale: &f32| half::f16::from_f32(*scale).to_f32() == *scale;
        rest.is_empty()
            && self.zeros.iter().all(|&it| it == 8)
            && self.scales.iter().all(is_half)
            && blocks.iter().all(|it| it.iter().all(|group| *group == it[0]))
    }

    /// The numbers 0..=15, by output and input feature.
    fn numbers(&self) -> Vec<u8> {
        let mut q = vec![0; self.inputs * self.outputs];
        let words = self.words.as_chunks().0.iter().map(|it| u32::from_le_bytes(*it));
        match self.packing {
            Packing::Down => {
                for (i, word) in words.enumerate() {
                    let (down, output) = (i / self.outputs, i % self.outputs);
                    for j in 0..IN_WORD {
                        q[output * self.inputs + down * IN_WORD + j] = nibble(word, j);
                    }
                }
            }
            Packing::Across => {
                let across = self.outputs / IN_WORD;
                for (i, word) in words.enumerate() {
                    let (input, output) = (i / across, i % across * IN_WORD);
                    for (j, at) in ORDER.into_iter().enumerate() {
                        q[(output + j) * self.inputs + input] = nibble(word, at);
                    }
                }
            }
        }
        q
    }

    fn as_q4_0(&self) -> Vec<u8> {
        let (q, per_row) = (self.numbers(), self.inputs / 32);
        let mut bytes = vec![0; self.outputs * per_row * 18];
        let at = |output: usize, i: usize| self.groups[i * 32] * self.outputs + output;
        let all = bytes.as_chunks_mut::<18>().0.iter_mut().zip(q.as_chunks::<32>().0);
        for (i, (block, q)) in all.enumerate() {
            put_f16(block, self.scales[at(i / per_row, i % per_row)]);
            q4_0::put(block, q);
        }
        bytes
    }

    fn as_f16(&self) -> Vec<u8> {
        let q = self.numbers();
        let mut bytes = Vec::with_capacity(2 * q.len());
        let mut row = vec![0.0; self.inputs];
        for (output, q) in q.chunks_exact(self.inputs.max(1)).enumerate() {
            for ((x, &q), &group) in row.iter_mut().zip(q).zip(&self.groups) {
                let at = group * self.outputs + output;
                *x = self.scales[at] * (f32::from(q) - f32::from(self.zeros[at]));
            }
            bytes.extend(Format::F16.encode(&row));
        }
        bytes
    }
}

/// Number `at` of a word.
fn nibble(word: u32, at: usize) -> u8 {
    (word >> (4 * at) & 0xf) as u8
}
