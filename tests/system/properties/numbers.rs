//! Numbers in `event_data`: what a server's JSON column refuses is a dead letter, what it takes is
//! loaded. Only infinity is refused although MariaDB, which looks at the characters alone, takes it.

use sluicegate::buffer::Batch;
use sluicegate::flatten::Flattener;
use sluicegate::mapping::Mapping;
use sluicegate::mysql::JsonLimits;
use sqlx::{Connection, Executor};
use std::sync::Arc;
use testkit::{Chance, Server, World};

testkit::on_both_servers!(our_limits_are_the_servers);

/// Random tokens besides the listed ones.
const TOKENS: usize = 1_500;

/// Zeros with exponents around the limit, the largest and smallest doubles, digits without end.
fn listed() -> Vec<String> {
    let tokens = [
        "0e308",
        "0e309",
        "0.0e309",
        "0.0e310",
        "0e999",
        "0.0e400",
        "-0e400",
        "-0",
        "-0.0",
        "-0e5",
        "0E+999",
        "0E-999",
        "1e-400",
        "1e-99999999999",
        "0e-99999999999",
        "1e400",
        "-1e400",
        "0e99999999999999999999",
        "1e99999999999999999999",
        "1.7976931348623157e308",
        "1.7976931348623158e308",
        "1.7976931348623159e308",
        "17976931348623157e292",
        "179769313486231570000e288",
        "1e308",
        "10e307",
        "10e308",
        "0.1e309",
        "0.01e310",
        "1e+308",
        "1E+05",
        "1e00005",
        "0e0000000309",
        "1e0000000309",
        "4.9e-324",
        "2e-324",
        "1e-324",
        "2.2250738585072011e-308",
        "2.2250738585072014e-308",
        "18446744073709551615",
        "18446744073709551616",
        "-9223372036854775808",
        "-9223372036854775809",
        "9007199254740993.5e292",
        "0.5e-2147483649",
        "-1.7976931348623157e308",
    ];
    let long = [
        "9".repeat(308),
        "9".repeat(309),
        format!("1{}", "0".repeat(308)),
        format!("1{}", "0".repeat(309)),
        format!("17976931348623157{}", "0".repeat(292)),
        format!("1{}.5", "0".repeat(308)),
        format!("1.{}e308", "0".repeat(400)),
        format!("0.{}1e401", "0".repeat(400)),
        format!("0.{}1", "0".repeat(400)),
        format!("0.{}e338", "0".repeat(30)),
        format!("0.{}e339", "0".repeat(30)),
        format!("0.{}e708", "0".repeat(400)),
        format!("0.{}e709", "0".repeat(400)),
        format!("1.{}e308", "7976931348623157".repeat(3)),
    ];
    tokens.map(str::to_owned).into_iter().chain(long).collect()
}

fn digits(chance: &mut Chance, longest: usize) -> String {
    let len = 1 + chance.below(longest);
    let zeros = chance.below(3) == 0;
    (0..len).map(|_| if zeros { '0' } else { char::from(b'0' + chance.below(10) as u8) }).collect()
}

/// Any number of JSON, mostly one near some limit.
fn token(chance: &mut Chance) -> String {
    let sign = *chance.pick(&["", "-"]);
    let longest = *chance.pick(&[1, 3, 20, 330]);
    let whole = match chance.below(3) {
        0 => "0".to_owned(),
        _ => format!("{}{}", 1 + chance.below(9), digits(chance, longest)),
    };
    let longest = *chance.pick(&[1, 3, 20, 330]);
    let fraction =
        if chance.below(2) == 0 { String::new() } else { format!(".{}", digits(chance, longest)) };
    let exponent = match chance.below(4) {
        0 => String::new(),
        1 => format!("e{}{}", chance.pick(&["", "+", "-"]), 290 + chance.below(40)),
        2 => format!("E-{}", 290 + chance.below(400)),
        _ => format!("e{}{}", chance.pick(&["", "+", "-", "+000"]), digits(chance, 12)),
    };
    format!("{sign}{whole}{fraction}{exponent}")
}

fn is_taken_by_us(mapping: &Arc<Mapping>, limits: JsonLimits, document: &str) -> bool {
    let event = format!(
        r#"{{"event_type":"user.x","event_id":"e","timestamp":"2025-01-06T00:00:00Z","entity_id":"u","data":{document}}}"#
    );
    let mut flattener = Flattener::new(Arc::clone(mapping), limits);
    flattener.load_value("user", event.as_bytes(), &mut Batch::new(mapping)).is_ok()
}

async fn our_limits_are_the_servers(server: Server) {
    let limits = match server {
        Server::MySql => JsonLimits::MYSQL,
        Server::MariaDb => JsonLimits::MARIADB,
    };
    let Some(world) = World::new(server) else { return };
    world.succeed(&["migrate"]);
    let mapping = Arc::new(Mapping::built_in().unwrap());
    let mut chance = Chance::new(11);
    let random: Vec<String> = (0..TOKENS).map(|_| token(&mut chance)).collect();
    let mut connection = world.connect().await;
    connection.execute("CREATE TABLE numbers (document JSON)").await.unwrap();
    connection.execute("START TRANSACTION").await.unwrap();
    for (index, token) in listed().iter().chain(&random).enumerate() {
        let document = match index % 3 {
            0 => format!(r#"{{"a": {token}}}"#),
            1 => format!(r#"{{"a":[[1,{token}],"0e999"]}}"#),
            _ => format!(r#"{{"a":{{"b":{token} , "c":0.0}},"a":1}}"#),
        };
        let inserted =
            sqlx::query("INSERT INTO numbers VALUES (?)").bind(&document).execute(&mut connection);
        let (theirs, ours) = (inserted.await.is_ok(), is_taken_by_us(&mapping, limits, &document));
        let is_finite = token.parse::<f64>().unwrap().is_finite();
        assert_eq!(ours, theirs && is_finite, "{}: {document}", server.name());
        assert!(!theirs || is_finite || server == Server::MariaDb, "{document}");
    }
    connection.close().await.unwrap();
    world.end().await;
}
