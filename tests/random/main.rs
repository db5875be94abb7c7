//! Every architecture at sizes that no golden model has, with random weights: all backends compute
//! the same, and tokens one by one, in chunks and beside others give what the whole prompt gives.
//!
//! What is drawn is in `families`, what families have in common in `parts`; `weights` makes the
//! model, `run` runs it. A case that fails prints its architecture, its seed and what was drawn;
//! `INGLE_SEED=7` draws that seed alone.

mod draw;
mod families;
mod gemma;
mod parts;
mod plans;
mod run;
mod weights;

use std::{
    env,
    sync::{Mutex, PoisonError},
    thread,
};

use draw::Draw;
use engine::arch;

/// Configurations of each architecture.
const SEEDS: u64 = 16;

/// Threads that share the cases.
const THREADS: usize = 2;

#[test]
fn random_models_compute_the_same_however_they_are_run() {
    let seeds = match env::var("INGLE_SEED") {
        Ok(seed) => vec![seed.parse().expect("INGLE_SEED is a whole number")],
        Err(_) => (0..SEEDS).collect(),
    };
    let of_seed = |seed| arch::supported().map(move |architecture| (architecture, seed));
    let cases = Mutex::new(seeds.into_iter().flat_map(of_seed).collect::<Vec<_>>());
    let next = || cases.lock().unwrap_or_else(PoisonError::into_inner).pop();
    thread::scope(|scope| {
        for _ in 0..THREADS {
            scope.spawn(|| {
                while let Some((architecture, seed)) = next() {
                    check(architecture, seed);
                }
            });
        }
    });
}

fn check(architecture: &'static str, seed: u64) {
    let mut case = Case { draw: Draw::new(architecture, seed), seed };
    families::draw(&mut case.draw);
    let file = weights::model(&mut case.draw);
    run::check(&file, &mut case.draw.rng);
}

/// Says what was drawn if the thread panics while it is there, wherever that is.
struct Case {
    draw: Draw,
    seed: u64,
}

impl Drop for Case {
    fn drop(&mut self) {
        if thread::panicking() {
            eprintln!("`{}`, INGLE_SEED={}\n{}", self.draw.architecture, self.seed, self.draw);
        }
    }
}
