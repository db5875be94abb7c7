//! What a token would have read of all layers, beside what it read of those that are there.

use engine::arch::Config;
use kernels::Span;

use super::super::{
    measure::{Sample, Test},
    roofline::EXPERTS,
};
use crate::shape::Planned;

/// Bytes of a number of a key or value, as backends prefer to keep it.
const KEPT: usize = 2;

/// What stands outside of the layers and is read once for each of a prompt's tokens, as they are.
const OUTSIDE: &[&str] = &["altup_proj.weight", "per_layer_model_proj.weight"];

/// Bytes that are read for a token.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(in crate::commands::bench) struct Scale {
    /// Of the head, once for all tokens of a prompt.
    head: f64,
    /// Of all layers.
    all: f64,
    /// Of those that are there.
    measured: f64,
    /// Of keys and values, for each place before: of all layers that see all of them.
    place: f64,
    /// Of those that are there.
    place_measured: f64,
}

impl Scale {
    /// Of all tensors and those that were made, of these layers.
    pub(super) fn of(
        [all, made]: [&[Planned]; 2],
        layers: &[usize],
        used_share: f64,
        config: &Config,
    ) -> Self {
        let has = |name: &str| all.iter().any(|it| it.name == name);
        let head = if has("output.weight") { "output.weight" } else { "token_embd.weight" };
        let of_head = |it: &Planned| it.name == head || it.name == "altup_unembd_proj.weight";
        let of_layers = |it: &Planned| it.layer().is_some() || OUTSIDE.contains(&it.name.as_str());
        let read = |tensors: &[Planned], is: &dyn Fn(&Planned) -> bool| {
            let share = |it: &Planned| if it.name.contains(EXPERTS) { used_share } else { 1.0 };
            let those = tensors.iter().filter(|it| is(it));
            those.map(|it| it.bytes() as f64 * share(it)).sum::<f64>()
        };
        // Windows do not grow with the depth, and are small beside it.
        let seen = config.layers.iter().zip(&config.spans).enumerate();
        let seen = seen.filter(|(_, (_, span))| **span == Span::Full);
        let seen = seen.map(|(nth, (layer, _))| {
            (nth, (layer.n_kv_heads * (layer.head_dim + layer.v_dim) * KEPT) as f64)
        });
        let seen: Vec<(usize, f64)> = seen.collect();
        let measured = seen.iter().filter(|it| layers.contains(&it.0));
        Self {
            place: seen.iter().map(|it| it.1).sum(),
            place_measured: measured.map(|it| it.1).sum(),
            head: read(all, &of_head),
            all: read(all, &of_layers),
            measured: read(made, &of_layers),
        }
    }

    /// What was measured, as if all layers had been there.
    pub(in crate::commands::bench) fn whole(self, test: Test, sample: Sample) -> Sample {
        let factor = self.factor_of(test);
        let (time, joules) = (sample.time.mul_f64(factor), sample.joules.map(|it| it * factor));
        Sample { time, joules, per_second: sample.per_second / factor, ..sample }
    }

    /// The same of speeds.
    pub(in crate::commands::bench) fn whole_speeds(self, test: Test, all: &[f64]) -> Vec<f64> {
        all.iter().map(|it| it / self.factor_of(test)).collect()
    }

    /// Bytes of weights that a generated token reads, of all layers.
    pub(in crate::commands::bench) fn bytes_a_token(self) -> u64 {
        (self.head + self.all) as u64
    }

    fn factor_of(self, test: Test) -> f64 {
        // The middle one of its rows stands for all.
        match test {
            Test::Prompt { n, depth } => self.factor(n, depth + n / 2),
            // A step reads the places of all sequences, and weights once.
            Test::Generate { n, depth, sequences } => self.factor(1, sequences * (depth + n / 2)),
            Test::Text { n } | Test::Drafted { n } => self.factor(1, n / 2),
        }
    }

    /// The time with all layers is so many times what was measured, of a step of so many rows after
    /// so many places.
    fn factor(self, rows: usize, past: usize) -> f64 {
        let (head, past) = (self.head / rows.max(1) as f64, past as f64);
        let all = head + self.all + past * self.place;
        all / (head + self.measured + past * self.place_measured)
    }
}

#[cfg(test)]
mod tests {
    use loader::quantise::Mix;

    use super::{
        super::{
            super::fixture::sample,
            bytes, bytes_of,
            fixture::{LLAMA, MIXTURE, STREAMS, mould},
            layers::kept,
        },
        *,
    };

    /// With half of the layers, a token takes twice the time but for the head, which a prompt of many
    /// tokens does not notice.
    #[test]
    fn times_are_scaled_by_what_is_read() {
        let (head, all, measured) = (100.0, 200.0, 100.0);
        let scale = Scale { head, all, measured, place: 4.0, place_measured: 2.0 };
        assert_eq!(scale.factor(1, 0), 1.5);
        assert!((scale.factor(1000, 0) - 2.0).abs() < 1e-3);
        // What a token sees grows beyond the head.
        assert_eq!(scale.factor(1, 50), 500.0 / 300.0);
        assert!((scale.factor(1, 1_000_000) - 2.0).abs() < 1e-3);
        let of = |sequences| scale.factor_of(Test::Generate { n: 20, depth: 40, sequences });
        assert_eq!((of(1), of(4)), (scale.factor(1, 50), scale.factor(1, 200)));
        let mould = mould(LLAMA, Mix::F16);
        let half = bytes_of(&mould.tensors, &[0, 1, 2], 6);
        let made = mould.make_within(half, 1, &[]).expect("half of it fits");
        assert_eq!(made.made.note(), ", scaled from 3 of 6 layers");
        assert_eq!(made.made.part(), ", with 3 of 6 layers");
        let sample = Sample { joules: Some(1.0), ..sample(512.0) };
        let whole = made.scale.whole(Test::Prompt { n: 512, depth: 0 }, sample);
        assert!((1.99..2.0).contains(&whole.time.as_secs_f64()), "{whole:?}");
        assert!((256.0..257.5).contains(&whole.per_second), "{whole:?}");
        assert!(whole.joules.is_some_and(|it| (1.99..2.0).contains(&it)), "{whole:?}");
    }

    #[test]
    fn experts_count_as_often_as_they_are_used() {
        let mould = mould(MIXTURE, Mix::F16);
        assert_eq!(mould.used_share(), 0.25);
        let all: &[Planned] = &mould.tensors;
        let scale = Scale::of([all, all], &[0, 1, 2, 3], 0.25, mould.shape.config());
        let of_layers: Vec<_> = all.iter().filter(|it| it.layer().is_some()).cloned().collect();
        let experts: Vec<_> = all.iter().filter(|it| it.name.contains(EXPERTS)).cloned().collect();
        let (layers, experts) = (bytes(&of_layers), bytes(&experts));
        assert_eq!(scale.all, (layers - experts) as f64 + experts as f64 / 4.0);
        assert_eq!(scale.all, scale.measured);
        // Two heads of 32 and 32 in each of four layers.
        assert_eq!((scale.place, scale.place_measured), (1024.0, 1024.0));
    }

    /// Of the layers' own inputs a token reads a row, and of what makes them a share for each layer.
    #[test]
    fn what_stands_beside_the_layers_counts_with_them() {
        let mould = mould(STREAMS, Mix::F16);
        let (all, layers) = (mould.read(), [1, 2]);
        let made = kept(&all, &layers, 6);
        let scale = Scale::of([&all, &made], &layers, 1.0, mould.shape.config());
        let of = |tensors: &[Planned], part: &str| {
            let those = tensors.iter().filter(|it| it.name.contains(part));
            those.map(Planned::bytes).sum::<u64>() as f64
        };
        let [blocks, altup, model] =
            ["blk.", "altup_proj.", "per_layer_model_proj."].map(|it| of(&all, it));
        assert!(blocks > 0.0 && altup > 0.0 && model > 0.0);
        assert_eq!(scale.all, blocks + altup + model);
        assert_eq!(scale.measured, of(&made, "blk.") + altup + model / 3.0);
        let [tokens, streams] = ["token_embd.weight", "altup_unembd_proj."].map(|it| of(&all, it));
        assert_eq!(scale.head, tokens - of(&all, "per_layer_token_embd.") + streams);
    }
}
