//! A message of Kafka's, borrowed.

use rdkafka::message::{
    BorrowedHeaders, BorrowedMessage, Headers as _, OwnedHeaders, OwnedMessage,
};

#[derive(Debug, Clone, Copy)]
pub struct Message<'m> {
    pub topic: &'m str,
    pub partition: i32,
    pub offset: i64,
    pub key: Option<&'m [u8]>,
    /// `None`: a tombstone.
    pub payload: Option<&'m [u8]>,
    /// When the producer or the broker stamped it, in milliseconds since 1970.
    pub timestamp_ms: Option<i64>,
    pub headers: Headers<'m>,
}

/// The headers of a message. They are not looked at before someone asks for one.
#[derive(Debug, Clone, Copy)]
pub enum Headers<'m> {
    None,
    Of(&'m BorrowedMessage<'m>),
    Kept(&'m OwnedHeaders),
}

impl<'m> Message<'m> {
    #[must_use]
    pub fn of(message: &'m BorrowedMessage<'m>) -> Self {
        Self { headers: Headers::Of(message), ..Self::without_headers(message) }
    }

    #[must_use]
    pub fn of_owned(message: &'m OwnedMessage) -> Self {
        let headers = rdkafka::Message::headers(message).map_or(Headers::None, Headers::Kept);
        Self { headers, ..Self::without_headers(message) }
    }

    fn without_headers(message: &'m impl rdkafka::Message) -> Self {
        Self {
            topic: message.topic(),
            partition: message.partition(),
            offset: message.offset(),
            key: message.key(),
            payload: message.payload(),
            timestamp_ms: message.timestamp().to_millis(),
            headers: Headers::None,
        }
    }

    /// The first message of a topic's first partition, with this value and nothing else.
    #[must_use]
    pub fn bare(topic: &'m str, payload: &'m [u8]) -> Self {
        Self {
            topic,
            partition: 0,
            offset: 0,
            key: None,
            payload: Some(payload),
            timestamp_ms: None,
            headers: Headers::None,
        }
    }

    /// The value of the last header of this name.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&'m [u8]> {
        let headers: &'m BorrowedHeaders = match self.headers {
            Headers::None => return None,
            Headers::Of(message) => rdkafka::Message::headers(message)?,
            Headers::Kept(headers) => headers.as_borrowed(),
        };
        let places = (0..headers.count()).rev();
        let mut found =
            places.filter_map(|at| headers.try_get(at)).filter(|header| header.key == name);
        found.next()?.value
    }
}
