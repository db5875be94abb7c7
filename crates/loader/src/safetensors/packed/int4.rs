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

/// A matrix, taken apart.
struct Packed {
    inputs: usize,
    outputs: usize,
    /// The group of each input feature.
    groups: Vec<usize>,
    /// Scale and zero point by group and output feature.
    scales: Vec<f32>,
    zeros: Vec<u8>,
    /// Numbers 0..=15 by output and input feature.
    q: Vec<u8>,
}

pub(super) fn gptq(
    rest: &mut BTreeMap<String, Stored>,
    stem: &str,
    zeros: Zeros,
) -> Result<FileTensor, Error> {
    let name = |last: &str| format!("{stem}.{last}");
    let (words, [downs, outputs]) = words(rest, &name("qweight"))?;
    let inputs = downs * IN_WORD;
    let mut packed = Packed::new(rest, stem, [inputs, outputs])?;
    if let Some(index) = rest.remove(&name("g_idx")) {
        let n = packed.scales.len() / outputs.max(1);
        let read = index.words().filter(|it| it.len() == inputs);
        let groups = read.map(|it| it.iter().map(|&it| it as usize).collect::<Vec<_>>());
        let groups = groups.filter(|it| it.iter().all(|&group| group < n));
        packed.groups = groups
            .ok_or_else(|| misfit(&name("g_idx"), &index, format!("I32 [{inputs}] below {n}")))?;
    }
    for (i, &word) in words.iter().enumerate() {
        let (down, output) = (i / outputs, i % outputs);
        for j in 0..IN_WORD {
            packed.q[output * inputs + down * IN_WORD + j] = (word >> (4 * j) & 0xf) as u8;
        }
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
    let mut packed = Packed::new(rest, stem, [inputs, across * IN_WORD])?;
    for (i, &word) in words.iter().enumerate() {
        let (input, output) = (i / across, i % across * IN_WORD);
        for (j, nibble) in ORDER.into_iter().enumerate() {
            packed.q[(output + j) * inputs + input] = (word >> (4 * nibble) & 0xf) as u8;
        }
    }
    packed.read_zeros(rest, &name("qzeros"), ORDER)?;
    Ok(packed.tensor())
}

/// A matrix of words, and its shape.
fn words(rest: &mut BTreeMap<String, Stored>, name: &str) -> Result<(Vec<u32>, [usize; 2]), Error> {
    let tensor = need(rest, name.to_owned())?;
    match (tensor.words(), tensor.shape.as_slice()) {
        (Some(words), &[a, b]) => Ok((words, [a, b])),
        _ => Err(misfit(name, &tensor, "I32 with two dimensions".to_owned())),
    }
}

impl Packed {
    /// With the scales; groups in order.
    fn new(
        rest: &mut BTreeMap<String, Stored>,
        stem: &str,
        [inputs, outputs]: [usize; 2],
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
            groups: (0..inputs).map(|it| it / group).collect(),
            zeros: vec![0; scales.len()],
            scales,
            q: vec![0; inputs * outputs],
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
            for (zero, nibble) in zeros.iter_mut().zip(order) {
                *zero = (word >> (4 * nibble) & 0xf) as u8;
            }
        }
        Ok(())
    }

    fn tensor(&self) -> FileTensor {
        let of = |format: Format, bytes: Vec<u8>| FileTensor {
            format,
            shape: vec![self.outputs, self.inputs],
            parts: vec![Bytes::new(bytes)],
        };
        match self.as_q4_0() {
            Some(bytes) => of(Format::Q4_0, bytes),
            None => of(Format::F16, self.as_f16()),
        }
    }

    /// Where blocks of 32 lie in one group each, and every zero point is that of `Q4_0`.
    fn as_q4_0(&self) -> Option<Vec<u8>> {
        let blocks = self.groups.as_chunks::<32>();
        let is_half = |scale: &f32| half::f16::from_f32(*scale).to_f32() == *scale;
        let fits = blocks.1.is_empty()
            && self.zeros.iter().all(|&it| it == 8)
            && self.scales.iter().all(is_half);
        if !fits || blocks.0.iter().any(|it| it.iter().any(|group| *group != it[0])) {
            return None;
        }
        let mut bytes = vec![0; self.outputs * Format::Q4_0.row_bytes(self.inputs)?];
        let at = |output: usize, i: usize| self.groups[i * 32] * self.outputs + output;
        let per_row = self.inputs / 32;
        let all = bytes.as_chunks_mut::<18>().0.iter_mut().zip(self.q.as_chunks::<32>().0);
        for (i, (block, q)) in all.enumerate() {
            put_f16(block, self.scales[at(i / per_row, i % per_row)]);
            q4_0::put(block, q);
        }
        Some(bytes)
    }

    fn as_f16(&self) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(2 * self.q.len());
        let mut row = vec![0.0; self.inputs];
        for (output, q) in self.q.chunks_exact(self.inputs.max(1)).enumerate() {
            for ((x, &q), &group) in row.iter_mut().zip(q).zip(&self.groups) {
                let at = group * self.outputs + output;
                *x = self.scales[at] * (f32::from(q) - f32::from(self.zeros[at]));
            }
            bytes.extend(Format::F16.encode(&row));
        }
        bytes
    }
}
