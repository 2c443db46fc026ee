//! Who is in a group, and what each of them reads.

use super::QUERY_TIMEOUT;
use crate::offsets::TopicPartition;
use rdkafka::consumer::{BaseConsumer, Consumer as _, ConsumerContext};
use rdkafka::error::{KafkaError, KafkaResult, RDKafkaErrorCode};
use rdkafka::groups::{GroupInfo, GroupMemberInfo};
use std::sync::Arc;

/// One client in a group.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Member {
    /// What the group calls it; see [`super::Consumer::member_id`].
    pub id: Arc<str>,
    pub client_id: Arc<str>,
    /// Its address as the broker sees it.
    pub host: Arc<str>,
    /// What it reads; empty while the group is rebalancing, or if it does not say so as consumers do.
    pub partitions: Vec<TopicPartition>,
}

/// The members of a group; of one that does not exist, none.
pub(super) fn members<C: ConsumerContext>(
    consumer: &BaseConsumer<C>,
    group: &str,
) -> KafkaResult<Vec<Member>> {
    // It asks every broker, and a client that has connected to none knows of none.
    super::identity::cluster_id(consumer)?;
    let list = consumer.fetch_group_list(Some(group), QUERY_TIMEOUT)?;
    let Some(found) = list.groups().iter().find(|found| found.name() == group) else {
        return Ok(Vec::new());
    };
    // rdkafka does not pass on the error of a single group. A group with an error has no state.
    if found.state().is_empty() {
        return Err(KafkaError::GroupListFetch(RDKafkaErrorCode::CoordinatorNotAvailable));
    }
    Ok(found.members().iter().map(|member| one(found, member)).collect())
}

fn one(group: &GroupInfo, member: &GroupMemberInfo) -> Member {
    let is_consumer = group.protocol_type() == "consumer";
    let assignment = member.assignment().filter(|_| is_consumer).unwrap_or_default();
    Member {
        id: member.id().into(),
        client_id: member.client_id().into(),
        host: member.client_host().trim_start_matches('/').into(),
        partitions: partitions(assignment).unwrap_or_default(),
    }
}

/// The partitions of an assignment as consumers write it (Kafka's `ConsumerProtocolAssignment`, of any
/// version): a version, then topics with their partitions, then what we do not read.
/// `None` if these bytes are something else.
fn partitions(assignment: &[u8]) -> Option<Vec<TopicPartition>> {
    let mut rest = assignment;
    let _version: [u8; 2] = take(&mut rest)?;
    let mut found = Vec::new();
    for _ in 0..take_length(&mut rest)? {
        let length = i16::from_be_bytes(take(&mut rest)?);
        let (name, after) = rest.split_at_checked(usize::try_from(length).ok()?)?;
        rest = after;
        let topic: Arc<str> = str::from_utf8(name).ok()?.into();
        for _ in 0..take_length(&mut rest)? {
            let partition = i32::from_be_bytes(take(&mut rest)?);
            found.push(TopicPartition { topic: Arc::clone(&topic), partition });
        }
    }
    Some(found)
}

/// The length of an array. It can be anything up to two thousand millions, so we take an element at a
/// time, as far as there are bytes.
fn take_length(rest: &mut &[u8]) -> Option<i32> {
    take(rest).map(i32::from_be_bytes).filter(|length| *length >= 0)
}

fn take<const N: usize>(rest: &mut &[u8]) -> Option<[u8; N]> {
    let (first, after) = rest.split_first_chunk()?;
    *rest = after;
    Some(*first)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Version 1; `order` with the partitions 0 and 3, `user` with none; no user data.
    const ASSIGNMENT: &[u8] = b"\0\x01\0\0\0\x02\0\x05order\0\0\0\x02\0\0\0\0\0\0\0\x03\0\x04user\0\0\0\0\xff\xff\xff\xff";

    fn read(assignment: &[u8]) -> Option<Vec<String>> {
        let partitions = partitions(assignment)?;
        Some(partitions.iter().map(ToString::to_string).collect())
    }

    #[test]
    fn an_assignment_is_read() {
        assert_eq!(read(ASSIGNMENT).unwrap(), ["order/0", "order/3"]);
        assert_eq!(read(b"\0\0\0\0\0\0").unwrap(), [""; 0]);
    }

    #[test]
    fn a_part_of_one_is_none() {
        let topics_end = ASSIGNMENT.len() - 4;
        for end in 0..topics_end {
            assert_eq!(read(&ASSIGNMENT[..end]), None, "{end}");
        }
        assert!(read(&ASSIGNMENT[..topics_end]).is_some(), "user data is not needed");
    }

    #[test]
    fn lengths_that_cannot_be() {
        assert_eq!(read(b"\0\0\xff\xff\xff\xff"), None, "no topics");
        assert_eq!(read(b"\0\0\x7f\xff\xff\xff"), None, "two thousand million topics");
        assert_eq!(read(b"\0\0\0\0\0\x01\xff\xff"), None, "a topic without a name");
        assert_eq!(read(b"\0\0\0\0\0\x01\0\x01\xff\0\0\0\0"), None, "a name that is not text");
        assert_eq!(read(b"\0\0\0\0\0\x01\0\x01t\x7f\xff\xff\xff\0\0\0\0"), None, "partitions");
    }

    proptest::proptest! {
        #[test]
        fn any_bytes_are_read(bytes in proptest::collection::vec(proptest::num::u8::ANY, 0..64)) {
            let _ = partitions(&bytes);
        }
    }
}
