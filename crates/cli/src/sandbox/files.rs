//! Files: a process that keeps only those which its plan names (Landlock).

use std::{
    fs,
    path::Path,
    time::{Duration, Instant},
};

use landlock::{
    ABI, Access, AccessFs, AccessNet, BitFlags, LandlockStatus, Ruleset, RulesetAttr,
    RulesetCreatedAttr, RulesetError, RulesetStatus, Scope, path_beneath_rules,
};

use super::{Part, Plan, folder_of};

/// The newest version whose rights are asked for here.
const KNOWN: ABI = ABI::V6;

/// The oldest that holds what is promised: before it, a file that may not be written could still be
/// cut to nothing.
const ENOUGH: ABI = ABI::V3;

/// What every process reads: how much memory is free, and which processors there are.
const SYSTEM: [&str; 5] =
    ["/proc/meminfo", "/proc/cpuinfo", "/proc/self", "/sys/devices/system", "/sys/fs/cgroup"];

/// How long a thread that has done its work may take to end.
const PATIENCE: Duration = Duration::from_millis(200);

/// Gives up all files but those of `plan` and of `model`.
pub(super) fn confine(plan: &Plan, model: Option<&Path>) -> Part {
    let others = others();
    let missing = || Part::Open("this kernel has no Landlock".to_owned());
    let abi = match restrict(plan, model) {
        Ok((RulesetStatus::NotEnforced, _)) => return missing(),
        Ok((_, LandlockStatus::Available { effective_abi, .. })) => effective_abi,
        Ok((_, LandlockStatus::NotEnabled | LandlockStatus::NotImplemented)) => return missing(),
        Err(error) => return Part::Open(format!("Landlock: {error}")),
    };
    let (found, expected) = (abi as i32, ENOUGH as i32);
    match others {
        _ if abi < ENOUGH => Part::Partly(format!(
            "this kernel's Landlock has ABI {found}, expected at least {expected}"
        )),
        0 => Part::Confined(format!("Landlock ABI {found}")),
        n => Part::Partly(format!("{n} threads were started before it, expected none")),
    }
}

fn restrict(
    plan: &Plan,
    model: Option<&Path>,
) -> Result<(RulesetStatus, LandlockStatus), RulesetError> {
    let read = AccessFs::ReadFile | AccessFs::ReadDir;
    let status = Ruleset::default()
        .handle_access(AccessFs::from_all(KNOWN))?
        .handle_access(AccessNet::from_all(KNOWN))?
        .scope(Scope::from_all(KNOWN))?
        .create()?
        .add_rules(path_beneath_rules(SYSTEM, read))?
        .add_rules(path_beneath_rules(model.and_then(folder_of), read))?
        .add_rules(path_beneath_rules(&plan.read, read))?
        .add_rules(path_beneath_rules(&plan.write, read | writing()))?
        .restrict_self()?;
    Ok((status.ruleset, status.landlock))
}

/// What it takes to write a file whole beside its old one, and to give it its name.
fn writing() -> BitFlags<AccessFs> {
    AccessFs::WriteFile
        | AccessFs::Truncate
        | AccessFs::MakeReg
        | AccessFs::MakeDir
        | AccessFs::RemoveFile
}

/// How many other threads this process has, when those that are about to end have ended.
fn others() -> usize {
    let begin = Instant::now();
    loop {
        let threads = fs::read_dir("/proc/self/task").map_or(1, Iterator::count);
        if threads <= 1 || begin.elapsed() > PATIENCE {
            return threads.saturating_sub(1);
        }
        std::thread::yield_now();
    }
}
