use super::*;
use std::collections::BTreeSet;
use std::io::{Error as IoError, ErrorKind};

#[test]
fn pauses_double_up_to_the_longest() {
    let backoff = Backoff { first: Duration::from_millis(100), longest: Duration::from_secs(5) };
    let pauses: Vec<u128> = (1..=8).map(|n| backoff.pause(n, 0).as_millis()).collect();
    assert_eq!(pauses, [100, 200, 400, 800, 1600, 3200, 5000, 5000]);
    assert_eq!(backoff.pause(u32::MAX, 0), backoff.longest);
    for random in 0..4096 {
        let pause = backoff.pause(3, random);
        assert!(pause > Duration::from_millis(199) && pause <= Duration::from_millis(400));
    }
}

/// Written a second time, by class, so that a line that changes its class does so twice.
#[rustfmt::skip]
const NUMBERS: [(Class, &[u16]); 7] = [
    (Class::Connection, &[
        1040, 1041, 1042, 1043, 1053, 1077, 1079, 1080, 1081, 1129, 1135, 1152, 1154, 1155, 1156,
        1157, 1158, 1159, 1160, 1161, 1184, 1203, 1835, 1927, 2002, 2003, 2006, 2013, 3032, 3168,
        3169, 4031, 4081, 4082, 6400, 9001, 9002, 9004, 9005, 9006, 9007,
    ]),
    (Class::Contention, &[
        1020, 1205, 1206, 1213, 1297, 1412, 1615, 1689, 3101, 3177, 3572,
    ]),
    (Class::Outage, &[
        1, 2, 3, 5, 6, 20, 23, 27, 29, 1012, 1015, 1016, 1017, 1021, 1024, 1026, 1030, 1032, 1033,
        1034, 1035, 1036, 1037, 1038, 1047, 1099, 1100, 1104, 1114, 1119, 1153, 1175, 1180, 1181,
        1194, 1195, 1197, 1223, 1226, 1290, 1296, 1301, 1317, 1436, 1461, 1534, 1593, 1598, 1637,
        1661, 1662, 1665, 1705, 1712, 1775, 1792, 1810, 1811, 1812, 1814, 1815, 1817, 1836, 1863,
        1874, 1877, 1878, 1881, 1932, 1969, 3015, 3019, 3024, 3044, 3100, 3170, 3185, 3231, 3633,
        3675, 3781, 3782, 3783, 3784, 3785, 3786, 3796, 3797, 3798, 3799, 3985, 3989, 4029, 4094,
        4139, 6411,
    ]),
    (Class::Grant, &[
        1044, 1045, 1130, 1142, 1143, 1227, 1251, 1275, 1370, 1449, 1524, 1698, 1820, 1862, 1873, 3118,
        3159, 3164, 3879, 3955, 4150, 4151, 6038, 6126, 6127, 6444, 6544,
    ]),
    (Class::Schema, &[
        167, 1031, 1046, 1049, 1054, 1082, 1109, 1118, 1136, 1146, 1176, 1216, 1217, 1267, 1286,
        1288, 1305, 1347, 1348, 1356, 1364, 1423, 1442, 1451, 1452, 1459, 1467, 1471, 1707, 1761,
        1762, 1785, 1808, 1906, 1978, 3098, 3105, 4084, 4182, 4185,
    ]),
    (Class::Data, &[
        1022, 1048, 1062, 1169, 1264, 1265, 1292, 1300, 1365, 1366, 1367, 1369, 1406, 1411, 1441,
        1525, 1526, 1586, 1644, 1690, 1916, 1917, 1918, 1977, 3140, 3141, 3150, 3151, 3155, 3156, 3157,
        3673, 3751, 3752, 3819, 3854, 3903, 3904, 3905, 3906, 3907, 3908, 3988, 4025,
    ]),
    (Class::Unknown, &[]),
];

#[test]
fn every_line_of_the_table_has_its_class() {
    let mut listed = 0;
    for (class, numbers) in NUMBERS {
        for &number in numbers {
            assert_eq!(Class::of(number), class, "{number}");
        }
        listed += numbers.len();
    }
    assert_eq!(listed, TABLE.len(), "a line of the table is in none of the lists");
}

#[test]
fn the_table_is_sorted_and_names_are_names() {
    for pair in TABLE.windows(2) {
        assert!(pair[0].0 < pair[1].0, "{} comes before {}", pair[0].0, pair[1].0);
    }
    for (number, name, ..) in TABLE {
        let known =
            ["ER_", "EE_", "CR_", "HA_ERR_", "WARN_"].iter().any(|prefix| name.starts_with(prefix));
        assert!(known, "{number} {name}");
    }
    let names: BTreeSet<(&str, u16)> = TABLE.iter().map(|(n, name, ..)| (*name, *n)).collect();
    let twice: Vec<&str> = names
        .iter()
        .zip(names.iter().skip(1))
        .filter(|(one, other)| one.0 == other.0)
        .map(|(one, _)| one.0)
        .collect();
    assert_eq!(twice, ["ER_ACCOUNT_HAS_BEEN_LOCKED"], "MySQL and MariaDB gave it two numbers");
}

#[test]
fn every_other_number_is_unknown() {
    let listed: BTreeSet<u16> = TABLE.iter().map(|(number, ..)| *number).collect();
    for number in (0..=u16::MAX).filter(|number| !listed.contains(number)) {
        assert_eq!(Class::of(number), Class::Unknown, "{number}");
    }
}

/// docs/errors.md lists each number under its class, and nowhere else.
#[test]
fn the_page_for_users_is_the_table() {
    let page = include_str!("../../../docs/errors.md");
    for class in Class::ALL {
        let title = format!("\n## {}\n", class.as_str());
        let (_, section) = page.split_once(&title).unwrap_or_else(|| panic!("no{title}"));
        let section = section.split("\n## ").next().unwrap();
        let lines = section.lines().filter(|line| line.starts_with("| "));
        let told: BTreeSet<(u16, &str)> = lines
            .filter_map(|line| {
                let mut cells = line.split('|').map(str::trim).skip(1);
                Some((cells.next()?.parse().ok()?, cells.next()?.trim_matches('`')))
            })
            .collect();
        let of_class = TABLE.iter().filter(|line| line.3 == class);
        let wanted: BTreeSet<(u16, &str)> = of_class.map(|line| (line.0, line.1)).collect();
        assert_eq!(told, wanted, "docs/errors.md, section {}", class.as_str());
    }
}

#[test]
fn errors_of_the_driver() {
    use sqlx::Error;
    let io = |kind| Error::Io(IoError::from(kind));
    for (error, class) in [
        (io(ErrorKind::UnexpectedEof), Class::Connection),
        (io(ErrorKind::ConnectionRefused), Class::Connection),
        (io(ErrorKind::ConnectionReset), Class::Connection),
        (io(ErrorKind::BrokenPipe), Class::Connection),
        (io(ErrorKind::TimedOut), Class::Connection),
        (io(ErrorKind::NotFound), Class::Connection),
        (Error::Tls("handshake".into()), Class::Connection),
        (Error::Protocol("a packet cut off".to_owned()), Class::Connection),
        (Error::BeginFailed, Class::Connection),
        (Error::PoolTimedOut, Class::Connection),
        (Error::PoolClosed, Class::Connection),
        (Error::WorkerCrashed, Class::Connection),
        (Error::Configuration("a setting".into()), Class::Unknown),
        (Error::InvalidArgument("an argument".to_owned()), Class::Unknown),
        (Error::RowNotFound, Class::Unknown),
        (Error::TypeNotFound { type_name: "VECTOR".to_owned() }, Class::Unknown),
        (Error::ColumnIndexOutOfBounds { index: 1, len: 1 }, Class::Unknown),
        (Error::ColumnNotFound("id".to_owned()), Class::Unknown),
        (Error::Encode("a value".into()), Class::Unknown),
        (Error::Decode("a value".into()), Class::Unknown),
        (Error::InvalidSavePointStatement, Class::Unknown),
    ] {
        assert_eq!(Class::of_error(&error), class, "{error:?}");
    }
}
