//! What came up in a run, so that a run in which nothing did proves nothing.

/// What came up in a run.
#[derive(Debug, Default)]
pub(crate) struct Summary {
    pub(crate) crashes: u32,
    pub(crate) polite_stops: u32,
    pub(crate) late_stops: u32,
    pub(crate) expulsions: u32,
    pub(crate) rebalances: u32,
    pub(crate) failed_attempts: u32,
    pub(crate) unheard_commits: u32,
    pub(crate) late_landings: u32,
    pub(crate) failed_offset_commits: u32,
    pub(crate) pauses: u32,
    pub(crate) redone: u32,
    pub(crate) times_back: u32,
    pub(crate) noticed_back: u32,
    pub(crate) seeks: u32,
}

impl Summary {
    fn counts(&self) -> [u32; 14] {
        [
            self.crashes,
            self.polite_stops,
            self.late_stops,
            self.expulsions,
            self.rebalances,
            self.failed_attempts,
            self.unheard_commits,
            self.late_landings,
            self.failed_offset_commits,
            self.pauses,
            self.redone,
            self.times_back,
            self.noticed_back,
            self.seeks,
        ]
    }

    pub(crate) fn add(&mut self, other: &Self) {
        self.crashes += other.crashes;
        self.polite_stops += other.polite_stops;
        self.late_stops += other.late_stops;
        self.expulsions += other.expulsions;
        self.rebalances += other.rebalances;
        self.failed_attempts += other.failed_attempts;
        self.unheard_commits += other.unheard_commits;
        self.late_landings += other.late_landings;
        self.failed_offset_commits += other.failed_offset_commits;
        self.pauses += other.pauses;
        self.redone += other.redone;
        self.times_back += other.times_back;
        self.noticed_back += other.noticed_back;
        self.seeks += other.seeks;
    }

    /// Whether every kind of fault and of recovery came up.
    pub(crate) fn reaches_everything(&self) -> bool {
        self.counts().iter().all(|count| *count > 0)
    }
}
