//! Reports of machines that were laid out by hand, for tests.

use kernels::cpu::{Isa, Precision};

use super::{
    advice,
    kept::{Audit, Health, Room, Rules, Unfinished},
    network::Network,
    report::{Build, Kernels, Multiplied, Report, Sandbox, Set},
};
use crate::{
    args::Device,
    machine::{
        Machine,
        fixture::{BOARD, CONTAINER, Files, LAPTOP, lay},
    },
    sandbox::{Level, Mode, Part},
};

const INTEGERS: [&str; 13] = [
    "Q4_0", "Q4_1", "Q5_0", "Q5_1", "Q8_0", "Q2_K", "Q3_K", "Q4_K", "Q5_K", "Q6_K", "IQ4_NL",
    "IQ4_XS", "MXFP4",
];

const NUMBERS: [&str; 3] = ["F32", "F16", "BF16"];

/// Those that x86-64 alone takes as integers.
const OF_X86_64: [&str; 10] =
    ["IQ1_S", "IQ1_M", "IQ2_XXS", "IQ2_XS", "IQ2_S", "IQ3_XXS", "IQ3_S", "TQ1_0", "TQ2_0", "NVFP4"];

/// A laptop on battery, with some models.
pub(super) fn laptop() -> Report {
    let mut report = of(LAPTOP, Isa::AvxVnni, 6);
    report.library = Some(Health {
        folder: "/data/ingle/models".to_owned(),
        models: 4,
        bytes: 8_700_000_000,
        adopted: 1,
        unverified: 1,
        unfinished: vec![],
        disk: Some(Room { total: 500 << 30, free: 120 << 30 }),
    });
    judged(report)
}

/// A container that sees less than the machine has, behind a proxy, on a full disk.
pub(super) fn container() -> Report {
    let mut report = of(CONTAINER, Isa::Avx512Vnni, 2);
    report.network.proxies = vec![("HTTPS_PROXY", "http://proxy.example:3128".to_owned())];
    report.network.token = true;
    let unfinished = Unfinished { name: "a/b:Q4_K_M".to_owned(), bytes: 700 << 20 };
    report.library = Some(Health {
        folder: "/models".to_owned(),
        models: 1,
        bytes: 3 << 30,
        unfinished: vec![unfinished],
        disk: Some(Room { total: 40 << 30, free: 1 << 30 }),
        ..Health::default()
    });
    report.policy = Ok(Some(Rules {
        path: "/etc/ingle/policy.toml".to_owned(),
        rules: 3,
        default: "deny".to_owned(),
        signed: "not signed".to_owned(),
        require_sandbox: false,
        require_audit: true,
    }));
    report.audit = Some(Audit { on: true, entries: 12 });
    report.sandbox.level = Some(Level {
        files: Part::Open("this kernel has no Landlock".to_owned()),
        calls: Part::Confined("seccomp".to_owned()),
    });
    judged(report)
}

/// A small board, where somebody compares instruction sets with a debug build.
pub(super) fn board() -> Report {
    let mut report = of(BOARD, Isa::NeonDot, 4);
    report.build.arch = "aarch64";
    report.build.debug = true;
    report.build.features = vec!["ember", "airgap"];
    report.network = Network::default();
    let kernels = report.kernels.as_mut().expect("it has kernels");
    (kernels.isa, kernels.threads) = (Isa::Neon, 2);
    kernels.formats = multiplied(Isa::Neon);
    report.set = vec![
        Set { name: "INGLE_ISA", value: "neon".to_owned() },
        Set { name: "threads", value: "2".to_owned() },
    ];
    judged(report)
}

/// Another system than Linux, where nothing can be read.
pub(super) fn silent() -> Report {
    let mut report = of(&[], Isa::Scalar, 4);
    report.build.os = "windows";
    (report.kernels, report.library, report.audit) = (None, None, None);
    report.policy = Err("the policy cannot be read".to_owned());
    let why = || Part::Open("only Linux lets a process give up its rights".to_owned());
    report.sandbox.level = Some(Level { files: why(), calls: why() });
    let mut seen = advice::Seen::default();
    let error = anyhow::anyhow!("this machine cannot run `avx2`, it has `scalar`");
    seen.or_broken(Err::<(), _>(error), "kernels", "unset INGLE_ISA");
    report.findings = seen.0;
    judged(report)
}

fn judged(mut report: Report) -> Report {
    report.findings = [report.findings.clone(), advice::warnings(&report)].concat();
    report
}

/// What multiplies which formats: a machine that lacks `isa` cannot be asked.
fn multiplied(isa: Isa) -> Vec<Multiplied> {
    let numbers = match isa {
        Isa::AvxVnni => Isa::Avx2,
        Isa::Amx => Isa::Avx512Vnni,
        Isa::NeonDot | Isa::NeonI8mm => Isa::Neon,
        Isa::Avx512Vnni | Isa::Avx2 | Isa::Neon | Isa::Scalar => isa,
    };
    let fast = |formats| Multiplied { isa, precision: Precision::Fast, formats };
    let exact = |isa, formats| Multiplied { isa, precision: Precision::Exact, formats };
    match isa {
        Isa::Amx | Isa::Avx512Vnni | Isa::AvxVnni | Isa::Avx2 => {
            let integers = [&INTEGERS[..], &OF_X86_64].concat();
            vec![fast(integers), exact(numbers, NUMBERS.to_vec())]
        }
        Isa::Neon | Isa::NeonDot | Isa::NeonI8mm => vec![
            fast(INTEGERS.to_vec()),
            exact(numbers, NUMBERS.to_vec()),
            exact(Isa::Scalar, OF_X86_64.to_vec()),
        ],
        Isa::Scalar => {
            vec![fast(INTEGERS.to_vec()), exact(isa, [&NUMBERS[..], &OF_X86_64].concat())]
        }
    }
}

/// One that has nothing but the best kernels, `isa`.
fn of(files: Files<'_>, isa: Isa, cores: usize) -> Report {
    let kernels = Kernels {
        device: Device::Auto,
        isa,
        best: isa,
        precision: Precision::Fast,
        threads: cores,
        cores,
        formats: multiplied(isa),
    };
    Report {
        build: Build {
            version: "0.1.0",
            commit: "1ed15fb",
            arch: "x86_64",
            os: "linux",
            features: vec!["ember", "hub"],
            debug: false,
        },
        machine: Machine::at(lay(files).path()),
        kernels: Some(kernels),
        set: vec![],
        library: Some(Health { folder: "/data/ingle/models".to_owned(), ..Health::default() }),
        network: Network {
            linked: true,
            hubs: vec!["https://huggingface.co".to_owned()],
            ..Network::default()
        },
        sandbox: Sandbox {
            mode: Mode::Best,
            level: Some(Level {
                files: Part::Confined("Landlock ABI 7".to_owned()),
                calls: Part::Confined("seccomp".to_owned()),
            }),
        },
        policy: Ok(None),
        audit: Some(Audit { on: false, entries: 0 }),
        findings: vec![],
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Of those of its instruction sets that this machine has.
    #[test]
    fn formats_are_multiplied_as_they_would_be() {
        let told = |all: Vec<Multiplied>| {
            let sorted = |mut it: Multiplied| {
                it.formats.sort_unstable();
                (it.isa, it.precision, it.formats)
            };
            all.into_iter().map(sorted).collect::<Vec<_>>()
        };
        for &isa in Isa::ALL.iter().filter(|it| **it != Isa::Scalar && it.is_available()) {
            assert_eq!(told(multiplied(isa)), told(Multiplied::all(isa, Precision::Fast)), "{isa}");
        }
    }
}
