//! From the settings of loading to a device, and to an engine on it.

use std::{
    num::NonZeroUsize,
    sync::atomic::{AtomicBool, Ordering},
};

use engine::{Engine, LoadError, Options};
use kernels::{
    Backend,
    cpu::{Config, ConfigError, Cpu, Isa, Precision, available_cores},
    reference::Reference,
};
use loader::{ModelFile, Override};

use crate::{
    args::{CacheType, Device, Load},
    failure::Failure,
    resident,
    settings::variable,
    terminal::tell,
    written,
};

/// The device that `load` asks for.
///
/// # Errors
///
/// If this machine does not have it.
pub(crate) fn backend(load: &Load) -> anyhow::Result<Box<dyn Backend>> {
    match load.device.unwrap_or_default() {
        Device::Auto | Device::Cpu => Ok(Box::new(Cpu::new(config(load)?)?)),
        Device::Reference if load.precision == Some(Precision::Fast) => {
            let message = "`--device reference` is always exact, found `--precision fast` \
                           or INGLE_PRECISION=fast";
            Err(Failure::usage(message).hint("leave one of them out").into())
        }
        Device::Reference if load.threads.is_some() => {
            let message = "`--device reference` has one thread, found `--threads` or INGLE_THREADS";
            Err(Failure::usage(message).hint("leave one of them out").into())
        }
        Device::Reference => Ok(Box::new(Reference::default())),
    }
}

/// The device that `load` asks for, and an exact one on the same threads: of two sets, one would
/// still spin on the cores that the other needs.
///
/// # Errors
///
/// As [`backend`].
pub(crate) fn with_exact(load: &Load) -> anyhow::Result<[Box<dyn Backend>; 2]> {
    match load.device.unwrap_or_default() {
        Device::Auto | Device::Cpu => {
            let cpu = Cpu::new(config(load)?)?;
            let exact = cpu.beside_in(Precision::Exact);
            Ok([Box::new(cpu), Box::new(exact)])
        }
        Device::Reference => {
            let reference = backend(load)?;
            let exact = reference.beside();
            Ok([reference, exact])
        }
    }
}

/// How the CPU is to be used.
///
/// # Errors
///
/// If `INGLE_ISA` names no instruction set of this machine, or there are not so many threads.
pub(crate) fn config(load: &Load) -> anyhow::Result<Config> {
    let mut config = Config::detect();
    config.isa = isa()?;
    config.precision = load.precision.unwrap_or(config.precision);
    config.threads = threads(load.threads)?;
    Ok(config)
}

/// The instruction set that `INGLE_ISA` names, else the best of this machine.
///
/// # Errors
///
/// If this machine has none of that name.
pub(crate) fn isa() -> anyhow::Result<Isa> {
    Ok(variable("INGLE_ISA", |it| it.parse::<Isa>())?.unwrap_or_else(Isa::best))
}

/// How many threads that is: what was asked for, else one a physical core.
///
/// # Errors
///
/// If a device has not so many.
pub(crate) fn threads(asked: Option<NonZeroUsize>) -> Result<usize, ConfigError> {
    match asked.map(NonZeroUsize::get) {
        None => Ok(available_cores()),
        Some(expected @ ..=Config::MAX_THREADS) => Ok(expected),
        Some(expected) => Err(ConfigError::Threads { expected, found: Config::MAX_THREADS }),
    }
}

/// Warns, once, where more threads are asked for than there are cores; the warning.
pub(crate) fn tell_of_crowd(asked: Option<NonZeroUsize>) -> Option<String> {
    static TOLD: AtomicBool = AtomicBool::new(false);
    let (asked, cores) = (asked?.get(), available_cores());
    // Two are not worth a word: often they are the two hardware threads of an only core.
    if asked <= cores.max(2) || asked > Config::MAX_THREADS || TOLD.swap(true, Ordering::Relaxed) {
        return None;
    }
    let s = if cores == 1 { "" } else { "s" };
    let warning = format!(
        "{asked} threads on {cores} physical core{s} wait for one another: give `-t {cores}`"
    );
    tell(format_args!("warning: {warning}"));
    Some(warning)
}

/// An engine for this model, on the device and with the type of cache that `load` asks for.
///
/// # Errors
///
/// If this machine does not have the device, and as [`engine_on`].
pub(crate) fn engine(
    name: &str,
    file: &ModelFile,
    load: &Load,
    options: &Options,
) -> anyhow::Result<Engine> {
    engine_on(backend(load)?, name, file, load, options, 0)
}

/// The same on a backend that is there, such as one beside another engine's. What of the file is on
/// the disk alone is read meanwhile, where memory holds it beside so many bytes of `others`, as in
/// [`resident::beside`].
///
/// # Errors
///
/// If the model cannot be loaded onto it, or Ctrl-C was pressed while the file was read.
pub(crate) fn engine_on(
    backend: Box<dyn Backend>,
    name: &str,
    file: &ModelFile,
    load: &Load,
    options: &Options,
    others: u64,
) -> anyhow::Result<Engine> {
    let cache_format = load.cache_type.map(CacheType::format);
    let options = Options { cache_format, ..options.clone() };
    let loaded =
        || Engine::load(file, backend, &options).map_err(|error| refused(name, load, error));
    resident::beside(name, file, load, others, loaded)
}

/// Why the model of this name cannot be loaded. Where what the file says was overridden, that may
/// be what is wrong, and the hint names it.
pub(crate) fn refused(name: &str, load: &Load, error: LoadError) -> anyhow::Error {
    let failure = Failure::new(format!("cannot load `{name}`"));
    let failure = match blamed(&error, &load.override_kv) {
        Some(hint) => failure.hint(hint),
        None => failure,
    };
    anyhow::Error::new(error).context(failure)
}

fn blamed(error: &LoadError, overrides: &[Override]) -> Option<String> {
    let may_be = |it: &&Override| match error {
        LoadError::MissingTensor { .. }
        | LoadError::Shape { .. }
        | LoadError::UnusedTensors { .. } => true,
        LoadError::Range { key, .. } | LoadError::Unsupported { key, .. } => it.key == *key,
        _ => false,
    };
    let settings = overrides.iter().filter(may_be);
    let settings: Vec<_> = settings.map(|it| format!("`{}`", written::setting(it))).collect();
    match settings.as_slice() {
        [] => None,
        [one] => Some(format!(
            "{one} is an override (`--override-kv`), not what the file says: correct it or leave \
             it out"
        )),
        all => Some(format!(
            "{} are overrides (`--override-kv`), not what the file says: correct them or leave \
             them out",
            all.join(", ")
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn threads_are_bounded_before_any_is_started() {
        assert_eq!(threads(None), Ok(available_cores()));
        assert_eq!(threads(NonZeroUsize::new(1024)), Ok(1024));
        let error = threads(NonZeroUsize::new(1025)).unwrap_err();
        assert_eq!(error.to_string(), "found 1025 threads, expected at most 1024");
    }

    #[test]
    fn an_exact_device_differs_in_nothing_else() {
        let fast = Some(Precision::Fast);
        let two = Load { threads: NonZeroUsize::new(2), precision: fast, ..Load::default() };
        let [one, exact] = with_exact(&two).expect("two threads");
        assert_ne!(one.info().name, exact.info().name);
        assert_eq!(one.info().name.replace("fast", "exact"), exact.info().name);
        let load = Load { device: Some(Device::Reference), ..Load::default() };
        let [one, exact] = with_exact(&load).expect("it is always there");
        assert_eq!(one.info().name, exact.info().name);
        assert!(with_exact(&Load { precision: fast, ..load }).is_err());
    }

    #[test]
    fn an_override_is_blamed_for_what_it_may_have_done() {
        let overrides: Vec<Override> = ["a.block_count=u32:9", "a.heads=u32:0"]
            .map(|it| it.parse().expect("an override"))
            .to_vec();
        let missing = LoadError::MissingTensor { name: "blk.8.x".to_owned(), nearest: vec![] };
        let hint = blamed(&missing, &overrides[..1]).expect("it is to blame");
        assert!(hint.starts_with("`a.block_count=9` is an override"), "{hint}");
        let hint = blamed(&missing, &overrides).expect("both may be");
        assert!(hint.starts_with("`a.block_count=9`, `a.heads=0` are overrides"), "{hint}");
        let range = |key: &str| LoadError::Range {
            key: key.to_owned(),
            found: "0".to_owned(),
            expected: "1".to_owned(),
        };
        assert!(blamed(&range("a.heads"), &overrides).is_some_and(|it| it.contains("a.heads=0`")));
        assert_eq!(blamed(&range("a.width"), &overrides), None);
        assert_eq!(blamed(&missing, &[]), None);
    }
}
