//! What Kafka calls itself, its topics and this client, in librdkafka's own calls: rdkafka has no safe
//! ones for them, or one that leaks its text.
//!
//! Holds true: what librdkafka hands out is freed once, when its [`Owned`] is dropped, and nothing borrowed
//! from it leaves this file. Each call waits for Kafka, at most [`QUERY_TIMEOUT`].

// Every block says why it is sound.
#![expect(unsafe_code)]

use super::QUERY_TIMEOUT;
use super::queries::exists;
use crate::offsets::CLUSTER_ID_CHARS_MAX;
use rdkafka::bindings::{
    rd_kafka_AdminOptions_destroy, rd_kafka_AdminOptions_new,
    rd_kafka_AdminOptions_set_request_timeout, rd_kafka_DescribeTopics,
    rd_kafka_DescribeTopics_result_topics, rd_kafka_TopicCollection_destroy,
    rd_kafka_TopicCollection_of_topic_names, rd_kafka_TopicDescription_error,
    rd_kafka_TopicDescription_name, rd_kafka_TopicDescription_t,
    rd_kafka_TopicDescription_topic_id, rd_kafka_Uuid_least_significant_bits,
    rd_kafka_Uuid_most_significant_bits, rd_kafka_clusterid, rd_kafka_error_code,
    rd_kafka_event_DescribeTopics_result, rd_kafka_event_destroy, rd_kafka_event_error,
    rd_kafka_event_t, rd_kafka_mem_free, rd_kafka_memberid, rd_kafka_queue_destroy,
    rd_kafka_queue_new, rd_kafka_queue_poll,
};
use rdkafka::client::Client;
use rdkafka::consumer::{BaseConsumer, Consumer as _, ConsumerContext};
use rdkafka::error::{KafkaError, KafkaResult, RDKafkaErrorCode};
use rdkafka::types::RDKafkaAdminOp;
use std::collections::{BTreeMap, BTreeSet};
use std::ffi::{CStr, CString, c_char, c_int};
use std::ptr::{NonNull, null_mut};
use std::sync::Arc;
use std::time::Duration;

/// How librdkafka's own broker, which the demo has, calls its cluster. It does not answer questions about
/// topics' ids.
const MOCK: &str = "mockCluster";

/// The id that Kafka gave its cluster; "" if the broker has none.
pub(super) fn cluster_id<C: ConsumerContext>(consumer: &BaseConsumer<C>) -> KafkaResult<Arc<str>> {
    if let Some(id) = known_cluster_id(consumer.client(), QUERY_TIMEOUT) {
        return Ok(id);
    }
    // A broker without an id, or none that answers? Metadata, which would bring the id, tells.
    consumer.fetch_metadata(None, QUERY_TIMEOUT)?;
    Ok(known_cluster_id(consumer.client(), Duration::ZERO).unwrap_or_default())
}

fn known_cluster_id<C: ConsumerContext>(client: &Client<C>, wait: Duration) -> Option<Arc<str>> {
    // SAFETY: the client lives longer than this call, which gives null or a text of our own.
    let id = unsafe { take_text(client, rd_kafka_clusterid(client.native_ptr(), millis(wait))) };
    // Kafka makes ids of 22 characters, but takes any text that an operator gives.
    let kept = |id: Arc<str>| -> String {
        id.chars().filter(char::is_ascii_graphic).take(CLUSTER_ID_CHARS_MAX).collect()
    };
    id.map(|id| kept(id).into())
}

/// What the group calls this client; "" before it has joined.
pub(super) fn member_id<C: ConsumerContext>(consumer: &BaseConsumer<C>) -> Arc<str> {
    let client = consumer.client();
    // SAFETY: the client lives longer than this call, which gives null or a text of our own.
    let id = unsafe { take_text(client, rd_kafka_memberid(client.native_ptr())) };
    id.unwrap_or_default()
}

/// # Safety
/// `text` is null, or a C string that librdkafka has given us to free.
unsafe fn take_text<C: ConsumerContext>(client: &Client<C>, text: *mut c_char) -> Option<Arc<str>> {
    if text.is_null() {
        return None;
    }
    // SAFETY: not null, so it is a C string, and nothing else frees it.
    unsafe {
        let copy = Arc::from(CStr::from_ptr(text).to_string_lossy());
        rd_kafka_mem_free(client.native_ptr(), text.cast());
        Some(copy)
    }
}

/// The ids of those of these topics that exist, as Kafka prints them; "" if the broker gives none, as
/// before Kafka 2.8.
pub(super) fn topic_ids<C: ConsumerContext>(
    consumer: &BaseConsumer<C>,
    topics: &[&str],
) -> KafkaResult<BTreeMap<Arc<str>, Arc<str>>> {
    // librdkafka refuses one that is named twice.
    let names: BTreeSet<&str> = topics.iter().copied().collect();
    if names.is_empty() {
        return Ok(BTreeMap::new());
    }
    if cluster_id(consumer)?.starts_with(MOCK) {
        return without_ids(consumer, &names);
    }
    // While the question below is open and no broker is there, librdkafka 2.12 connects again without a pause
    // and takes a whole core. So we ask something first that only a broker can answer.
    consumer.fetch_metadata(names.first().copied(), QUERY_TIMEOUT)?;
    let names = names.into_iter().map(CString::new).collect::<Result<Vec<_>, _>>()?;
    let answer = describe(consumer.client(), &names)?;
    let mut count = 0;
    // SAFETY: the answer is alive until the end of this function, and so is what is borrowed from it.
    // Of another kind of answer, null comes first and then no topics.
    let described: &[*const rd_kafka_TopicDescription_t] = unsafe {
        let result = rd_kafka_event_DescribeTopics_result(answer.pointer());
        if result.is_null() {
            return Err(KafkaError::MetadataFetch(RDKafkaErrorCode::InvalidType));
        }
        let first = rd_kafka_DescribeTopics_result_topics(result, &raw mut count);
        if first.is_null() { &[] } else { std::slice::from_raw_parts(first, count) }
    };
    let mut ids = BTreeMap::new();
    for topic in described.iter().copied().filter(|topic| !topic.is_null()) {
        // SAFETY: it is one of the answer, which is still alive.
        let (name, code, id) = unsafe { read(topic) };
        match code {
            RDKafkaErrorCode::NoError => {
                ids.insert(name, base64(id));
            }
            RDKafkaErrorCode::UnknownTopicOrPartition => {}
            code => return Err(KafkaError::MetadataFetch(code)),
        }
    }
    Ok(ids)
}

fn without_ids<C: ConsumerContext>(
    consumer: &BaseConsumer<C>,
    topics: &BTreeSet<&str>,
) -> KafkaResult<BTreeMap<Arc<str>, Arc<str>>> {
    let mut found = BTreeMap::new();
    for topic in topics {
        if exists(consumer, topic, QUERY_TIMEOUT)? {
            found.insert(Arc::from(*topic), Arc::from(""));
        }
    }
    Ok(found)
}

/// The name of a described topic, what is wrong with it, and the bits of its id.
///
/// # Safety
/// `topic` is part of an answer that is alive.
unsafe fn read(topic: *const rd_kafka_TopicDescription_t) -> (Arc<str>, RDKafkaErrorCode, u128) {
    // SAFETY: a described topic always has a name and an id, which live as long as it does; of no error
    // (null), the code is the one for none.
    unsafe {
        let name = CStr::from_ptr(rd_kafka_TopicDescription_name(topic)).to_string_lossy();
        let code = rd_kafka_error_code(rd_kafka_TopicDescription_error(topic));
        let id = rd_kafka_TopicDescription_topic_id(topic);
        let most = u128::from(rd_kafka_Uuid_most_significant_bits(id).cast_unsigned());
        let least = u128::from(rd_kafka_Uuid_least_significant_bits(id).cast_unsigned());
        (Arc::from(name), code.into(), most << 64 | least)
    }
}

/// Asks Kafka to describe topics, each named once.
fn describe<C: ConsumerContext>(
    client: &Client<C>,
    names: &[CString],
) -> KafkaResult<Owned<rd_kafka_event_t>> {
    let mut pointers: Vec<*const c_char> = names.iter().map(|name| name.as_ptr()).collect();
    // SAFETY: the client and the names live longer than this call, and librdkafka copies the names. What
    // it makes here is owned here. If the wait ends first, librdkafka drops the late answer, as its queue
    // is gone by then.
    let (answer, code) = unsafe {
        let topics = Owned::new(
            rd_kafka_TopicCollection_of_topic_names(pointers.as_mut_ptr(), pointers.len()),
            rd_kafka_TopicCollection_destroy,
        )?;
        let options = Owned::new(
            rd_kafka_AdminOptions_new(
                client.native_ptr(),
                RDKafkaAdminOp::RD_KAFKA_ADMIN_OP_DESCRIBETOPICS,
            ),
            rd_kafka_AdminOptions_destroy,
        )?;
        rd_kafka_AdminOptions_set_request_timeout(
            options.pointer(),
            millis(QUERY_TIMEOUT),
            null_mut(),
            0,
        );
        let queue = Owned::new(rd_kafka_queue_new(client.native_ptr()), rd_kafka_queue_destroy)?;
        rd_kafka_DescribeTopics(
            client.native_ptr(),
            topics.pointer(),
            options.pointer(),
            queue.pointer(),
        );
        let answer = rd_kafka_queue_poll(queue.pointer(), millis(QUERY_TIMEOUT));
        let answer = Owned::new(answer, rd_kafka_event_destroy)?;
        let code = rd_kafka_event_error(answer.pointer());
        (answer, code)
    };
    match code.into() {
        RDKafkaErrorCode::NoError => Ok(answer),
        code => Err(KafkaError::MetadataFetch(code)),
    }
}

/// Something that librdkafka has made for us.
struct Owned<T> {
    pointer: NonNull<T>,
    free: unsafe extern "C" fn(*mut T),
}

impl<T> Owned<T> {
    /// Fails if there is nothing, which for an answer means that it did not come in time.
    ///
    /// # Safety
    /// `pointer` is null, or nothing else frees it, and `free` is how it is freed.
    unsafe fn new(pointer: *mut T, free: unsafe extern "C" fn(*mut T)) -> KafkaResult<Self> {
        let pointer = NonNull::new(pointer);
        let pointer = pointer.ok_or(KafkaError::MetadataFetch(RDKafkaErrorCode::OperationTimedOut));
        Ok(Self { pointer: pointer?, free })
    }

    fn pointer(&self) -> *mut T {
        self.pointer.as_ptr()
    }
}

impl<T> Drop for Owned<T> {
    fn drop(&mut self) {
        // SAFETY: `new` was promised that this is how it is freed, and that nothing else does.
        unsafe { (self.free)(self.pointer()) }
    }
}

fn millis(duration: Duration) -> c_int {
    c_int::try_from(duration.as_millis()).unwrap_or(c_int::MAX)
}

/// A topic id as Kafka's own tools print it: base64 for URLs, without padding; "" of zero, which Kafka
/// gives no topic.
// librdkafka's own text has the other alphabet.
fn base64(id: u128) -> Arc<str> {
    const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    const BITS: u32 = 128;
    if id == 0 {
        return Arc::default();
    }
    let digit = |at: u32| {
        let end = (at + 1) * 6;
        // The last digit has two bits of the id and four zeros.
        let bits = if end <= BITS { id >> (BITS - end) } else { id << (end - BITS) };
        char::from(ALPHABET[(bits & 63) as usize])
    };
    (0..BITS.div_ceil(6)).map(digit).collect::<String>().into()
}

#[cfg(test)]
mod tests {
    use super::base64;
    use ::base64::Engine as _;
    use ::base64::prelude::BASE64_URL_SAFE_NO_PAD;

    proptest::proptest! {
        #[test]
        fn a_topic_id_reads_as_kafka_prints_it(id in 1_u128..) {
            let expected = BASE64_URL_SAFE_NO_PAD.encode(id.to_be_bytes());
            proptest::prop_assert_eq!(&*base64(id), expected);
        }
    }

    #[test]
    fn no_topic_id_is_no_text() {
        assert_eq!(&*base64(0), "");
        assert_eq!(&*base64(1), "AAAAAAAAAAAAAAAAAAAAAQ");
    }
}
