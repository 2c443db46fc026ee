//! Whether the process can do its work, for `/readyz`.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};

#[derive(Debug, Default)]
pub struct Health {
    assigned: AtomicBool,
    troubles: Mutex<BTreeMap<Trouble, String>>,
}

/// The part of the process that is in trouble, that is, retrying something.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Trouble {
    /// The preparation of the tables.
    Start,
    /// The writer with this number.
    Writer(usize),
    /// The connection to Kafka, and the queries before messages can be read.
    Kafka,
    /// The group, which does not accept this instance.
    Group,
    /// The commit of offsets.
    Commit,
}

impl Trouble {
    /// The server at fault.
    const fn with(self) -> &'static str {
        match self {
            Self::Start | Self::Writer(_) => "MySQL",
            Self::Kafka | Self::Group | Self::Commit => "Kafka",
        }
    }
}

impl Health {
    /// Whether the group has assigned this instance its partitions.
    pub fn set_assigned(&self, assigned: bool) {
        self.assigned.store(assigned, Ordering::Relaxed);
    }

    /// `None` when the trouble is over.
    pub fn set_trouble(&self, trouble: Trouble, text: Option<String>) {
        let mut troubles = self.troubles.lock().unwrap_or_else(PoisonError::into_inner);
        match text {
            Some(text) => drop(troubles.insert(trouble, text)),
            None => drop(troubles.remove(&trouble)),
        }
    }

    /// `Ok` if the process consumes and flushes.
    ///
    /// # Errors
    /// What it waits for.
    pub fn ready(&self) -> Result<(), String> {
        let troubles = self.troubles.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((trouble, text)) = troubles.first_key_value() {
            return Err(format!("{}: {text}", trouble.with()));
        }
        if self.assigned.load(Ordering::Relaxed) {
            Ok(())
        } else {
            Err("Kafka: no partitions assigned; is a broker reachable, do the topics exist, are there more instances than partitions?".to_owned())
        }
    }
}
