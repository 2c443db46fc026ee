//! The fuzz targets' bodies with proptest's bytes instead of a fuzzer's, for runs without one.

use loadgen::{Generator, Plan};
use proptest::prelude::*;
use testkit::{Chance, Server, World, fuzz};

testkit::on_both_servers!(servers_read_the_literals_back);

/// Valid messages, to be spoilt.
fn messages() -> Vec<Vec<u8>> {
    let plan = Plan { seed: 3, events: 200, ..Plan::default() };
    Generator::new(plan).filter_map(|message| message.value).collect()
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_bytes_are_loaded_or_leave_no_trace(
        bytes in prop::collection::vec(any::<u8>(), 0..300)
    ) {
        fuzz::load(&bytes);
    }

    #[test]
    fn a_spoilt_message_is_loaded_or_leaves_no_trace(
        message in prop::sample::select(messages()),
        at in any::<prop::sample::Index>(),
        cut in 0..4_usize,
        put in prop::collection::vec(prop::sample::select(b"\"\\{}[]:,-.0e9tu\x00\xc3\xff".to_vec()), 0..4),
    ) {
        let mut bytes = message;
        let at = at.index(bytes.len());
        let end = bytes.len().min(at + cut);
        bytes.splice(at..end, put);
        fuzz::load(&bytes);
    }

    #[test]
    fn any_bytes_are_read_back_from_their_literals(
        bytes in prop::collection::vec(
            prop_oneof![any::<u8>(), prop::sample::select(b"'\\\"|\x00\n%_;()".to_vec())],
            0..200,
        )
    ) {
        fuzz::statement(&bytes);
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_choices_give_a_mapping_file_or_faults_with_lines(
        way in 0..4_u8,
        choices in prop::collection::vec(any::<u8>(), 0..800),
    ) {
        fuzz::declared::mapping(&[&[way], &choices[..]].concat());
    }

    #[test]
    fn any_messages_of_any_mapping_are_loaded_or_leave_no_trace(
        way in 1..4_u8,
        choices in prop::collection::vec(any::<u8>(), 0..1_600),
    ) {
        fuzz::declared::declared(&[&[way], &choices[..]].concat());
    }
}

/// The servers read literals as our own reader does.
async fn servers_read_the_literals_back(server: Server) {
    let Some(world) = World::new(server) else { return };
    let mut connection = world.product_server().connect_without_database().await.unwrap();
    let every_byte: Vec<u8> = (0..=255).collect();
    let mut texts = vec![every_byte, "'\\''|\\|ß😀|\\0\\n\u{1a}\"`--/*".as_bytes().to_vec()];
    let mut chance = Chance::new(7);
    for _ in 0..30 {
        let length = chance.below(60);
        let bytes = *b"'\\\"|\x00\x1a\nab%_\xc3\x9f\xff";
        texts.push((0..length).map(|_| *chance.pick(&bytes)).collect());
    }
    for bytes in texts {
        fuzz::read_back(&mut connection, &fuzz::statement(&bytes)).await;
    }
}
