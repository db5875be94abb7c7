//! System calls: a process that can open no socket, run no program, and change no file's owner,
//! permissions, times or extended attributes (seccomp).
//!
//! What is refused fails with `EPERM`; all other calls go on as they did. A list of what is refused
//! and not of what is allowed: which calls a C library makes of a Rust program changes with each
//! of its versions, while those below are all ways to a socket, to another program, out of
//! the sandbox, or to what Landlock leaves open of a file.

use std::{collections::BTreeMap, env::consts::ARCH};

use seccompiler::{
    BackendError, BpfProgram, SeccompAction, SeccompCmpArgLen, SeccompCmpOp, SeccompCondition,
    SeccompFilter, SeccompRule, TargetArch, apply_filter_all_threads,
};

use super::Part;

/// Who is confined.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Which {
    /// A process with a model: no sockets, no programs.
    Chat,
    /// The attendant and the editor that it runs: no sockets but those of this machine.
    Attendant,
}

/// Ways out that nobody here needs. `io_uring` does what other calls do, past any filter;
/// `pidfd_getfd` takes the sockets of other processes.
const OUT: &[libc::c_long] = &[
    libc::SYS_io_uring_setup,
    libc::SYS_io_uring_enter,
    libc::SYS_io_uring_register,
    libc::SYS_pidfd_getfd,
    libc::SYS_ptrace,
    libc::SYS_process_vm_readv,
    libc::SYS_process_vm_writev,
    libc::SYS_bpf,
    libc::SYS_setns,
];

/// More that a process with a model does not need.
const MORE: &[libc::c_long] = &[
    libc::SYS_socket,
    libc::SYS_connect,
    libc::SYS_bind,
    libc::SYS_listen,
    libc::SYS_accept,
    libc::SYS_accept4,
    libc::SYS_sendmsg,
    libc::SYS_sendmmsg,
    libc::SYS_execve,
    libc::SYS_execveat,
    libc::SYS_unshare,
    libc::SYS_mount,
    libc::SYS_umount2,
    libc::SYS_pivot_root,
    libc::SYS_chroot,
    libc::SYS_open_by_handle_at,
    libc::SYS_perf_event_open,
    libc::SYS_userfaultfd,
    libc::SYS_add_key,
    libc::SYS_request_key,
    libc::SYS_keyctl,
];

/// What Landlock leaves open: whose a file is, who may use it, and what it says of itself.
const ATTRIBUTES: &[libc::c_long] = &[
    libc::SYS_fchmodat,
    libc::SYS_fchown,
    libc::SYS_fchownat,
    libc::SYS_utimensat,
    libc::SYS_setxattr,
    libc::SYS_lsetxattr,
    libc::SYS_fsetxattr,
    libc::SYS_removexattr,
    libc::SYS_lremovexattr,
    libc::SYS_fremovexattr,
];

/// The same by older calls, which newer processors never had.
#[cfg(target_arch = "x86_64")]
const OLDER: &[libc::c_long] = &[
    libc::SYS_chmod,
    libc::SYS_chown,
    libc::SYS_lchown,
    libc::SYS_utime,
    libc::SYS_utimes,
    libc::SYS_futimesat,
];
#[cfg(not(target_arch = "x86_64"))]
const OLDER: &[libc::c_long] = &[];

/// The same by newer calls, which have one number everywhere: `fchmodat2`, `setxattrat`,
/// `removexattrat` and `file_setattr`.
const NEWER: &[libc::c_long] = &[452, 463, 466, 469];

/// The permissions that a file which is open may still be given: chats and history are their
/// owner's alone.
const PRIVATE: u64 = 0o600;

/// `TIOCSTI` and `TIOCLINUX`, whose type is another with each C library.
const TYPED: [u64; 2] = [0x5412, 0x541c];

/// Numbers of x32, the third way to call the kernel of x86-64, have this bit.
const X32: i64 = 0x4000_0000;

type Rules = BTreeMap<i64, Vec<SeccompRule>>;

/// Gives up the calls, on every thread.
pub(super) fn confine(which: Which) -> Part {
    let applied = filter(which).map_err(seccompiler::Error::from);
    match applied.and_then(|it| apply_filter_all_threads(&it)) {
        Ok(()) => Part::Confined("seccomp".to_owned()),
        Err(error) => Part::Open(format!("seccomp: {error}")),
    }
}

fn filter(which: Which) -> Result<BpfProgram, BackendError> {
    let mut rules = Rules::new();
    OUT.iter().for_each(|call| refuse(&mut rules, *call, Vec::new()));
    match which {
        Which::Chat => {
            for call in [MORE, ATTRIBUTES, OLDER, NEWER].into_iter().flatten() {
                refuse(&mut rules, *call, Vec::new());
            }
            let other = when(1, SeccompCmpArgLen::Dword, SeccompCmpOp::Ne, PRIVATE)?;
            refuse(&mut rules, libc::SYS_fchmod, vec![other]);
            // To an address; without one it writes to a pair that was made before.
            let address = when(4, SeccompCmpArgLen::Qword, SeccompCmpOp::Ne, 0)?;
            refuse(&mut rules, libc::SYS_sendto, vec![address]);
            // What the terminal would take for typed, after this process has ended.
            let typed =
                TYPED.map(|request| when(1, SeccompCmpArgLen::Dword, SeccompCmpOp::Eq, request));
            let typed = typed.into_iter().collect::<Result<_, _>>()?;
            refuse(&mut rules, libc::SYS_ioctl, typed);
        }
        Which::Attendant => {
            let local = libc::AF_UNIX as u64;
            let foreign = when(0, SeccompCmpArgLen::Dword, SeccompCmpOp::Ne, local)?;
            refuse(&mut rules, libc::SYS_socket, vec![foreign]);
        }
    }
    let arch: TargetArch = ARCH.try_into()?;
    let refused = SeccompAction::Errno(libc::EPERM as u32);
    SeccompFilter::new(rules, SeccompAction::Allow, refused, arch)?.try_into()
}

/// Refuses `call`, where one of `when` holds; always without any.
fn refuse(rules: &mut Rules, call: libc::c_long, when: Vec<SeccompRule>) {
    #[expect(clippy::useless_conversion, reason = "a long has 32 bits on some platforms")]
    let number = i64::from(call);
    if cfg!(target_arch = "x86_64") {
        rules.insert(number | X32, when.clone());
    }
    rules.insert(number, when);
}

fn when(
    argument: u8,
    length: SeccompCmpArgLen,
    comparison: SeccompCmpOp,
    value: u64,
) -> Result<SeccompRule, BackendError> {
    SeccompRule::new(vec![SeccompCondition::new(argument, length, comparison, value)?])
}
