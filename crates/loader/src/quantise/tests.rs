//! Each encoder loses no more than the simple one, and no more than was measured of ggml's.

use super::*;
use crate::{Bytes, ModelFile, Value, gguf::Writer};

/// Numbers that are spread like a bell, as weights are, some rows with a few far out.
fn weights(n: usize) -> Vec<f32> {
    let mut state = 0x2545_f491_u32;
    let mut uniform = || {
        state ^= state << 13;
        state ^= state >> 17;
        state ^= state << 5;
        (state >> 8) as f32 / 16_777_216.0 + f32::EPSILON
    };
    let mut bell = |_| (-2.0 * uniform().ln()).sqrt() * (std::f32::consts::TAU * uniform()).cos();
    (0..n).map(&mut bell).collect()
}

fn rmse(x: &[f32], y: &[f32]) -> f64 {
    let sum: f64 = x.iter().zip(y).map(|(x, y)| f64::from(x - y).powi(2)).sum();
    (sum / x.len() as f64).sqrt()
}

fn decoded(format: Format, bytes: &[u8], n: usize) -> Vec<f32> {
    let mut y = vec![0.0; n];
    format.decode_row(bytes, &mut y);
    y
}

const COLS: usize = 4096;

/// Root mean square of what is lost of these weights by ggml's encoders without an importance matrix,
/// rounded.
const GGML: &[(Format, f64)] = &[
    (Format::Q8_0, 0.00533),
    (Format::Q4_0, 0.08588),
    (Format::Q4_1, 0.07801),
    (Format::Q5_0, 0.04265),
    (Format::Q5_1, 0.03766),
    (Format::Q2_K, 0.2946),
    (Format::Q3_K, 0.15105),
    (Format::Q4_K, 0.07111),
    (Format::Q5_K, 0.03611),
    (Format::Q6_K, 0.01766),
    (Format::IQ4_NL, 0.07596),
    (Format::IQ4_XS, 0.07651),
    (Format::MXFP4, 0.11485),
];

#[test]
fn no_more_is_lost_than_by_ggml() {
    let x = weights(16 * COLS);
    for &(format, theirs) in GGML {
        let mut bytes = vec![0; 16 * format.row_bytes(COLS).expect("whole blocks")];
        encode_rows(format, &x, COLS, None, &mut bytes);
        let ours = rmse(&x, &decoded(format, &bytes, x.len()));
        let simple = rmse(&x, &decoded(format, &format.encode(&x), x.len()));
        eprintln!("{format:?}: {ours:.5}, the simple encoder {simple:.5}, ggml {theirs:.5}");
        assert!(ours <= theirs * 1.0005, "{format:?}: {ours} > {theirs}");
        assert!(ours <= simple * 1.0005, "{format:?}: {ours} > {simple}");
    }
}

/// What is lost of the largest tenth of the weights.
fn lost_of_large(x: &[f32], y: &[f32]) -> f64 {
    let mut sizes: Vec<f32> = x.iter().map(|it| it.abs()).collect();
    sizes.sort_by(f32::total_cmp);
    let least = sizes[sizes.len() / 10 * 9];
    let large = x.iter().zip(y).filter(|(x, _)| x.abs() >= least);
    large.map(|(x, y)| f64::from(x - y).powi(2)).sum()
}

/// Than if all counted the same.
#[test]
fn large_weights_keep_more() {
    let x = weights(16 * COLS);
    for &(format, _) in GGML {
        if count(format)(2.0, 1.0) <= count(format)(1.0, 1.0) {
            continue;
        }
        let (row_bytes, layout) = (format.row_bytes(COLS).expect("whole blocks"), format.layout());
        let [mut bytes, mut alike] = [0, 0].map(|it| vec![it; 16 * row_bytes]);
        encode_rows(format, &x, COLS, None, &mut bytes);
        let encode = encoder(format).expect("it is in the table");
        let ones = vec![1.0; layout.block_len];
        let blocks = alike.chunks_exact_mut(layout.block_bytes);
        x.chunks_exact(layout.block_len).zip(blocks).for_each(|(x, out)| encode(x, &ones, out));
        let lost = |bytes: &[u8]| lost_of_large(&x, &decoded(format, bytes, x.len()));
        let (ours, alike) = (lost(&bytes), lost(&alike));
        eprintln!("{format:?}: {ours:.2} of the largest, {alike:.2} if all count the same");
        assert!(ours < 0.99 * alike, "{format:?}: {ours} of {alike}");
    }
}

/// Weights of a file that is encoded again have levels already.
#[test]
fn weights_that_have_levels_keep_them() {
    let x = weights(16 * COLS);
    let both = [
        (Format::Q4_0, Format::Q4_0),
        (Format::Q5_0, Format::Q5_0),
        (Format::Q4_0, Format::Q4_1),
        (Format::Q5_0, Format::Q5_1),
        (Format::Q4_1, Format::Q4_1),
        (Format::Q5_1, Format::Q5_1),
    ];
    for (had, format) in both {
        let x = decoded(had, &had.encode(&x), x.len());
        let mut bytes = vec![0; 16 * format.row_bytes(COLS).expect("whole blocks")];
        encode_rows(format, &x, COLS, None, &mut bytes);
        let lost = rmse(&x, &decoded(format, &bytes, x.len()));
        eprintln!("{format:?} of {had:?}: {lost:.6}");
        assert!(lost < 0.001, "{format:?} of {had:?}: {lost}");
    }
}

#[test]
fn every_format_is_encoded_or_refused() {
    let encoded = Format::ALL.iter().filter(|it| is_encoded(**it)).count();
    assert_eq!(encoded, 16);
    for &format in Format::ALL.iter().filter(|it| is_encoded(**it)) {
        let n = format.layout().block_len.max(64);
        for x in [vec![0.0; n], vec![1e-30; n], vec![-3.0; n], vec![2.5; n]] {
            let mut bytes = vec![0xff; format.row_bytes(n).expect("whole blocks")];
            encode_rows(format, &x, n, None, &mut bytes);
            let y = decoded(format, &bytes, n);
            let off = x.iter().zip(&y).map(|(x, y)| (x - y).abs());
            let off = off.max_by(f32::total_cmp).expect("a block"); // NaN is above all
            // `MXFP4` has nothing between 2 and 3.
            let allowed = if format == Format::MXFP4 { 0.21 } else { 0.07 };
            assert!(off <= allowed * x[0].abs() + 1e-6, "{format:?}: {} became {}", x[0], y[0]);
        }
    }
}

/// T7: what a file may hold must not make a panic of it.
#[test]
fn t7_any_weights_are_encoded() {
    let hostile = [f32::NAN, f32::INFINITY, f32::MIN, f32::from_bits(1), 0.0, 1.0];
    let x: Vec<f32> = hostile.into_iter().cycle().take(768).collect();
    for &format in Format::ALL.iter().filter(|it| is_encoded(**it)) {
        for importance in [None, Some(&x[..])] {
            let mut bytes = vec![0; format.row_bytes(768).expect("whole blocks")];
            encode_rows(format, &x, 768, importance, &mut bytes);
        }
    }
}

/// T6: a file may have numbers of blocks as no model has.
#[test]
fn t6_absurd_numbers_of_blocks_are_no_panic() {
    let mut file = Writer::new();
    file.set("general.architecture", Value::String("llama".to_owned()));
    file.set("llama.block_count", Value::Array(crate::Array::U64(vec![u64::MAX])));
    let (name, zeros) =
        (format!("blk.{}.ffn_down.weight", u64::MAX), Format::F32.encode(&[0.0; 512]));
    file.tensor(name, Format::F32, &[2, 256], zeros);
    let file = ModelFile::from_bytes("m", Bytes::new(file.to_bytes()), &[]).unwrap();
    let made = Conversion::new(&file, Some(Mix::Q4_K_M), None).unwrap();
    assert_eq!(made.items.len(), 1);
}

/// An infinite scale would make no number of each weight beside it.
#[test]
fn weights_that_no_scale_holds_are_refused() {
    let encoded = |mix: Mix, largest: f32| {
        let mut numbers = vec![0.0; 512];
        (numbers[3], numbers[200]) = (largest, -1.0);
        let mut file = Writer::new();
        file.set("general.architecture", Value::String("llama".to_owned()));
        let bytes = Format::F32.encode(&numbers);
        file.tensor("blk.0.ffn_up.weight", Format::F32, &[2, 256], bytes);
        let file = ModelFile::from_bytes("m", Bytes::new(file.to_bytes()), &[]).unwrap();
        let made = Conversion::new(&file, Some(mix), None).unwrap();
        let mut bytes = Vec::new();
        let done = made.items[0].encode(0..1, &mut bytes);
        done.map(|()| decoded(made.items[0].format, &bytes, 256)[3])
    };
    for &mix in Mix::ALL {
        let has_no_f16 = matches!(mix, Mix::F32 | Mix::BF16 | Mix::MXFP4);
        for (x, is_held) in [(1e4, true), (1e5, mix != Mix::F16), (1e9, has_no_f16)] {
            match encoded(mix, x) {
                Ok(y) => assert!(is_held && (y - x).abs() <= 0.21 * x, "{mix}: {x} became {y}"),
                Err(crate::Error::Weight { found, .. }) => assert!(!is_held && found == x, "{mix}"),
                Err(other) => panic!("{mix}: {other}"),
            }
        }
    }
}

/// Where a column counts for more, less of it is lost.
#[test]
fn important_columns_keep_more() {
    let x = weights(16 * COLS);
    let importance: Vec<f32> = (0..COLS).map(|i| if i % 8 == 3 { 100.0 } else { 1.0 }).collect();
    let lost = |format: Format, importance| -> f64 {
        let mut bytes = vec![0; 16 * format.row_bytes(COLS).expect("whole blocks")];
        encode_rows(format, &x, COLS, importance, &mut bytes);
        let y = decoded(format, &bytes, x.len());
        let off = x.iter().zip(&y).enumerate().filter(|(i, _)| i % 8 == 3);
        off.map(|(_, (x, y))| f64::from(x - y).powi(2)).sum()
    };
    let searched = [Format::Q4_0, Format::Q4_1, Format::Q5_0, Format::Q5_1, Format::IQ4_NL];
    let nested = [Format::Q2_K, Format::Q3_K, Format::Q4_K, Format::Q5_K, Format::Q6_K];
    for format in searched.into_iter().chain(nested).chain([Format::IQ4_XS]) {
        let (with, without) = (lost(format, Some(&importance)), lost(format, None));
        assert!(with < 0.98 * without, "{format:?}: {with} of {without}");
    }
}

/// What stands beside weights of NVFP4 becomes part of them where they get another format.
#[test]
fn scales_beside_weights_become_part_of_them() {
    let numbers: Vec<f32> = (0..256).map(|i| (i % 7) as f32 - 3.0).collect();
    let mut file = Writer::new();
    let put = |file: &mut Writer, name: &str, shape: &[usize], numbers: &[f32]| {
        let format = if name.ends_with("scale") { Format::F32 } else { Format::NVFP4 };
        file.tensor(name, format, shape, format.encode(numbers));
    };
    file.set("general.architecture", Value::String("llama".to_owned()));
    put(&mut file, "blk.0.ffn_up.weight", &[2, 64], &numbers[..128]);
    put(&mut file, "blk.0.ffn_up.scale", &[1], &[0.25]);
    put(&mut file, "blk.0.ffn_up.input_scale", &[1], &[7.0]);
    put(&mut file, "blk.0.ffn_up_exps.weight", &[2, 2, 64], &numbers);
    put(&mut file, "blk.0.ffn_up_exps.scale", &[2], &[0.5, 2.0]);
    let file = ModelFile::from_bytes("m", Bytes::new(file.to_bytes()), &[]).unwrap();
    let kept = Conversion::new(&file, None, None).unwrap();
    assert_eq!(kept.items.len(), 5, "nothing is encoded anew");
    let made = Conversion::new(&file, Some(Mix::F32), None).unwrap();
    let names: Vec<_> = made.items.iter().map(|it| it.name).collect();
    assert_eq!(names, ["blk.0.ffn_up.weight", "blk.0.ffn_up_exps.weight"]);
    for (item, scales) in made.items.iter().zip([&[0.25][..], &[0.5, 2.0]]) {
        let mut bytes = Vec::new();
        item.encode(0..item.rows(), &mut bytes).unwrap();
        let found = decoded(Format::F32, &bytes, item.rows() * 64);
        let stored = file.tensors[item.name].numbers();
        let expected = stored.iter().enumerate().map(|(i, it)| it * scales[i / 128]);
        assert_eq!(found, expected.collect::<Vec<_>>(), "{}", item.name);
    }
    let in_memory = made.in_memory(|item| -> Result<Vec<u8>, crate::Error> {
        let mut bytes = Vec::new();
        item.encode(0..item.rows(), &mut bytes)?;
        Ok(bytes)
    });
    assert_eq!(in_memory.unwrap().tensors.into_keys().collect::<Vec<_>>(), names);
}

/// What is no scale is not decoded: that would take many times the bytes that a hostile file has.
#[test]
fn a_scale_of_another_size_is_left_alone() {
    let [name, scale] = ["blk.0.ffn_up.weight", "blk.0.ffn_up.scale"];
    let mut file = Writer::new();
    file.set("general.architecture", Value::String("llama".to_owned()));
    file.tensor(name, Format::NVFP4, &[1, 64], Format::NVFP4.encode(&[1.0; 64]));
    file.tensor(scale, Format::Q4_0, &[2, 64], Format::Q4_0.encode(&[1.0; 128]));
    let mut file = ModelFile::from_bytes("m", Bytes::new(file.to_bytes()), &[]).unwrap();
    // Whoever decodes it fails.
    file.tensors.get_mut(scale).unwrap().parts.clear();
    let made = Conversion::new(&file, Some(Mix::F32), None).unwrap();
    let mut bytes = Vec::new();
    let item = made.items.iter().find(|it| it.name == name).unwrap();
    item.encode(0..1, &mut bytes).unwrap();
    assert_eq!(decoded(item.format, &bytes, 64), file.tensors[name].numbers());
}
