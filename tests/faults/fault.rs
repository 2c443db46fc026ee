//! The kinds of faults, and the lane of the chaos run that each belongs to.

use std::time::Duration;
use testkit::Chance;

/// Something that goes wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Fault {
    ServerKilled,
    ServerStopped,
    ServerFrozen,
    ServerReadOnly,
    ConnectionsKilled,
    IdleTimeout,
    Deadlock,
    LockWaitTimeout,
    TableLocked,
    GlobalReadLock,
    PacketLowered,
    DiskFull,
    GrantRevoked,
    ColumnMissing,
    ColumnNarrower,
    IdsRunOut,
    Restored,
    FailoverThatLost,
    BrokerKilled,
    BrokerFrozen,
    PartitionsAdded,
    TopicCreatedLate,
    TopicRecreated,
    OffsetsOutOfRange,
    CommitsFailing,
    TransactionAborted,
    TransactionOpen,
    InstanceKilled,
    InstanceStopped,
    InstanceAdded,
}

impl Fault {
    /// What happens to the database server.
    pub const SERVER: [Self; 18] = [
        Self::ServerKilled,
        Self::ServerStopped,
        Self::ServerFrozen,
        Self::ServerReadOnly,
        Self::ConnectionsKilled,
        Self::IdleTimeout,
        Self::Deadlock,
        Self::LockWaitTimeout,
        Self::TableLocked,
        Self::GlobalReadLock,
        Self::PacketLowered,
        Self::DiskFull,
        Self::GrantRevoked,
        Self::ColumnMissing,
        Self::ColumnNarrower,
        Self::IdsRunOut,
        Self::Restored,
        Self::FailoverThatLost,
    ];

    /// What happens to Kafka.
    pub const BROKER: [Self; 9] = [
        Self::BrokerKilled,
        Self::BrokerFrozen,
        Self::PartitionsAdded,
        Self::TopicCreatedLate,
        Self::TopicRecreated,
        Self::OffsetsOutOfRange,
        Self::CommitsFailing,
        Self::TransactionAborted,
        Self::TransactionOpen,
    ];

    /// What happens to sluicegate itself.
    pub const INSTANCE: [Self; 3] =
        [Self::InstanceKilled, Self::InstanceStopped, Self::InstanceAdded];

    pub fn name(self) -> &'static str {
        match self {
            Self::ServerKilled => "server killed",
            Self::ServerStopped => "server stopped",
            Self::ServerFrozen => "server frozen",
            Self::ServerReadOnly => "server read-only",
            Self::ConnectionsKilled => "connections killed",
            Self::IdleTimeout => "wait_timeout while idle",
            Self::Deadlock => "deadlocks",
            Self::LockWaitTimeout => "lock wait timeout",
            Self::TableLocked => "table locked",
            Self::GlobalReadLock => "global read lock",
            Self::PacketLowered => "max_allowed_packet lowered",
            Self::DiskFull => "disk full",
            Self::GrantRevoked => "grant revoked",
            Self::ColumnMissing => "column missing",
            Self::ColumnNarrower => "column narrower",
            Self::IdsRunOut => "AUTO_INCREMENT runs out",
            Self::Restored => "restored",
            Self::FailoverThatLost => "failover that lost",
            Self::BrokerKilled => "broker killed",
            Self::BrokerFrozen => "broker frozen",
            Self::PartitionsAdded => "partitions added",
            Self::TopicCreatedLate => "topic created late",
            Self::TopicRecreated => "recreated topic",
            Self::OffsetsOutOfRange => "offsets out of range",
            Self::CommitsFailing => "commits failing",
            Self::TransactionAborted => "transaction aborted",
            Self::TransactionOpen => "transaction left open",
            Self::InstanceKilled => "instance killed",
            Self::InstanceStopped => "instance stopped",
            Self::InstanceAdded => "instance added",
        }
    }

    /// How long it lasts, between injection and healing.
    pub fn lasts(self, short: bool, chance: &mut Chance) -> Duration {
        match self {
            Self::ServerKilled => chance.milliseconds(0..3_000),
            Self::ServerStopped if short => chance.milliseconds(2_000..4_000),
            Self::ServerStopped => Duration::from_secs(60),
            // Longer than the group waits for a poll.
            Self::ServerFrozen => crate::own_servers::POLL_INTERVAL_MAX + Duration::from_secs(2),
            Self::BrokerFrozen if short => chance.milliseconds(3_000..4_000),
            Self::BrokerFrozen => chance.milliseconds(8_000..12_000),
            Self::BrokerKilled => chance.milliseconds(0..2_000),
            // Longer than the timeout that is set for it.
            Self::IdleTimeout | Self::LockWaitTimeout => chance.milliseconds(2_500..3_000),
            Self::ConnectionsKilled | Self::Deadlock => chance.milliseconds(1_000..2_000),
            Self::InstanceKilled | Self::InstanceStopped => chance.milliseconds(0..2_000),
            Self::PartitionsAdded
            | Self::TopicCreatedLate
            | Self::TopicRecreated
            | Self::OffsetsOutOfRange
            | Self::TransactionAborted => Duration::ZERO,
            Self::InstanceAdded => chance.milliseconds(3_000..6_000),
            _ if short => chance.milliseconds(1_000..2_500),
            _ => chance.milliseconds(2_000..6_000),
        }
    }
}
