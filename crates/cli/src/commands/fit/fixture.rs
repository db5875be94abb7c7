//! Verdicts made by hand, for tests.

use std::sync::Arc;

use kernels::cpu::{Config, Cpu};

use super::{
    costs::Costs,
    found::Shorter,
    pace::{Bound, Foretold},
    verdict::{Fits, Verdict},
};
use crate::forecast::Seconds;

const GIB: u64 = 1 << 30;

/// What would compute, on so many threads.
pub(super) fn cpu(threads: usize) -> Arc<Cpu> {
    let config = Config { threads, ..Config::detect() };
    Arc::new(Cpu::new(config).expect("a few threads"))
}

/// A model that fits and is fast enough.
pub(super) fn good() -> Verdict {
    let token = Seconds { weights: 0.095, products: 0.0, attention: 0.001, rest: 0.004 };
    let prompt = Seconds { weights: 0.1, products: 2.1, attention: 0.2, rest: 0.1 };
    let (weights, cache, scratch) = (8 * GIB, GIB, GIB / 8);
    let costs = Costs { watts: Some(36.0), price: Some(0.3), api_price: Some(0.6), source: None };
    Verdict {
        name: "llama3.1:8b".to_owned(),
        architecture: Some("llama".to_owned()),
        parameters: Some(8_030_261_248),
        fits: Fits::Yes,
        quant: "Q8_0".to_owned(),
        exact: true,
        context: Some(8192),
        model_context: Some(131_072),
        weights: Some(weights),
        cache: Some(cache),
        cache_type: None,
        scratch: Some(scratch),
        total: Some(weights + cache + scratch),
        free: Some(16 * GIB),
        longest_context: Some(65_536),
        shorter: None,
        speed: Some(Foretold {
            pp512: 204.8,
            tg128: 10.0,
            tg_full: Some(8.0),
            token_weights: weights as f64,
            token_cache: cache as f64,
            token,
            prompt,
            weights_rate: 26e9,
            memory_rate: 27e9,
            bound: Bound::Memory,
        }),
        cost: costs.of(10.0),
        licence: Some("LicenseRef-Llama-3.1".to_owned()),
        terms: vec!["it may be used, but not for everything that somebody may think of".to_owned()],
        creator: Some("Meta".to_owned()),
        trouble: None,
    }
}

/// One that fits with a shorter context only.
pub(super) fn part() -> Verdict {
    let speed = good().speed.map(|it| Foretold { pp512: 51.2, tg128: 2.5, ..it });
    Verdict {
        name: "qwen3:32b".to_owned(),
        architecture: Some("qwen3".to_owned()),
        parameters: Some(32_762_123_264),
        fits: Fits::Part,
        quant: "Q3_K_M".to_owned(),
        context: Some(2048),
        longest_context: Some(2048),
        total: Some(15 * GIB + GIB / 2),
        speed,
        cost: None,
        licence: Some("Apache-2.0".to_owned()),
        creator: Some("Alibaba Cloud".to_owned()),
        ..good()
    }
}

/// One that does not fit, and of which little is known.
pub(super) fn none() -> Verdict {
    Verdict {
        name: "llama4:scout".to_owned(),
        architecture: Some("llama4".to_owned()),
        parameters: Some(109_000_000_000),
        fits: Fits::No,
        quant: "Q2_K".to_owned(),
        exact: false,
        context: None,
        model_context: None,
        weights: Some(40 * GIB),
        cache: None,
        scratch: None,
        total: None,
        longest_context: None,
        speed: None,
        cost: None,
        licence: Some("LicenseRef-Llama-4".to_owned()),
        terms: vec![],
        ..good()
    }
}

/// One that is slow, and fits as something larger with a shorter context.
pub(super) fn slow() -> Verdict {
    let held = |it| Foretold {
        bound: Bound::Kernels,
        tg128: 4.0,
        weights_rate: 9e9,
        token_cache: 0.0,
        ..it
    };
    let speed = good().speed.map(held);
    Verdict {
        name: "phi4:14b".to_owned(),
        parameters: Some(14_659_507_200),
        fits: Fits::Slow,
        quant: "Q6_K".to_owned(),
        shorter: Some(Shorter { quant: "Q8_0".to_owned(), context: 4096 }),
        speed,
        licence: Some("MIT".to_owned()),
        creator: Some("Microsoft".to_owned()),
        ..good()
    }
}
