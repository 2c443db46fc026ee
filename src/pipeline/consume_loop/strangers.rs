//! Members of the group that do not write to this database.
//!
//! Whatever such a member reads is missing here, and Kafka's offsets do not show it: another database's
//! instance, or another program.

use super::ConsumeLoop;
use crate::consume::{Member, Question};
use crate::flush::Offered;
use crate::pipeline::joined;
use crate::pipeline::keeper::Recall;
use std::collections::BTreeSet;
use tracing::warn;

/// After how many ticks to look at the members again.
pub(super) const TICKS_TO_MEMBERS: u32 = 10;

#[derive(Debug, Default)]
pub(super) struct Strangers {
    /// The members of the group with partitions, as Kafka has listed them last.
    members: Vec<Member>,
    /// Who was not known to this database at the last look: new members may not have written yet.
    suspects: BTreeSet<String>,
    /// Who has been named in the log.
    named: BTreeSet<String>,
}

impl ConsumeLoop {
    pub(super) fn ask_about_members(&self) {
        let group = self.setup.config.kafka.group_id.clone();
        self.link.consumer.ask(Question::Members(group));
    }

    /// Kafka has listed the members of the group.
    pub(super) fn members(&mut self, members: Vec<Member>) {
        let own = self.link.consumer.member_id();
        let others = members.into_iter().filter(|member| *member.id != *own);
        self.strangers.members = others.filter(|member| !member.partitions.is_empty()).collect();
        if self.strangers.members.is_empty() {
            self.strangers.suspects.clear();
            self.pump.strangers(0);
        } else {
            self.recall_members(Recall { partitions: Vec::new(), offered: Offered::default() });
        }
    }

    /// The database has listed the members whose commits it has.
    pub(super) fn known_members(&mut self, known: &BTreeSet<String>) {
        let unknown = self.strangers.find(known);
        self.pump.strangers(unknown.len());
        for member in unknown {
            if self.strangers.named.insert(member.id.to_string()) {
                warn!(
                    member = &*member.id,
                    client_id = &*member.client_id,
                    host = &*member.host,
                    partitions = joined(&member.partitions),
                    "consume: a member of the group has partitions and does not write to this database; what it reads is missing here. Give each database a kafka.group_id of its own"
                );
            }
        }
    }

    /// Those who do not write here, for a sentence; empty if there are none.
    pub(super) fn strangers_in_words(&self) -> String {
        let named = self.strangers.members.iter();
        let named = named.filter(|member| self.strangers.named.contains(&*member.id));
        let word = |member: &Member| {
            format!("{} at {} (member {})", member.client_id, member.host, member.id)
        };
        named.map(word).collect::<Vec<_>>().join(", ")
    }
}

impl Strangers {
    /// Who was unknown at this look and at the one before.
    fn find(&mut self, known: &BTreeSet<String>) -> Vec<Member> {
        let unknown = self.members.iter().filter(|member| !known.contains(&*member.id));
        let unknown: Vec<Member> = unknown.cloned().collect();
        let ids = unknown.iter().map(|member| member.id.to_string()).collect();
        let before = std::mem::replace(&mut self.suspects, ids);
        unknown.into_iter().filter(|member| before.contains(&*member.id)).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_new_member_has_time_to_write() {
        let member = |id: &str| Member {
            id: id.into(),
            client_id: "loader".into(),
            host: "/10.0.0.7".into(),
            partitions: Vec::new(),
        };
        let mut strangers =
            Strangers { members: vec![member("old"), member("new")], ..Strangers::default() };
        let known = |ids: &[&str]| ids.iter().map(|id| (*id).to_owned()).collect();
        assert_eq!(strangers.find(&known(&["old"])), []);
        assert_eq!(strangers.find(&known(&["old", "new"])), []);
        assert_eq!(strangers.find(&known(&["old"])), [], "a first look again");
        assert_eq!(strangers.find(&known(&["old"])), [member("new")]);
    }
}
