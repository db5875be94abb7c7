//! What was measured and foretold, kept in a file of the home folder. Nothing of it is needed: a file
//! that cannot be read is as none, and says so.

use std::{collections::btree_map::Entry, fs, io::ErrorKind, path::PathBuf};

use chrono::{DateTime, TimeDelta, Utc};
use engine::Info;
use serde::{Deserialize, Serialize};
use store::Home;

use super::Work;
use crate::speed::Speed;

/// Of the file.
const VERSION: u32 = 3;

/// Older ones give way to more models than this.
const MOST: usize = 400;

/// What is kept.
#[derive(Debug)]
pub(crate) struct Kept {
    path: PathBuf,
    file: File,
    /// Why the file could not be read.
    pub(crate) broken: Option<String>,
}

#[derive(Debug, Default, Deserialize, Serialize)]
struct File {
    version: u32,
    /// The last of each processor and backend.
    speeds: Vec<Speed>,
    /// Newest last.
    foretold: Vec<Foretold>,
}

/// A model that something was foretold of.
#[derive(Debug, Deserialize, Serialize)]
struct Foretold {
    model: Model,
    work: Work,
}

/// Tells models apart as an engine sees them: whatever they are called, they do the same in a step.
#[derive(Debug, PartialEq, Eq, Deserialize, Serialize)]
struct Model {
    device: String,
    architecture: String,
    parameters: u64,
    weight_bytes: u64,
    /// Where keys and values are not kept as usual.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    cache: Option<String>,
}

impl Model {
    fn of(info: &Info) -> Self {
        Self {
            device: info.device.clone(),
            architecture: info.architecture.clone(),
            parameters: info.parameters,
            weight_bytes: info.weight_bytes,
            cache: info.cache_format.map(|it| it.to_string()),
        }
    }
}

impl Kept {
    /// What is kept in this home.
    pub(crate) fn read(home: &Home) -> Self {
        let path = home.speed();
        let (mut file, mut broken) = (File::default(), None);
        match fs::read(&path) {
            Err(error) if error.kind() == ErrorKind::NotFound => {}
            Err(error) => broken = Some(error.to_string()),
            Ok(bytes) => match parsed(&bytes) {
                Ok(read) => file = read,
                Err(why) => broken = Some(why),
            },
        }
        Self { file, broken: broken.map(|why| format!("`{}`: {why}", path.display())), path }
    }

    /// What was measured last of this processor and backend.
    pub(crate) fn speed(&self, processor: &str, device: &str) -> Option<&Speed> {
        self.file.speeds.iter().find(|it| is_of(it, processor, device))
    }

    /// Keeps `speed`, and of the one that it takes the place of the formats that it has not, with what
    /// was warned of then, unless that is too old to be told as one with it. What computing took then
    /// says nothing of now.
    pub(crate) fn take_in(&mut self, mut speed: Speed) {
        let speeds = &mut self.file.speeds;
        let before = speeds.iter().position(|it| is_of(it, &speed.processor, &speed.device));
        let before = before.map(|it| speeds.remove(it));
        if let Some(before) = before.filter(|it| is_within_a_day(it.oldest(), &speed.at)) {
            let oldest = before.oldest().to_owned();
            let mut is_used = false;
            for (name, rates) in before.formats {
                if let Entry::Vacant(place) = speed.formats.entry(name) {
                    place.insert(rates);
                    speed.oldest = Some(oldest.clone());
                    is_used = true;
                }
            }
            for warning in before.warnings.into_iter().filter(|_| is_used) {
                if !speed.warnings.contains(&warning) {
                    speed.warnings.push(warning);
                }
            }
        }
        speeds.push(speed);
    }

    /// Keeps that something was foretold of the model that would be like `info`.
    pub(crate) fn foretell(&mut self, info: &Info, work: &Work) {
        let model = Model::of(info);
        let foretold = &mut self.file.foretold;
        foretold.retain(|it| it.model != model);
        foretold.push(Foretold { model, work: work.clone() });
        let old = foretold.len().saturating_sub(MOST);
        foretold.drain(..old);
    }

    /// Writes all of it.
    ///
    /// # Errors
    ///
    /// If the system refuses.
    pub(crate) fn write(&mut self) -> anyhow::Result<()> {
        self.file.version = VERSION;
        let text = serde_json::to_vec_pretty(&self.file)?;
        Ok(store::write(&self.path, &text)?)
    }
}

/// What the file says, or why that cannot be used. What stands in another version, nobody knows.
fn parsed(bytes: &[u8]) -> Result<File, String> {
    #[derive(Deserialize)]
    struct Head {
        version: u32,
    }
    let Head { version } = serde_json::from_slice(bytes).map_err(|it| it.to_string())?;
    if version != VERSION {
        return Err(format!("it is version {version}, expected {VERSION}"));
    }
    serde_json::from_slice(bytes).map_err(|it| it.to_string())
}

fn is_of(speed: &Speed, processor: &str, device: &str) -> bool {
    speed.processor == processor && speed.device == device
}

/// What `ingle fit` foretold of a model, by the last measurement.
#[derive(Debug)]
pub(crate) struct Predicted<'a> {
    work: &'a Work,
    speed: &'a Speed,
}

/// What was foretold of the model of an engine on this processor; nothing where it was not.
pub(crate) fn predicted<'a>(kept: &'a Kept, processor: &str, info: &Info) -> Option<Predicted<'a>> {
    let model = Model::of(info);
    let foretold = kept.file.foretold.iter().find(|it| it.model == model)?;
    Some(Predicted { work: &foretold.work, speed: kept.speed(processor, &info.device)? })
}

impl Predicted<'_> {
    /// When that was measured which it goes by, or the first of it.
    pub(crate) fn at(&self) -> &str {
        self.speed.oldest()
    }

    /// Why not to rely on what was measured.
    pub(crate) fn doubt(&self) -> Option<String> {
        self.speed.doubt()
    }

    /// Tokens a second of a prompt of `n` after `depth` others.
    pub(crate) fn prompt(&self, n: usize, depth: usize) -> Option<f64> {
        Some(n as f64 / self.work.prompt(self.speed, n, depth)?.all())
    }

    /// Tokens a second of an answer of `n` after `depth` others.
    pub(crate) fn answer(&self, n: usize, depth: usize) -> Option<f64> {
        Some(1.0 / self.work.token(self.speed, n, depth)?.all())
    }
}

/// How long ago that was, in words.
pub(crate) fn ago(at: &str) -> String {
    let Ok(at) = DateTime::parse_from_rfc3339(at) else { return "some time ago".to_owned() };
    since(Utc::now().signed_duration_since(at))
}

/// Whether one was less than a day before the other; not where one of them is no time.
fn is_within_a_day(one: &str, other: &str) -> bool {
    let time = DateTime::parse_from_rfc3339;
    let (Ok(one), Ok(other)) = (time(one), time(other)) else { return false };
    other.signed_duration_since(one).abs() < TimeDelta::days(1)
}

fn since(time: TimeDelta) -> String {
    let some = |n: i64, unit: &str| format!("{n} {unit}{} ago", if n == 1 { "" } else { "s" });
    match (time.num_days(), time.num_hours(), time.num_minutes()) {
        (days @ 1.., ..) => some(days, "day"),
        (_, hours @ 1.., _) => some(hours, "hour"),
        (.., minutes @ 1..) => some(minutes, "minute"),
        _ => "just now".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::{
        forecast::{
            tests::{rates, speed},
            work::Product,
        },
        speed::Watts,
    };

    fn info(weight_bytes: u64) -> Info {
        Info {
            architecture: "llama".to_owned(),
            name: None,
            device: speed().device,
            n_layers: 1,
            vocab: 10,
            context: 64,
            model_context: 64,
            max_seqs: 1,
            parameters: 100,
            weight_bytes,
            cache_format: None,
            cache_bytes: 1,
            scratch_bytes: 1,
        }
    }

    fn work() -> Work {
        let product = Product {
            format: "Q8_0".to_owned(),
            of_outputs: false,
            n: 1,
            k: 1,
            cols: 20,
            weights: 100,
            bytes: 4,
        };
        Work { products: vec![product], ..Work::default() }
    }

    #[test]
    fn what_was_foretold_is_found_again() {
        let dir = tempfile::tempdir().unwrap();
        let home = Home::at(dir.path().join("home"));
        let mut kept = Kept::read(&home);
        assert_eq!(kept.broken, None);
        kept.take_in(speed());
        kept.foretell(&info(106), &work());
        kept.write().unwrap();
        let mut kept = Kept::read(&home);
        assert_eq!((kept.file.speeds.as_slice(), &kept.broken), (&[speed()][..], &None));
        let of = |weights| predicted(&kept, "a processor", &info(weights));
        assert_eq!(of(106).unwrap().answer(128, 0), Some(0.25));
        let prompt = of(106).unwrap().prompt(5, 0).unwrap();
        assert!((prompt - 5.0 / (4.0 + 4.0 * 10.0)).abs() < 1e-12, "{prompt}");
        assert!(of(105).is_none());
        let packed = Info { cache_format: Some(kernels::CacheFormat::Q8_0), ..info(106) };
        assert!(predicted(&kept, "a processor", &packed).is_none());
        assert_eq!(of(106).unwrap().doubt(), None);
        let warnings = vec!["it runs on battery: plug it in".to_owned()];
        kept.take_in(Speed { warnings, ..speed() });
        let busy = predicted(&kept, "a processor", &info(106)).unwrap().doubt();
        let expected = "it was said then that it runs on battery: once that is over, measure again";
        assert_eq!(busy.as_deref(), Some(expected));
        // Rates bring along what was warned of when they were measured.
        kept.take_in(Speed { formats: BTreeMap::new(), ..speed() });
        let busy = predicted(&kept, "a processor", &info(106)).unwrap().doubt();
        assert_eq!(busy.as_deref(), Some(expected));
        assert!(predicted(&kept, "another", &info(106)).is_none());
    }

    #[test]
    fn formats_that_were_measured_on_the_same_day_stay() {
        let dir = tempfile::tempdir().unwrap();
        let mut kept = Kept::read(&Home::at(dir.path()));
        let power = Some(Watts { watts: 9.0, source: "a meter".to_owned() });
        kept.take_in(Speed { power, ..speed() });
        let rates = rates(7.0, 7.0);
        let formats = BTreeMap::from([("Q4_0".to_owned(), rates)]);
        let at = "2026-11-30T06:00:00Z".to_owned();
        let now = Speed { at, formats, bandwidth: 3.0, ..speed() };
        kept.take_in(now.clone());
        let other = Speed { processor: "another".to_owned(), ..speed() };
        kept.take_in(other.clone());
        assert_eq!(kept.file.speeds.len(), 2);
        let merged = kept.speed("a processor", &speed().device).unwrap();
        assert_eq!((merged.bandwidth, &merged.power), (3.0, &None));
        assert_eq!((merged.at.as_str(), merged.oldest()), (now.at.as_str(), speed().at.as_str()));
        assert_eq!(merged.formats.keys().collect::<Vec<_>>(), ["Q4_0", "Q8_0"]);
        assert_eq!(kept.speed("another", &other.device), Some(&other));
        // A day after the first of it, though not after the last.
        let later = Speed { at: "2026-12-01T05:00:00Z".to_owned(), ..now };
        kept.take_in(later.clone());
        assert_eq!(kept.speed("a processor", &speed().device), Some(&later));
    }

    #[test]
    fn a_day_is_a_day_in_both_directions() {
        let check = |one, other, expected| assert_eq!(is_within_a_day(one, other), expected);
        check("2026-11-30T05:00:00Z", "2026-12-01T04:59:59Z", true);
        check("2026-11-30T05:00:00Z", "2026-12-01T05:00:00Z", false);
        check("2026-12-01T05:00:00Z", "2026-11-30T05:00:00Z", false);
        check("yesterday", "2026-11-30T05:00:00Z", false);
    }

    #[test]
    fn a_file_that_is_none_is_told_and_replaced() {
        let dir = tempfile::tempdir().unwrap();
        let home = Home::at(dir.path());
        for (text, expected) in [
            ("{", "EOF"),
            ("[]", "invalid"),
            (r#"{"version": 9, "speeds": 7}"#, "it is version 9, expected 3"),
            (r#"{"version": 3, "speeds": 7}"#, "invalid type"),
        ] {
            fs::write(home.speed(), text).unwrap();
            let mut kept = Kept::read(&home);
            let broken = kept.broken.clone().unwrap();
            assert!(broken.contains("speed.json`: ") && broken.contains(expected), "{broken}");
            kept.write().unwrap();
            assert_eq!(Kept::read(&home).broken, None);
        }
    }

    #[test]
    fn ages_are_words() {
        let check = |minutes, expected| assert_eq!(since(TimeDelta::minutes(minutes)), expected);
        check(-5, "just now");
        check(0, "just now");
        check(1, "1 minute ago");
        check(119, "1 hour ago");
        check(60 * 48, "2 days ago");
        assert_eq!(ago("yesterday"), "some time ago");
    }
}
