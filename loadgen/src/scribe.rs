//! Chance, time and text in one hand: what every entity's documents are written with.
//!
//! Each `field` method writes one `"name": value` of the object that is open.

use crate::clock::Clock;
use crate::ids::{Id, uuid_v4};
use crate::json::{Escaped, Json};
use crate::mix::EventType;
use crate::rng::{Rng, Stream};
use crate::secret;
use crate::text::{Lexicon, escaped_into};

#[derive(Debug)]
pub(crate) struct Scribe {
    pub(crate) rng: Rng,
    pub(crate) clock: Clock,
    lexicon: Lexicon,
    json: Json,
    written: Option<(EventType, Id)>,
}

/// An event as it was written.
#[derive(Debug)]
pub(crate) struct Written {
    pub(crate) event_type: EventType,
    pub(crate) id: Id,
    pub(crate) value: Vec<u8>,
}

impl Scribe {
    pub(crate) fn new(seed: u64, stream: Stream, clock: Clock) -> Self {
        Self {
            rng: Rng::new(seed, stream),
            clock,
            lexicon: Lexicon::new(),
            json: Json::default(),
            written: None,
        }
    }

    /// Writes the whole message; `data` fills the payload.
    pub(crate) fn event(&mut self, event_type: EventType, id: Id, data: impl FnOnce(&mut Self)) {
        let event_id = uuid_v4(&mut self.rng);
        self.json.open(b'{');
        self.plain("event_type", event_type.name());
        self.json.name("event_id");
        self.json.string(&[&event_id]);
        self.json.name("timestamp");
        self.json.time(self.clock.now_us(), "+00:00");
        self.id("entity_id", id);
        self.object("data", data);
        self.json.close(b'}');
        self.written = Some((event_type, id));
    }

    /// The event written last, once.
    pub(crate) fn take(&mut self) -> Option<Written> {
        let (event_type, id) = self.written.take()?;
        Some(Written { event_type, id, value: self.json.take() })
    }

    /// Bytes of the event so far.
    pub(crate) fn len(&self) -> usize {
        self.json.len()
    }

    /// When the document of the event at hand was made: 1 to 10 ms ago.
    pub(crate) fn created_us(&mut self) -> i64 {
        self.clock.now_us() - i64::from(self.rng.between(1_000, 10_000))
    }

    /// A headline to be kept, of at most `limit` characters.
    pub(crate) fn title(&mut self, limit: usize) -> String {
        self.lexicon.title(&mut self.rng, limit)
    }

    pub(crate) fn object(&mut self, name: &str, fields: impl FnOnce(&mut Self)) {
        self.json.name(name);
        self.json.open(b'{');
        fields(self);
        self.json.close(b'}');
    }

    /// A list; `items` writes its elements with the `item` methods.
    pub(crate) fn list(&mut self, name: &str, items: impl FnOnce(&mut Self)) {
        self.json.name(name);
        self.json.open(b'[');
        items(self);
        self.json.close(b']');
    }

    pub(crate) fn object_item(&mut self, fields: impl FnOnce(&mut Self)) {
        self.json.item();
        self.json.open(b'{');
        fields(self);
        self.json.close(b'}');
    }

    pub(crate) fn id_item(&mut self, id: Id) {
        self.json.item();
        self.json.string(&[&id.hex()]);
    }

    pub(crate) fn text_item(&mut self, text: &Escaped) {
        self.json.item();
        self.json.string(&[text.as_bytes()]);
    }

    /// Text that needs no escaping.
    pub(crate) fn plain_item(&mut self, text: &str) {
        self.json.item();
        self.json.string(&[text.as_bytes()]);
    }

    pub(crate) fn word_item(&mut self) {
        self.json.item();
        self.json.string(&[self.lexicon.word(&mut self.rng).as_bytes()]);
    }

    pub(crate) fn prose_item(&mut self, sentences: u32) {
        self.json.item();
        self.json.quoted(|out| self.lexicon.prose(out, &mut self.rng, sentences));
    }

    pub(crate) fn id(&mut self, name: &str, id: Id) {
        self.json.name(name);
        self.json.string(&[&id.hex()]);
    }

    pub(crate) fn text(&mut self, name: &str, text: &Escaped) {
        self.json.name(name);
        self.json.string(&[text.as_bytes()]);
    }

    pub(crate) fn text_or_null(&mut self, name: &str, text: Option<&Escaped>) {
        match text {
            Some(text) => self.text(name, text),
            None => self.null(name),
        }
    }

    /// Text that is used once and not kept.
    pub(crate) fn once(&mut self, name: &str, text: &str) {
        self.json.name(name);
        self.json.quoted(|out| escaped_into(out, text));
    }

    /// Text that needs no escaping.
    pub(crate) fn plain(&mut self, name: &str, text: &str) {
        self.json.name(name);
        self.json.string(&[text.as_bytes()]);
    }

    pub(crate) fn word(&mut self, name: &str) {
        self.json.name(name);
        self.json.string(&[self.lexicon.word(&mut self.rng).as_bytes()]);
    }

    /// So many sentences, or null for none.
    pub(crate) fn prose(&mut self, name: &str, sentences: u32) {
        if sentences == 0 {
            return self.null(name);
        }
        self.json.name(name);
        self.json.quoted(|out| self.lexicon.prose(out, &mut self.rng, sentences));
    }

    pub(crate) fn int(&mut self, name: &str, number: i64) {
        self.json.name(name);
        self.json.int(number);
    }

    pub(crate) fn flag(&mut self, name: &str, flag: bool) {
        self.literal(name, if flag { "true" } else { "false" });
    }

    pub(crate) fn null(&mut self, name: &str) {
        self.literal(name, "null");
    }

    /// JSON text as it stands: for the many parts that are alike in every document.
    pub(crate) fn literal(&mut self, name: &str, json: &str) {
        self.json.name(name);
        self.json.literal(json);
    }

    /// Fields of the open object as they stand.
    pub(crate) fn fields(&mut self, json: &str) {
        self.json.item();
        self.json.literal(json);
    }

    /// A time as the documents hold it: in UTC, with a `Z`.
    pub(crate) fn time(&mut self, name: &str, time_us: i64) {
        self.time_in(name, time_us, "Z");
    }

    pub(crate) fn time_in(&mut self, name: &str, time_us: i64, zone: &str) {
        self.json.name(name);
        self.json.time(time_us, zone);
    }

    /// `created_at` and `updated_at`, with which most documents end.
    pub(crate) fn times(&mut self, created_us: i64) {
        self.time("created_at", created_us);
        self.time("updated_at", created_us);
    }

    /// A secret text: the marker, then `rest`.
    pub(crate) fn secret(&mut self, name: &str, rest: &str) {
        self.json.name(name);
        self.json.string(&[secret::MARKER.as_bytes(), rest.as_bytes()]);
    }

    pub(crate) fn secret_uuid(&mut self, name: &str) {
        let uuid = uuid_v4(&mut self.rng);
        self.json.name(name);
        self.json.string(&[secret::MARKER.as_bytes(), &uuid[4..]]);
    }

    pub(crate) fn secret_date(&mut self, name: &str) {
        let date = secret::date(&mut self.rng);
        self.plain(name, &date);
    }

    pub(crate) fn password_hash(&mut self) {
        let hash = secret::password_hash(&mut self.rng);
        self.json.name("password_hash");
        self.json.string(&[&hash]);
    }

    /// The `security` part of an account.
    pub(crate) fn security(&mut self) {
        self.object("security", |s| {
            s.fields(
                "\"last_login_at\": null, \"last_login_ip\": null, \"failed_login_attempts\": 0, \"locked_until\": null",
            );
            s.secret_date("password_changed_at");
        });
    }

    /// So many tags.
    pub(crate) fn tags(&mut self, name: &str, count: u32) {
        self.list(name, |s| (0..count).for_each(|_| s.word_item()));
    }
}
