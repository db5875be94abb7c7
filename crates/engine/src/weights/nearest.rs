//! Names that are nearly one that is missing: what a person may have meant.

use loader::ModelFile;

/// Names that are compared for [`LoadError::MissingTensor`]; a file may hold very many.
const MAX_COMPARED: usize = 10_000;

/// Up to three names of `file` that are nearly `name`.
pub(super) fn nearest(file: &ModelFile, name: &str) -> Vec<String> {
    let names = file.tensors.keys().take(MAX_COMPARED);
    let mut near: Vec<_> = names
        .map(|it| (edit_distance(it, name), it))
        .filter(|(distance, _)| *distance <= 6.min(name.len() / 2))
        .collect();
    near.sort();
    near.into_iter().take(3).map(|(_, it)| it.clone()).collect()
}

/// How many bytes must be put in, taken out or replaced to make `a` of `b` (Levenshtein).
fn edit_distance(a: &str, b: &str) -> usize {
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, x) in a.bytes().enumerate() {
        let mut diagonal = std::mem::replace(&mut row[0], i + 1);
        for (j, y) in b.bytes().enumerate() {
            let replaced = diagonal + usize::from(x != y);
            diagonal = row[j + 1];
            row[j + 1] = replaced.min(diagonal + 1).min(row[j] + 1);
        }
    }
    row[b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn distances() {
        assert_eq!(edit_distance("kitten", "sitting"), 3);
        assert_eq!(edit_distance("", "abc"), 3);
        assert_eq!(edit_distance("abc", "abc"), 0);
    }
}
