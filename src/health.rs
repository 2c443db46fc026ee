//! Whether the process can do its work, as `/readyz` tells it.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};

/// Whether the process can do its work, for `/readyz`.
#[derive(Debug, Default)]
pub struct Health {
    assigned: AtomicBool,
    troubles: Mutex<BTreeMap<Trouble, String>>,
}

/// Who waits for something to be over.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Trouble {
    /// The preparation of the tables.
    Start,
    /// A writer.
    Writer(usize),
    /// The connection to Kafka, and what has to be asked of it before messages can be read.
    Kafka,
    /// The group, which does not take this instance.
    Group,
    /// The commit of offsets.
    Commit,
}

impl Trouble {
    /// What it has trouble with.
    const fn with(self) -> &'static str {
        match self {
            Self::Start | Self::Writer(_) => "MySQL",
            Self::Kafka | Self::Group | Self::Commit => "Kafka",
        }
    }
}

impl Health {
    /// The group has given this instance its partitions.
    pub fn set_assigned(&self, assigned: bool) {
        self.assigned.store(assigned, Ordering::Relaxed);
    }

    /// Something is being waited out; `None` when it is over.
    pub fn set_trouble(&self, trouble: Trouble, text: Option<String>) {
        let mut troubles = self.troubles.lock().unwrap_or_else(PoisonError::into_inner);
        match text {
            Some(text) => drop(troubles.insert(trouble, text)),
            None => drop(troubles.remove(&trouble)),
        }
    }

    /// `Ok` when the process consumes and flushes, else what it waits for.
    ///
    /// # Errors
    /// With what is being waited for.
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
