//! CPU time and memory of processes, as Linux tells them in `/proc`; elsewhere nothing is known.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

/// `USER_HZ`: the unit of times in `/proc`, the same on every Linux.
const TICKS_PER_SECOND: f64 = 100.0;

// Places in `/proc/PID/stat`, counted from the field after the name.
const USER: usize = 11;
const SYSTEM: usize = 12;
const CHILDREN_USER: usize = 13;
const CHILDREN_SYSTEM: usize = 14;

/// User and system time of a process that runs, in seconds.
pub(super) fn cpu_seconds(pid: u32) -> Option<f64> {
    seconds(Path::new(&format!("/proc/{pid}/stat")), [USER, SYSTEM])
}

/// User and system time of all children that have ended and been waited on, in seconds. Taken before and after, it is
/// exact for those between; what is read from a process that still runs misses its last moments.
pub(super) fn children_cpu_seconds() -> Option<f64> {
    seconds(Path::new("/proc/self/stat"), [CHILDREN_USER, CHILDREN_SYSTEM])
}

/// User and system time of a process's threads that run, in seconds by name.
pub(super) fn cpu_seconds_by_thread(pid: u32) -> BTreeMap<String, f64> {
    let mut by_name = BTreeMap::new();
    for task in fs::read_dir(format!("/proc/{pid}/task")).into_iter().flatten().flatten() {
        let name = fs::read_to_string(task.path().join("comm"));
        let cpu = seconds(&task.path().join("stat"), [USER, SYSTEM]);
        if let (Ok(name), Some(cpu)) = (name, cpu) {
            *by_name.entry(name.trim_end().to_owned()).or_default() += cpu;
        }
    }
    by_name
}

/// The most memory a process that runs has had resident, in bytes. Unlike what `wait4` tells, it does not count what the
/// parent had when it forked.
pub(super) fn peak_memory_bytes(pid: u32) -> Option<u64> {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    let kibibytes: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    Some(kibibytes * 1024)
}

/// What the machine's processor is called.
pub(super) fn cpu_model() -> Option<String> {
    let info = fs::read_to_string("/proc/cpuinfo").ok()?;
    let line = info.lines().find(|line| line.starts_with("model name"))?;
    Some(line.split_once(':')?.1.trim().to_owned())
}

fn seconds(stat: &Path, places: [usize; 2]) -> Option<f64> {
    let text = fs::read_to_string(stat).ok()?;
    ticks(&text, places).map(|ticks| ticks as f64 / TICKS_PER_SECOND)
}

/// The name stands in parentheses and may hold anything, parentheses and blanks as well.
fn ticks(stat: &str, places: [usize; 2]) -> Option<u64> {
    let fields: Vec<&str> = stat.rsplit_once(')')?.1.split_whitespace().collect();
    places.iter().map(|place| fields.get(*place)?.parse::<u64>().ok()).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_past_any_name() {
        let stat = "7 (a) b) S 1 7 7 0 -1 4194304 100 0 0 0 12 34 56 78 20 0 1 0";
        assert_eq!(ticks(stat, [USER, SYSTEM]), Some(46));
        assert_eq!(ticks(stat, [CHILDREN_USER, CHILDREN_SYSTEM]), Some(134));
        assert_eq!(ticks("7 (a) S 1", [USER, SYSTEM]), None);
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn this_process_is_known() {
        let pid = std::process::id();
        assert!(cpu_seconds(pid).is_some());
        assert!(peak_memory_bytes(pid).is_some_and(|bytes| bytes > 100_000));
        assert!(!cpu_seconds_by_thread(pid).is_empty());
    }
}
