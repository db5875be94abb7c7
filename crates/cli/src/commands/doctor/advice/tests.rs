//! Each warning comes where it should, and not where it should not.

use super::*;
use crate::commands::doctor::{
    fixture,
    kept::{Room, Unfinished},
    report::Set,
};

/// What is said of the laptop once `change` was made to it, beside what is said without it.
#[track_caller]
fn check(change: impl FnOnce(&mut Report), expected: &[&str]) {
    let mut report = fixture::laptop();
    let before = warnings(&report);
    change(&mut report);
    let told = warnings(&report);
    let told = told.iter().filter(|it| !before.contains(it));
    let told: Vec<_> = told.map(|it| format!("{}: {}", it.about, it.what)).collect();
    assert_eq!(told, expected);
    assert!(warnings(&report).iter().all(|it| !it.todo.is_empty()));
}

fn governed(governor: &str, driver: &str, preference: Option<&str>) -> Power {
    Power {
        governors: vec![governor.to_owned()],
        driver: Some(driver.to_owned()),
        preference: preference.map(str::to_owned),
        ..Power::default()
    }
}

#[test]
fn a_governor_is_blamed_where_it_is_what_slows() {
    let slow = "power: the governor `powersave` keeps frequencies low";
    let balanced = Some("balance_performance");
    let saving = "power: the processor is to save power (its preference is `balance_power`)";
    for (power, expected) in [
        (governed("powersave", "acpi-cpufreq", None), vec![slow]),
        (governed("powersave", "intel_pstate", balanced), vec![]),
        (governed("powersave", "amd-pstate-epp", Some("balance_power")), vec![saving]),
        (governed("performance", "acpi-cpufreq", None), vec![]),
        (governed("schedutil", "cpufreq-dt", None), vec![]),
    ] {
        check(|it| it.machine.power = power.clone(), &expected);
    }
}

#[test]
fn frequencies_are_let_go_where_their_driver_does_it() {
    let todo = |driver: &str| {
        let power =
            Power { driver: Some(driver.to_owned()), boost: Some(false), ..Power::default() };
        let mut told = Vec::new();
        of_power(&power, &mut |_, _, todo| told.push(todo.to_owned()));
        told.join("; ")
    };
    let intel = "as root, write 0 to /sys/devices/system/cpu/intel_pstate/no_turbo";
    let others = "as root, write 1 to /sys/devices/system/cpu/cpufreq/boost";
    for (driver, expected) in [
        ("intel_pstate", intel),
        ("intel_cpufreq", intel),
        ("cpufreq-dt", others),
        ("acpi-cpufreq", others),
        ("amd-pstate-epp", others),
    ] {
        assert_eq!(todo(driver), expected, "{driver}");
    }
}

#[test]
fn a_machine_with_much_to_do_is_told() {
    let loaded = |load: f64| move |it: &mut Report| it.machine.load = Some(load);
    check(loaded(5.9), &[]);
    check(loaded(6.0), &["load: 6.0 threads wanted 6 cores in the last minute"]);
}

#[test]
fn what_is_set_is_told_where_it_makes_a_difference() {
    let set = |name, value: &str| vec![Set { name, value: value.to_owned() }];
    check(|it| it.set = set("INGLE_ISA", "avxvnni"), &[]);
    let scalar = "kernels: INGLE_ISA=scalar pins slower kernels: `avxvnni` would run";
    check(|it| it.set = set("INGLE_ISA", "scalar"), &[scalar]);
    check(|it| it.set = set("threads", "6"), &[]);
    let change = |it: &mut Report| {
        it.set = set("INGLE_THREADS", "2");
        it.kernels.as_mut().unwrap().threads = 2;
    };
    check(change, &["kernels: `INGLE_THREADS` pins 2 threads, where 6 cores may be used"]);
    let exact = "kernels: `precision` asks for exact kernels, which are slower";
    check(|it| it.set = set("precision", "exact"), &[exact]);
}

#[test]
fn a_processor_without_avx2_is_slow() {
    let expected = "kernels: the processor has no AVX2 with FMA and F16C: portable kernels run, \
                    which are much slower";
    check(|it| it.kernels.as_mut().unwrap().best = Isa::Scalar, &[expected]);
}

#[test]
fn little_room_is_little_of_the_disk_and_in_bytes() {
    let full = |total: u64, free: u64| {
        move |it: &mut Report| {
            it.library.as_mut().unwrap().disk = Some(Room { total: total << 30, free: free << 30 });
        }
    };
    check(full(100, 4), &["library: its disk is nearly full: 4.0 GiB of 100.0 GiB are free"]);
    check(full(100, 6), &[]);
    check(full(4000, 9), &["library: its disk is nearly full: 9.0 GiB of 3.9 TiB are free"]);
    check(full(4000, 20), &[]);
}

#[test]
fn models_that_are_not_complete_are_counted() {
    let models = |names: &[&str]| {
        let one = |it: &&str| Unfinished { name: (*it).to_owned(), bytes: 1 << 30 };
        names.iter().map(one).collect::<Vec<_>>()
    };
    check(
        |it| it.library.as_mut().unwrap().unfinished = models(&["a/b:c"]),
        &["library: `a/b:c` is not complete, 1.0 GiB so far"],
    );
    check(
        |it| it.library.as_mut().unwrap().unfinished = models(&["a/b:c", "d/e:f"]),
        &["library: 2 models are not complete, 2.0 GiB so far: `a/b:c` is one"],
    );
}

#[test]
fn a_sandbox_that_is_off_or_half_is_told() {
    let off = "sandbox: it is switched off: a process with a model keeps its rights";
    check(|it| it.sandbox.mode = Mode::Off, &[off]);
    let half = fixture::container().sandbox;
    check(|it| it.sandbox = half.clone(), &["sandbox: this kernel has no Landlock"]);
    let elsewhere = |it: &mut Report| {
        it.build.os = "macos";
        it.sandbox = half.clone();
    };
    check(elsewhere, &[]);
}

#[test]
fn an_error_brings_its_own_hint_or_takes_the_one_given() {
    let mut seen = Seen::default();
    let known = crate::failure::Failure::new("a").hint("b");
    assert_eq!(seen.or_broken(Ok::<_, anyhow::Error>(1), "x", "c"), Some(1));
    assert_eq!(seen.or_broken(Err::<(), _>(known), "x", "c"), None);
    assert_eq!(seen.or_broken(Err::<(), _>(anyhow::anyhow!("d")), "y", "c"), None);
    let told: Vec<_> =
        seen.0.iter().map(|it| (it.about, it.what.as_str(), it.todo.as_str())).collect();
    assert_eq!(told, [("x", "a", "b"), ("y", "d", "c")]);
    assert!(seen.0.iter().all(|it| it.level == Level::Broken));
}
