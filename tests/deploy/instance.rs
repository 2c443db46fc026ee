//! An instance that ends with its owner.

use crate::support::{World, free_port, get, signal, wait_for};
use std::process::{Child, Command, Stdio};

pub(crate) struct Instance {
    pub(crate) port: u16,
    child: Child,
}

impl Instance {
    /// Starts it for a world, and waits until it has its partitions.
    pub(crate) fn start(world: &World) -> Self {
        let port = free_port();
        let mut command = world.command();
        command.args(["--set", &format!("http.address=127.0.0.1:{port}")]);
        Self::of(command.arg("run"), port)
    }

    /// The same with a command that has this port among its settings.
    pub(crate) fn of(command: &mut Command, port: u16) -> Self {
        let child = command.stderr(Stdio::null()).spawn().unwrap();
        let mut instance = Self { port, child };
        wait_for("an instance to be ready", || {
            assert!(instance.child.try_wait().unwrap().is_none(), "it ended");
            get(port, "/readyz").ok().filter(|answer| answer.starts_with("HTTP/1.1 200"))
        });
        instance
    }

    /// Stops it politely.
    pub(crate) fn stop(mut self) {
        signal(&self.child, "TERM");
        assert!(wait_for("a polite end", || self.child.try_wait().unwrap()).success());
    }
}

impl Drop for Instance {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
