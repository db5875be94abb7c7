//! The same products by AMX: the integers of a run, sixteen weight rows by sixteen rows of
//! activations, are one instruction.
//!
//! | tile  | rows × bytes    | holds                                                              |
//! |-------|-----------------|--------------------------------------------------------------------|
//! | 0 ‥ 3 | 16 × 64         | products: a row of activations a row, a weight row a lane          |
//! | 4     | 16 × `RUN`      | activations, signed                                                |
//! | 5     | `RUN / 4` × 64  | weights, signed: the lines of a run as `panel` has them            |
//!
//! Products leave their tile by way of memory. Of four runs at a time, one is multiplied, one stored and
//! one added, so that none of these waits for another.
//!
//! Stable Rust has no intrinsics for tiles, hence the assembly. A signal's frame takes in the tiles, so that
//! little is left for a handler of the stack that std gives to it; that of lost pages, which the test below
//! calls, needs no more.

use core::arch::{asm, x86_64::*};
use std::{marker::PhantomData, sync::LazyLock};

use super::{Integers, Packed, Scaled, load_line, stored};
use crate::cpu::{
    quantise::Q8Block,
    wide::{Line, ROWS, SeePanel},
};

/// Runs between one that is multiplied and one that is stored, and between that one and one that is added.
const APART: usize = 2;

/// Blocks of a row that are laid beside those of others before the next row is: these are read as they
/// lie, and what is written of all rows stays in the first cache meanwhile.
const AT_ONCE: usize = 16;

/// Whether this processor has tiles of bytes, and the system lets this process use them.
pub(in crate::cpu) fn are_available() -> bool {
    static AVAILABLE: LazyLock<bool> = LazyLock::new(|| has_tiles() && may_use_tiles());
    *AVAILABLE
}

/// AMX-TILE and AMX-INT8, and a system that keeps tiles when threads change.
fn has_tiles() -> bool {
    const TILES_OF_BYTES: u32 = 1 << 24 | 1 << 25;
    const KEPT: u64 = 1 << 17 | 1 << 18;
    // The features that `xgetbv` needs come with AVX.
    is_x86_feature_detected!("avx512f")
        && __cpuid(0).eax >= 7
        && __cpuid_count(7, 0).edx & TILES_OF_BYTES == TILES_OF_BYTES
        && kept_registers() & KEPT == KEPT
}

/// The registers that the system keeps when threads change, a bit a kind.
fn kept_registers() -> u64 {
    // SAFETY: a processor on which AVX-512 was detected has `xgetbv`, and a system that uses it.
    unsafe { _xgetbv(0) }
}

/// Asks Linux, which gives tiles only to processes that ask, for as long as these live.
#[cfg(target_os = "linux")]
fn may_use_tiles() -> bool {
    const ARCH_REQ_XCOMP_PERM: libc::c_ulong = 0x1023;
    const XFEATURE_XTILEDATA: libc::c_ulong = 18;
    // SAFETY: this call touches no memory of the process.
    unsafe { libc::syscall(libc::SYS_arch_prctl, ARCH_REQ_XCOMP_PERM, XFEATURE_XTILEDATA) == 0 }
}

/// Other systems are not asked yet.
#[cfg(not(target_os = "linux"))]
fn may_use_tiles() -> bool {
    false
}

/// How large each tile is, as `ldtilecfg` reads it.
#[repr(C, align(64))]
struct Sizes {
    palette: u8,
    start_row: u8,
    reserved: [u8; 14],
    bytes_of_row: [u16; 16],
    rows: [u8; 16],
}

impl Sizes {
    const fn of_run(run: usize) -> Self {
        assert!(run == 16 || run == 32, "16 rows of at most 64 bytes");
        let (mut bytes_of_row, mut rows) = ([0; 16], [0; 16]);
        [bytes_of_row[0], bytes_of_row[1], bytes_of_row[2], bytes_of_row[3]] = [64; 4];
        [rows[0], rows[1], rows[2], rows[3]] = [16; 4];
        (bytes_of_row[4], rows[4]) = (run as u16, 16);
        (bytes_of_row[5], rows[5]) = (64, run as u8 / 4);
        Self { palette: 1, start_row: 0, reserved: [0; 14], bytes_of_row, rows }
    }
}

/// The tiles of a thread, set up for runs of so many weights.
struct Tiles<const RUN: usize>(PhantomData<*const ()>);

impl<const RUN: usize> Tiles<RUN> {
    const SIZES: &Sizes = &Sizes::of_run(RUN);

    /// # Safety
    ///
    /// Tiles are available.
    #[inline]
    unsafe fn set_up() -> Self {
        // SAFETY: tiles are available, and `Sizes` are valid.
        unsafe {
            asm!(
                "ldtilecfg [{}]", in(reg) Self::SIZES,
                out("tmm0") _, out("tmm1") _, out("tmm2") _, out("tmm3") _, out("tmm4") _, out("tmm5") _,
                options(nostack, readonly, preserves_flags),
            );
        };
        Self(PhantomData)
    }

    /// Multiplies each row of activations with each weight row.
    #[inline]
    fn multiply(&mut self, run: usize, x: &[Line], weights: &[Line]) {
        assert!(x.len() == RUN / 4 && weights.len() == RUN / 4, "the lines of a run");
        macro_rules! multiply {
            ($tile:tt) => {
                // SAFETY: the tiles are set up, for 16 rows of `RUN` bytes of `x` and `RUN / 4` lines of
                // weights, which is how long both are.
                unsafe {
                    asm!(
                        concat!("tilezero ", $tile),
                        "tileloadd tmm4, [{x} + {run}]",
                        "tileloadd tmm5, [{weights} + {line}]",
                        concat!("tdpbssd ", $tile, ", tmm4, tmm5"),
                        x = in(reg) x.as_ptr(),
                        run = in(reg) RUN,
                        weights = in(reg) weights.as_ptr(),
                        line = in(reg) size_of::<Line>(),
                        out($tile) _, out("tmm4") _, out("tmm5") _,
                        options(nostack, readonly, preserves_flags),
                    );
                }
            };
        }
        match run % 4 {
            0 => multiply!("tmm0"),
            1 => multiply!("tmm1"),
            2 => multiply!("tmm2"),
            _ => multiply!("tmm3"),
        }
    }

    /// `products[n][r]`: of row `n` of activations with weight row `r`, of a run that was multiplied not
    /// more than three runs ago.
    #[inline]
    fn store(&self, run: usize, products: &mut [Line; ROWS]) {
        macro_rules! store {
            ($tile:literal) => {
                // SAFETY: the tiles are set up, and these are 16 rows of 64 bytes.
                unsafe {
                    asm!(
                        concat!("tilestored [{products} + {line}], ", $tile),
                        products = in(reg) products.as_mut_ptr(),
                        line = in(reg) size_of::<Line>(),
                        options(nostack, preserves_flags),
                    );
                }
            };
        }
        match run % 4 {
            0 => store!("tmm0"),
            1 => store!("tmm1"),
            2 => store!("tmm2"),
            _ => store!("tmm3"),
        }
    }
}

impl<const RUN: usize> Drop for Tiles<RUN> {
    #[inline]
    fn drop(&mut self) {
        // SAFETY: the tiles are set up. Empty ones cost nothing when threads change.
        unsafe { asm!("tilerelease", options(nomem, nostack, preserves_flags)) };
    }
}

impl<
    const TILES: bool,
    const BYTES: usize,
    const RUN: usize,
    const RUNS: usize,
    const MINS: bool,
    I: Integers<BYTES>,
    S: Scaled<BYTES, RUNS>,
> Packed<TILES, BYTES, RUN, RUNS, MINS, I, S>
{
    /// Lines of a run of sixteen rows of activations.
    const GATHERED: usize = RUN / 4 + if MINS { 2 } else { 1 };

    /// Lines that sixteen rows of so many activations take.
    pub(in crate::cpu) fn gathered(&self, cols: usize) -> usize {
        cols / RUN * Self::GATHERED
    }

    /// Lays rows of activations beside each other. Of each run:
    ///
    /// ```text
    /// line 0 ‥ 3 or 7    the integers of each row
    /// then               16 scales, and for minimums 16 sums
    /// ```
    #[inline]
    #[target_feature(enable = "avx2,fma,f16c,avx512f,avx512bw,avx512vl,avx512dq,avx512vnni")]
    pub(in crate::cpu) fn gather(&self, x: [&[Q8Block]; ROWS], gathered: &mut [Line]) {
        let lines_of_block = 32 / RUN * Self::GATHERED;
        let blocks = gathered.len() / lines_of_block;
        for (c, some) in gathered.chunks_mut(AT_ONCE * lines_of_block).enumerate() {
            for (n, x) in x.iter().enumerate() {
                let x = &x[..blocks][c * AT_ONCE..];
                for (lines, x) in some.chunks_exact_mut(lines_of_block).zip(x) {
                    for (j, run) in lines.chunks_exact_mut(Self::GATHERED).enumerate() {
                        Self::gather_run(x, j, run, n);
                    }
                }
            }
        }
    }

    /// Lays run `j` of a block of row `n` to those of other rows.
    #[inline]
    #[target_feature(enable = "avx2,fma,f16c,avx512f,avx512bw,avx512vl,avx512dq,avx512vnni")]
    fn gather_run(x: &Q8Block, j: usize, run: &mut [Line], n: usize) {
        let (integers, rest) = run.split_at_mut(RUN / 4);
        let (line, at) = (n * RUN / 64, n * RUN % 64);
        let bytes = integers[line].0[at..at + RUN].iter_mut();
        bytes.zip(&x.qs[j * RUN..][..RUN]).for_each(|(to, q)| *to = q.cast_unsigned());
        rest[0].0[4 * n..][..4].copy_from_slice(&x.d.to_le_bytes());
        if MINS {
            rest[1].0[4 * n..][..4].copy_from_slice(&x.sum_of_run::<RUN>(j).to_le_bytes());
        }
    }

    /// Shows of each panel `sum(rows[r][i] * x[n][i])` for each `n` of the gathered rows.
    ///
    /// # Safety
    ///
    /// Tiles are available.
    #[inline]
    #[target_feature(enable = "avx2,fma,f16c,avx512f,avx512bw,avx512vl,avx512dq,avx512vnni")]
    pub(in crate::cpu) unsafe fn multiply_tiles(
        &self,
        panels: &[Line],
        x: &[Line],
        see: SeePanel<'_>,
    ) {
        let runs = x.len() / Self::GATHERED;
        let x = |run: usize| x[run * Self::GATHERED..][..Self::GATHERED].split_at(RUN / 4);
        let mut products = [[Line::ZERO; ROWS]; 4];
        // SAFETY: tiles are available, says the caller.
        let mut tiles = unsafe { Tiles::<RUN>::set_up() };
        for (g, panel) in panels.chunks_exact(runs * Self::LINES).enumerate() {
            let weights = |run: usize| panel[run * Self::LINES..][..Self::LINES].split_at(RUN / 4);
            let mut sums = [_mm512_setzero_ps(); ROWS];
            for i in 0..runs + 2 * APART {
                if i < runs {
                    tiles.multiply(i, x(i).0, weights(i).0);
                }
                if (APART..runs + APART).contains(&i) {
                    tiles.store(i - APART, &mut products[(i - APART) % 4]);
                }
                if let Some(run) = i.checked_sub(2 * APART) {
                    add::<MINS>(&products[run % 4], weights(run).1, x(run).1, &mut sums);
                }
            }
            let mut out = [[0.0; ROWS]; ROWS];
            for n in 0..ROWS {
                out[n] = stored(sums[n]);
            }
            see(g, &out);
        }
    }
}

/// Adds the products of a run to the sums of all: `weights` and `x` are what follows its integers.
#[inline]
#[target_feature(enable = "avx2,fma,f16c,avx512f,avx512bw,avx512vl,avx512dq,avx512vnni")]
fn add<const MINS: bool>(
    products: &[Line; ROWS],
    weights: &[Line],
    x: &[Line],
    sums: &mut [__m512; ROWS],
) {
    let scale = _mm512_castsi512_ps(load_line(&weights[0]));
    for n in 0..ROWS {
        let product = _mm512_cvtepi32_ps(load_line(&products[n]));
        let d = _mm512_castsi512_ps(_mm512_set1_epi32(word(&x[0], n)));
        sums[n] = _mm512_fmadd_ps(product, _mm512_mul_ps(scale, d), sums[n]);
        if MINS {
            let min = _mm512_castsi512_ps(load_line(&weights[1]));
            let sum = _mm512_castsi512_ps(_mm512_set1_epi32(word(&x[1], n)));
            sums[n] = _mm512_fnmadd_ps(min, sum, sums[n]);
        }
    }
}

/// Word `n` of a line.
#[inline]
fn word(line: &Line, n: usize) -> i32 {
    i32::from_le_bytes(line.0.as_chunks().0[n])
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use std::{fs::File, thread};

    use loader::Mapping;

    use super::*;

    #[test]
    fn a_thread_that_uses_tiles_survives_a_page_that_its_file_lost() {
        if !are_available() {
            return;
        }
        let file = tempfile::NamedTempFile::new().unwrap();
        file.as_file().set_len(1 << 14).unwrap();
        let mapping = Mapping::open(file.path()).unwrap();
        File::options().write(true).open(file.path()).unwrap().set_len(0).unwrap();
        let lost = mapping.clone();
        let products = thread::spawn(move || {
            let mut products = [Line([0xaa; 64]); ROWS];
            // SAFETY: tiles are available, as was asked above.
            let mut tiles = unsafe { Tiles::<32>::set_up() };
            tiles.multiply(0, &[Line([3; 64]); 8], &[Line([2; 64]); 8]);
            assert_eq!(lost.as_ref()[1 << 13], 0);
            tiles.store(0, &mut products);
            products
        });
        // The signal came in between, and tiles are as they were.
        let expected = (32_i32 * 3 * 2).to_le_bytes();
        let products = products.join().unwrap();
        assert!(products.iter().all(|it| it.0.as_chunks().0.iter().all(|it| *it == expected)));
        assert!(mapping.check().is_err(), "no page was lost");
    }
}
