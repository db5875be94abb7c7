//! From the names of a checkpoint to GGUF's, by a family's table. No matrix is copied.

use std::collections::{BTreeMap, btree_map::Entry};

use super::{
    Error,
    family::{Family, To},
};
use crate::{Bytes, FileTensor, Format};

/// Longest vector that is turned into f32.
const MAX_VECTOR: usize = 1 << 20;

type Tensors = BTreeMap<String, FileTensor>;

/// The tensors under GGUF's names, experts as stacks, vectors as f32.
pub(super) fn rename(
    family: &Family,
    tensors: Vec<(String, FileTensor)>,
) -> Result<Tensors, Error> {
    let mut out = Tensors::new();
    let mut stacks: BTreeMap<String, BTreeMap<u32, FileTensor>> = BTreeMap::new();
    for (from, tensor) in tensors {
        let found = family
            .tensors
            .iter()
            .copied()
            .flatten()
            .find_map(|name| Some((&name.to, numbers(name.from, &from)?)));
        let Some((to, numbers)) = found else {
            return Err(Error::StrayTensor { tensor: from, class: family.class.to_owned() });
        };
        let added = match to {
            To::Tensor(name) => add(&mut out, filled(name, &numbers), as_f32(tensor)),
            To::PlusOne(name) => {
                let Some(norm) = plus_one(&tensor) else {
                    return Err(Error::PartShape {
                        tensor: from,
                        found: format!("{} {:?}", tensor.format.layout().name, tensor.shape),
                        expected: format!("a vector of at most {MAX_VECTOR} numbers"),
                    });
                };
                add(&mut out, filled(name, &numbers), norm)
            }
            To::Stack(name) => {
                let (&last, rest) = numbers.split_last().expect("a stack's name has a number");
                add(stacks.entry(filled(name, rest)).or_default(), last, tensor)
            }
            To::Dropped => Some(()),
        };
        added.ok_or(Error::SecondTensor { tensor: from })?;
    }
    for (name, parts) in stacks {
        let stack = stacked(&name, parts)?;
        add(&mut out, name.clone(), stack).ok_or(Error::SecondTensor { tensor: name })?;
    }
    Ok(out)
}

/// `None` if there is one already: which of the two is meant nobody can know.
fn add<K: Ord>(tensors: &mut BTreeMap<K, FileTensor>, place: K, tensor: FileTensor) -> Option<()> {
    let Entry::Vacant(free) = tensors.entry(place) else { return None };
    free.insert(tensor);
    Some(())
}

/// The numbers that stand in `name` where `pattern` has `{}`; `None` if it is not that pattern.
fn numbers(pattern: &str, name: &str) -> Option<Vec<u32>> {
    let mut pieces = pattern.split("{}");
    let mut rest = name.strip_prefix(pieces.next()?)?;
    let mut numbers = Vec::new();
    for piece in pieces {
        let digits = rest.find(|c: char| !c.is_ascii_digit()).unwrap_or(rest.len());
        let (number, after) = rest.split_at(digits);
        if number.len() > 1 && number.starts_with('0') {
            return None; // a second name for the same number
        }
        numbers.push(number.parse().ok()?);
        rest = after.strip_prefix(piece)?;
    }
    rest.is_empty().then_some(numbers)
}

fn filled(pattern: &str, numbers: &[u32]) -> String {
    numbers.iter().fold(pattern.to_owned(), |name, n| name.replacen("{}", &n.to_string(), 1))
}

/// Matrices 0, 1, 2, … as one tensor of three dimensions, in as many parts.
fn stacked(name: &str, matrices: BTreeMap<u32, FileTensor>) -> Result<FileTensor, Error> {
    let expected = matrices.len();
    let fits = |(i, (n, it)): (usize, (&u32, &FileTensor))| {
        let first = &matrices[&0];
        *n as usize == i && it.shape == first.shape && it.format == first.format
    };
    let found = match matrices.contains_key(&0) {
        true => matrices.iter().enumerate().take_while(|it| fits(*it)).count(),
        false => 0,
    };
    if found != expected {
        return Err(Error::Parts { tensor: name.to_owned(), found, expected });
    }
    let FileTensor { format, shape, .. } = matrices[&0].clone();
    let shape = [expected].into_iter().chain(shape).collect();
    let parts = matrices.into_values().flat_map(|it| it.parts).collect();
    Ok(FileTensor { format, shape, parts })
}

/// Vectors are norms and biases: GGUF has them in f32, whatever the matrices are in.
fn as_f32(tensor: FileTensor) -> FileTensor {
    let [len] = tensor.shape[..] else { return tensor };
    if tensor.format == Format::F32 || len > MAX_VECTOR {
        return tensor;
    }
    let mut numbers = vec![0.0; len];
    tensor.format.decode_row(&tensor.parts[0], &mut numbers);
    vector(&numbers)
}

/// The same vector with 1 added to each number, as f32; `None` if it is none, or none of a norm.
fn plus_one(tensor: &FileTensor) -> Option<FileTensor> {
    let [len @ ..=MAX_VECTOR] = tensor.shape[..] else { return None };
    let mut numbers = vec![0.0; len];
    tensor.format.decode_row(&tensor.parts[0], &mut numbers);
    numbers.iter_mut().for_each(|it| *it += 1.0);
    Some(vector(&numbers))
}

/// A vector that is in no file.
pub(super) fn vector(numbers: &[f32]) -> FileTensor {
    let bytes = Bytes::new(Format::F32.encode(numbers));
    FileTensor { format: Format::F32, shape: vec![numbers.len()], parts: vec![bytes] }
}

#[cfg(test)]
mod tests {
    use super::{
        super::{families::FAMILIES, family::Name},
        *,
    };

    #[test]
    fn one_is_added_in_f32() {
        let parts = vec![Bytes::new(Format::BF16.encode(&[0.5, -1.0, 0.0078125]))];
        let before = FileTensor { format: Format::BF16, shape: vec![3], parts };
        let after = plus_one(&before).unwrap();
        let bytes = Format::F32.encode(&[1.5, 0.0, 1.0078125]);
        assert_eq!((after.format, &after.parts[0][..]), (Format::F32, &bytes[..]));
        // Whoever decodes these fails.
        for shape in [vec![MAX_VECTOR + 1], vec![1, 3], vec![]] {
            assert!(plus_one(&FileTensor { shape, ..before.clone() }).is_none());
        }
    }

    #[test]
    fn patterns() {
        let pattern = "model.layers.{}.experts.{}.w1";
        assert_eq!(numbers(pattern, "model.layers.12.experts.0.w1"), Some(vec![12, 0]));
        for other in [
            "model.layers.12.experts.0.w2",
            "model.layers.012.experts.0.w1",
            "model.layers..experts.0.w1",
            "model.layers.-1.experts.0.w1",
            "model.layers.4294967296.experts.0.w1",
            "model.layers.1.experts.0.w1.bias",
            "x.model.layers.1.experts.0.w1",
        ] {
            assert_eq!(numbers(pattern, other), None, "{other}");
        }
        assert_eq!(numbers("lm_head.weight", "lm_head.weight"), Some(vec![]));
        assert_eq!(filled("blk.{}.x.{}", &[3, 10]), "blk.3.x.10");
    }

    fn matrix(byte: u8) -> FileTensor {
        let parts = vec![Bytes::new(vec![byte; 12])];
        FileTensor { format: Format::F16, shape: vec![2, 3], parts }
    }

    #[test]
    fn a_stack_keeps_its_parts() {
        let stack = stacked("x", (0..3).map(|i| (i, matrix(i as u8))).collect()).unwrap();
        assert_eq!(stack.shape, [3, 2, 3]);
        assert_eq!(stack.parts.iter().map(|it| it[0]).collect::<Vec<_>>(), [0, 1, 2]);
    }

    #[test]
    fn a_stack_with_a_hole_is_an_error() {
        let error = |n: [u32; 3]| {
            stacked("x", n.into_iter().map(|i| (i, matrix(0))).collect()).unwrap_err().to_string()
        };
        let text = "tensor `x` cannot be put together: 2 of 3 parts fit one another";
        assert_eq!(error([0, 1, 3]), text);
        assert!(error([1, 2, 3]).contains("0 of 3"));
    }

    #[test]
    fn two_names_for_one_tensor_are_refused() {
        const NAMES: &[&[Name]] = &[&[
            Name { from: "norm.{}", to: To::Tensor("blk.{}.norm") },
            Name { from: "ln.{}", to: To::PlusOne("blk.{}.norm") },
            Name { from: "up.{}.{}", to: To::Stack("blk.{}.up") },
            Name { from: "ups.{}", to: To::Tensor("blk.{}.up") },
            Name { from: "w3.{}.{}", to: To::Stack("blk.{}.up") },
        ]];
        let family = Family { tensors: NAMES, ..FAMILIES[0] };
        let check = |names: &[&str], expected: Option<&str>| {
            let tensor =
                |name: &str| if name.starts_with("ln.") { vector(&[0.5]) } else { matrix(0) };
            let tensors = names.iter().map(|it| ((*it).to_owned(), tensor(it))).collect();
            let found = rename(&family, tensors).err().map(|it| it.to_string());
            let expected = expected.map(|it| {
                format!("tensor `{it}` is there a second time, by another name, expected one")
            });
            assert_eq!(found, expected, "{names:?}");
        };
        check(&["norm.0", "ln.1", "up.0.0", "up.0.1", "up.1.0"], None);
        check(&["norm.0", "ln.0"], Some("ln.0"));
        check(&["up.0.0", "w3.0.0"], Some("w3.0.0"));
        check(&["up.0.0", "ups.0"], Some("blk.0.up"));
        let error = rename(&family, vec![("ln.0".to_owned(), matrix(0))]).unwrap_err();
        let told = "tensor `ln.0` is F16 [2, 3], expected a vector of at most 1048576 numbers";
        assert_eq!(error.to_string(), told);
    }

    #[test]
    fn only_vectors_are_changed() {
        let bytes = Bytes::new(vec![0x80, 0x3f, 0x00, 0x40]);
        let vector = FileTensor { format: Format::BF16, shape: vec![2], parts: vec![bytes] };
        let vector = as_f32(vector);
        assert_eq!(
            (vector.format, &*vector.parts[0]),
            (Format::F32, &*Format::F32.encode(&[1.0, 2.0]))
        );
        let before = matrix(7);
        let after = as_f32(before.clone());
        assert_eq!(after.parts[0].as_ptr(), before.parts[0].as_ptr());
    }
}
