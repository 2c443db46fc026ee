//! The name of this machine, or of the container.

/// The name of this machine, or of the container; empty if it is unknown.
#[must_use]
pub fn host_name() -> String {
    std::fs::read_to_string("/proc/sys/kernel/hostname")
        .map(|name| name.trim().to_owned())
        .unwrap_or_default()
}
