//! What each setting that `/set` takes is now, and how it is forgotten.

use engine::sample::{Sampling, Stage};

use crate::args::{Lookup, Predict, Settings};

/// Prints a setting, of these settings and of what they come to with what the model recommends.
type Show = fn(&Settings, &Sampling) -> String;

/// Takes back what was said about a setting.
type Forget = fn(&mut Settings);

struct Value {
    name: &'static str,
    show: Show,
    forget: Forget,
}

const fn value(name: &'static str, show: Show, forget: Forget) -> Value {
    Value { name, show, forget }
}

const VALUES: &[Value] = &[
    value("predict", |it, _| predict(it.chat.predict), |it| it.chat.predict = None),
    value("stop", |it, _| texts(&it.chat.stop), |it| it.chat.stop.clear()),
    value("hide-thinking", |it, _| on(it.chat.hide_thinking), |it| it.chat.hide_thinking = None),
    value("context-shift", |it, _| on(it.chat.context_shift), |it| it.chat.context_shift = None),
    value("lookup", |it, _| ahead(it.chat.lookup), |it| it.chat.lookup = None),
    value("draft-max", |it, _| ahead(it.chat.draft_max), |it| it.chat.draft_max = None),
    value("temp", |_, s| s.temperature.to_string(), |it| it.sampling.temp = None),
    value("top-k", |_, s| s.top_k.to_string(), |it| it.sampling.top_k = None),
    value("top-p", |_, s| s.top_p.to_string(), |it| it.sampling.top_p = None),
    value("min-p", |_, s| s.min_p.to_string(), |it| it.sampling.min_p = None),
    value("typical", |_, s| s.typical_p.to_string(), |it| it.sampling.typical = None),
    value("top-nsigma", |_, s| s.top_n_sigma.to_string(), |it| it.sampling.top_nsigma = None),
    value(
        "repeat-penalty",
        |_, s| s.penalties.repeat.to_string(),
        |it| it.sampling.repeat_penalty = None,
    ),
    value(
        "repeat-last-n",
        |_, s| last_n(s.penalties.last_n),
        |it| it.sampling.repeat_last_n = None,
    ),
    value(
        "presence-penalty",
        |_, s| s.penalties.presence.to_string(),
        |it| it.sampling.presence_penalty = None,
    ),
    value(
        "frequency-penalty",
        |_, s| s.penalties.frequency.to_string(),
        |it| it.sampling.frequency_penalty = None,
    ),
    value(
        "dry-multiplier",
        |_, s| s.dry.multiplier.to_string(),
        |it| it.sampling.dry_multiplier = None,
    ),
    value("dry-base", |_, s| s.dry.base.to_string(), |it| it.sampling.dry_base = None),
    value(
        "dry-allowed-length",
        |_, s| s.dry.allowed_length.to_string(),
        |it| it.sampling.dry_allowed_length = None,
    ),
    value(
        "dry-penalty-last-n",
        |_, s| last_n(s.dry.last_n),
        |it| it.sampling.dry_penalty_last_n = None,
    ),
    value(
        "dry-sequence-breaker",
        |_, s| texts(&s.dry.breakers),
        |it| it.sampling.dry_sequence_breaker.clear(),
    ),
    value(
        "xtc-probability",
        |_, s| s.xtc.probability.to_string(),
        |it| it.sampling.xtc_probability = None,
    ),
    value(
        "xtc-threshold",
        |_, s| s.xtc.threshold.to_string(),
        |it| it.sampling.xtc_threshold = None,
    ),
    value("logit-bias", |_, s| biases(&s.logit_bias), |it| it.sampling.logit_bias.clear()),
    value("samplers", |_, s| stages(&s.order), |it| it.sampling.samplers.clear()),
    value("seed", |it, _| seed(it.sampling.seed), |it| it.sampling.seed = None),
];

/// What the setting of this name is now.
pub(super) fn show(name: &str, settings: &Settings, sampling: &Sampling) -> String {
    find(name).map(|it| (it.show)(settings, sampling)).unwrap_or_default()
}

/// Takes back what was said about the setting of this name: the model's value holds, or Ingle's.
pub(super) fn forget(name: &str, settings: &mut Settings) {
    if let Some(it) = find(name) {
        (it.forget)(settings);
    }
}

fn find(name: &str) -> Option<&'static Value> {
    VALUES.iter().find(|it| it.name == name)
}

fn on(switch: Option<bool>) -> String {
    if switch == Some(true) { "on".to_owned() } else { "off".to_owned() }
}

fn predict(it: Option<Predict>) -> String {
    it.unwrap_or(Predict::NoLimit).to_string()
}

fn ahead(it: Option<Lookup>) -> String {
    it.unwrap_or(Lookup::MOST).to_string()
}

fn last_n(it: Option<usize>) -> String {
    it.map_or_else(|| "-1".to_owned(), |n| n.to_string())
}

fn seed(it: Option<u64>) -> String {
    it.map_or_else(|| "another each time".to_owned(), |n| n.to_string())
}

fn stages(all: &[Stage]) -> String {
    all.iter().map(|it| it.name()).collect::<Vec<_>>().join("; ")
}

fn texts(all: &[String]) -> String {
    listed(all.iter().map(|it| format!("{it:?}")).collect())
}

fn biases(all: &[(u32, f32)]) -> String {
    listed(all.iter().map(|(token, bias)| format!("{token}{bias:+}")).collect())
}

fn listed(all: Vec<String>) -> String {
    if all.is_empty() { "none".to_owned() } else { all.join(", ") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_forgotten_is_the_models_again() {
        let mut settings = Settings::default();
        settings.chat.stop = vec!["END".to_owned(), "\n".to_owned()];
        settings.sampling.temp = Some(0.2);
        settings.sampling.logit_bias = vec!["7-inf".parse().expect("a bias")];
        let now = |settings: &Settings, name: &str| {
            let metadata = loader::Metadata::default();
            let sampling = settings.sampling.over(&metadata).expect("nothing is recommended");
            show(name, settings, &sampling)
        };
        let all = [
            ("stop", "\"END\", \"\\n\"", "none"),
            ("temp", "0.2", "0.8"),
            ("logit-bias", "7-inf", "none"),
            ("predict", "-1", "-1"),
            ("seed", "another each time", "another each time"),
            ("repeat-last-n", "64", "64"),
        ];
        for (name, before, after) in all {
            assert_eq!(now(&settings, name), before, "{name}");
            forget(name, &mut settings);
            assert_eq!(now(&settings, name), after, "{name}");
        }
    }
}
