//! As what a model is quantised, in the word that people know it by.

use loader::{Format, ModelFile};

/// What the file says that it is quantised as, else the format of most of its bytes.
pub(crate) fn of(file: &ModelFile) -> &'static str {
    let stated = file.metadata.u64("general.file_type").ok().flatten().and_then(file_type);
    stated.unwrap_or_else(|| largest_format(file))
}

/// llama.cpp's numbers of quantisations.
fn file_type(id: u64) -> Option<&'static str> {
    Some(match id {
        0 => "F32",
        1 => "F16",
        2 => "Q4_0",
        3 => "Q4_1",
        7 => "Q8_0",
        8 => "Q5_0",
        9 => "Q5_1",
        10 => "Q2_K",
        11 => "Q3_K_S",
        12 => "Q3_K_M",
        13 => "Q3_K_L",
        14 => "Q4_K_S",
        15 => "Q4_K_M",
        16 => "Q5_K_S",
        17 => "Q5_K_M",
        18 => "Q6_K",
        19 => "IQ2_XXS",
        20 => "IQ2_XS",
        21 => "Q2_K_S",
        22 => "IQ3_XS",
        23 => "IQ3_XXS",
        24 => "IQ1_S",
        25 => "IQ4_NL",
        26 => "IQ3_S",
        27 => "IQ3_M",
        28 => "IQ2_S",
        29 => "IQ2_M",
        30 => "IQ4_XS",
        31 => "IQ1_M",
        32 => "BF16",
        36 => "TQ1_0",
        37 => "TQ2_0",
        38 => "MXFP4_MOE",
        39 => "NVFP4",
        _ => return None,
    })
}

fn largest_format(file: &ModelFile) -> &'static str {
    let bytes = |name: &str| -> usize {
        let of = file.tensors.values().filter(|it| it.format.layout().name == name);
        of.flat_map(|it| it.parts.iter().map(|it| it.len())).sum()
    };
    let names = Format::ALL.iter().map(|it| it.layout().name);
    names.max_by_key(|it| bytes(it)).unwrap_or("")
}

#[cfg(test)]
mod tests {
    use loader::{Value, quantise::Mix};

    use super::*;

    #[test]
    fn a_file_is_what_it_says_or_what_most_of_it_is() {
        let bytes = loader::Bytes::new(ingle_tests::parrot::file());
        let mut file = ModelFile::from_bytes("parrot", bytes, &[]).unwrap();
        for (id, name) in [(15, "Q4_K_M"), (19, "IQ2_XXS")] {
            file.metadata.insert("general.file_type", Value::U32(id));
            assert_eq!(of(&file), name);
        }
        file.metadata.insert("general.file_type", Value::U32(999));
        assert_eq!(of(&file), largest_format(&file));
        assert!(Format::ALL.iter().any(|it| it.layout().name == of(&file)));
    }

    #[test]
    fn mixes_are_called_so_everywhere() {
        for mix in Mix::ALL {
            let name = mix.to_string();
            assert!(mix.file_type().is_none_or(|it| file_type(it.into()) == Some(name.as_str())));
        }
    }
}
