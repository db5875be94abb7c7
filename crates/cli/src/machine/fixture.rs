//! Machines laid out by hand, for tests.

use std::fs;

use tempfile::TempDir;

/// Files of a machine: where they lie below its root, and their text.
pub(crate) type Files<'a> = &'a [(&'a str, &'a str)];

/// A laptop with two fast and four slow cores, on battery.
pub(crate) const LAPTOP: Files<'static> = &[
    ("etc/os-release", "NAME=\"Ubuntu\"\nPRETTY_NAME=\"Ubuntu 24.04.3 LTS\"\n"),
    ("proc/sys/kernel/osrelease", "6.8.0-45-generic\n"),
    (
        "proc/cpuinfo",
        "processor\t: 0\nmodel name\t: 12th Gen Intel(R) Core(TM)  i5-1240P\n\
         flags\t\t: fpu avx avx2 fma f16c avx_vnni\n\nprocessor\t: 1\n",
    ),
    (
        "proc/meminfo",
        "MemTotal:       16072084 kB\nMemFree:  640000 kB\nMemAvailable:   9785444 kB\n\
         SwapTotal:       2097148 kB\nSwapFree:         997148 kB\n\
         HugePages_Total:       0\nHugepagesize:       2048 kB\n",
    ),
    ("proc/loadavg", "0.52 0.61 0.70 2/1203 4711\n"),
    ("proc/self/status", "Name:\tingle\nCpus_allowed_list:\t0-7\n"),
    ("proc/self/limits", "Max locked memory         65536        8388608        bytes     \n"),
    ("proc/self/cgroup", "0::/user.slice/user-1000.slice\n"),
    ("sys/fs/cgroup/user.slice/memory.max", "max\n"),
    ("sys/fs/cgroup/user.slice/memory.current", "4000000000\n"),
    ("sys/fs/cgroup/user.slice/cpu.max", "max 100000\n"),
    ("sys/devices/cpu_core/cpus", "0-3\n"),
    ("sys/devices/cpu_atom/cpus", "4-7\n"),
    ("sys/devices/system/cpu/online", "0-7\n"),
    ("sys/devices/system/cpu/cpu0/topology/thread_siblings_list", "0-1\n"),
    ("sys/devices/system/cpu/cpu1/topology/thread_siblings_list", "0-1\n"),
    ("sys/devices/system/cpu/cpu2/topology/thread_siblings_list", "2-3\n"),
    ("sys/devices/system/cpu/cpu3/topology/thread_siblings_list", "2-3\n"),
    ("sys/devices/system/cpu/cpu0/cpufreq/cpuinfo_max_freq", "4400000\n"),
    ("sys/devices/system/cpu/cpu4/cpufreq/cpuinfo_max_freq", "3300000\n"),
    ("sys/devices/system/cpu/cpufreq/policy0/scaling_governor", "powersave\n"),
    ("sys/devices/system/cpu/cpufreq/policy0/scaling_driver", "intel_pstate\n"),
    ("sys/devices/system/cpu/cpufreq/policy0/energy_performance_preference", "power\n"),
    ("sys/devices/system/cpu/cpufreq/policy4/scaling_governor", "powersave\n"),
    ("sys/devices/system/cpu/intel_pstate/no_turbo", "0\n"),
    ("sys/firmware/acpi/platform_profile", "balanced\n"),
    ("sys/class/power_supply/ADP1/type", "Mains\n"),
    ("sys/class/power_supply/ADP1/online", "0\n"),
    ("sys/class/power_supply/BAT0/type", "Battery\n"),
    ("sys/class/power_supply/BAT0/status", "Discharging\n"),
    ("sys/class/power_supply/BAT0/capacity", "63\n"),
    ("sys/class/power_supply/hid-mouse/type", "Battery\n"),
    ("sys/class/power_supply/hid-mouse/scope", "Device\n"),
    ("sys/class/power_supply/hid-mouse/capacity", "5\n"),
    ("sys/kernel/mm/transparent_hugepage/enabled", "always [madvise] never\n"),
    (
        "sys/class/drm/card1/device/uevent",
        "DRIVER=i915\nPCI_CLASS=30000\nPCI_ID=8086:46A6\nPCI_SLOT_NAME=0000:00:02.0\n",
    ),
    ("sys/class/drm/card1-eDP-1/status", "connected\n"),
    ("sys/class/drm/version", "drm 1.1.0 20060810\n"),
];

/// A container on a server: less memory, fewer processors, and a GPU that only computes.
pub(crate) const CONTAINER: Files<'static> = &[
    ("usr/lib/os-release", "PRETTY_NAME='Alpine Linux v3.22'\n"),
    ("proc/sys/kernel/osrelease", "6.12.57+deb13-cloud-amd64\n"),
    (
        "proc/cpuinfo",
        "processor\t: 0\nmodel name\t: AMD EPYC 9554 64-Core Processor\n\
         flags\t\t: avx2 fma f16c avx512f avx512dq avx512bw avx512vl avx512_vnni avx512_bf16\n",
    ),
    (
        "proc/meminfo",
        "MemTotal: 65968128 kB\nMemAvailable: 60000000 kB\nSwapTotal: 0 kB\nSwapFree: 0 kB\n",
    ),
    ("proc/self/status", "Cpus_allowed_list:\t0-1,4-5\n"),
    ("proc/self/cgroup", "0::/\n"),
    ("sys/fs/cgroup/memory.max", "4294967296\n"),
    ("sys/fs/cgroup/memory.current", "1073741824\n"),
    ("sys/fs/cgroup/memory.stat", "active_file 0\ninactive_file 536870912\n"),
    ("sys/fs/cgroup/cpu.max", "150000 100000\n"),
    ("sys/devices/system/cpu/online", "0-7\n"),
    ("sys/kernel/mm/transparent_hugepage/enabled", "[always] madvise never\n"),
    (
        "proc/driver/nvidia/version",
        "NVRM version: NVIDIA UNIX x86_64 Kernel Module  570.124.06  Wed Feb 26\nGCC version:  gcc\n",
    ),
    (
        "proc/driver/nvidia/gpus/0000:C1:00.0/information",
        "Model: \t\t NVIDIA H200\nIRQ:   \t\t 120\n",
    ),
];

/// A small board with two fast and two slow cores.
pub(crate) const BOARD: Files<'static> = &[
    ("etc/os-release", "PRETTY_NAME=\"Debian GNU/Linux 13 (trixie)\"\n"),
    ("proc/sys/kernel/osrelease", "6.12.41-rk3588\n"),
    (
        "proc/cpuinfo",
        "processor\t: 0\nBogoMIPS\t: 48.00\nFeatures\t: fp asimd aes asimddp\n\
         CPU implementer\t: 0x41\nCPU part\t: 0xd05\n",
    ),
    ("proc/device-tree/model", "Radxa ROCK 5B\0"),
    ("proc/meminfo", "MemTotal: 8131072 kB\nMemAvailable: 7000000 kB\n"),
    ("proc/loadavg", "4.13 4.02 3.10 5/160 99\n"),
    ("proc/self/status", "Cpus_allowed_list:\t0-3\n"),
    ("sys/devices/system/cpu/online", "0-3\n"),
    ("sys/devices/system/cpu/cpu0/cpu_capacity", "530\n"),
    ("sys/devices/system/cpu/cpu1/cpu_capacity", "530\n"),
    ("sys/devices/system/cpu/cpu2/cpu_capacity", "1024\n"),
    ("sys/devices/system/cpu/cpu3/cpu_capacity", "1024\n"),
    ("sys/devices/system/cpu/cpu0/cpufreq/cpuinfo_max_freq", "1800000\n"),
    ("sys/devices/system/cpu/cpu2/cpufreq/cpuinfo_max_freq", "2400000\n"),
    ("sys/devices/system/cpu/cpufreq/policy0/scaling_governor", "schedutil\n"),
    ("sys/devices/system/cpu/cpufreq/policy2/scaling_governor", "performance\n"),
    ("sys/devices/system/cpu/cpufreq/policy0/scaling_driver", "cpufreq-dt\n"),
    ("sys/devices/system/cpu/cpufreq/boost", "0\n"),
    (
        "sys/class/drm/card0/device/uevent",
        "DRIVER=panthor\nOF_NAME=gpu\nOF_COMPATIBLE_0=rockchip,rk3588-mali\n",
    ),
];

/// A folder with these files.
pub(crate) fn lay(files: Files<'_>) -> TempDir {
    let root = tempfile::tempdir().expect("a temporary folder");
    for (name, text) in files {
        let path = root.path().join(name);
        fs::create_dir_all(path.parent().expect("it is below the folder")).expect("a folder");
        fs::write(path, text).expect("a file");
    }
    root
}
