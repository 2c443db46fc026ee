//! Dates, times, and numbers since 1970.

use super::{Case, bad, ok, quoted};

pub(super) const COLUMNS: &[(&str, &str)] = &[
    ("day", "type = 'date'"),
    ("second", "type = 'datetime'"),
    ("milli", "type = 'datetime(3)'"),
    ("micro", "type = 'datetime(6)'"),
    ("seconds", "type = 'datetime(6)', convert = 'seconds'"),
    ("millis", "type = 'datetime(6)', convert = 'millis'"),
    ("micros", "type = 'datetime(6)', convert = 'micros'"),
    ("nanos", "type = 'datetime(6)', convert = 'nanos'"),
    ("days", "type = 'date', convert = 'days'"),
    ("midnight", "type = 'datetime', convert = 'days'"),
    ("day_of", "type = 'date', convert = 'millis'"),
    ("second_of", "type = 'datetime', convert = 'millis'"),
];

const TIME: &str = "value_timestamp";
const YEARS: &str = "lies outside the years 1000 to 9999";
const NO_SUCH: &str = "names a day or a time of day that does not exist";

pub(super) fn cases() -> Vec<Case> {
    [texts(), epochs(), epochs_beyond()].into_iter().flatten().collect()
}

fn texts() -> Vec<Case> {
    let mut cases = Vec::new();
    for day in ["1000-01-01", "9999-12-31", "2024-02-29", "2000-02-29", "1582-10-10"] {
        cases.push(ok("day", quoted(day), day));
    }
    for (day, limit) in [
        ("2023-02-29", NO_SUCH),
        ("1900-02-29", NO_SUCH),
        ("2026-13-01", NO_SUCH),
        ("2026-00-10", NO_SUCH),
        ("2026-01-00", NO_SUCH),
        ("0999-12-31", YEARS),
        ("0000-00-00", NO_SUCH),
        ("2026-01-02T03:04:05Z", "is not a date (YYYY-MM-DD)"),
        ("2026-1-2", "is not a date (YYYY-MM-DD)"),
        ("10000-01-01", "is not a date (YYYY-MM-DD)"),
    ] {
        cases.push(bad("day", quoted(day), TIME, limit));
    }
    cases.push(bad("day", "20260102", "value_type", "is a number, not a string"));
    for (column, time, shown) in [
        ("micro", "1000-01-01T00:00:00Z", "1000-01-01 00:00:00.000000"),
        ("micro", "9999-12-31T23:59:59.999999Z", "9999-12-31 23:59:59.999999"),
        ("micro", "9999-12-31T23:59:59.999999999Z", "9999-12-31 23:59:59.999999"),
        ("milli", "9999-12-31T23:59:59.999999Z", "9999-12-31 23:59:59.999"),
        ("second", "9999-12-31T23:59:59.999999Z", "9999-12-31 23:59:59"),
        ("second", "1969-12-31T23:59:59.999999Z", "1969-12-31 23:59:59"),
        ("milli", "1969-12-31T23:59:59.999999", "1969-12-31 23:59:59.999"),
        ("micro", "2024-02-29T00:30:00+01:00", "2024-02-28 23:30:00.000000"),
        ("micro", "2024-02-28 23:30:00.5-0130", "2024-02-29 01:00:00.500000"),
        ("micro", "1000-01-01T05:00:00+05", "1000-01-01 00:00:00.000000"),
    ] {
        cases.push(ok(column, quoted(time), shown));
    }
    for (time, limit) in [
        ("1000-01-01T00:00:00+00:01", YEARS),
        ("9999-12-31T23:59:59.999999-00:01", YEARS),
        ("0999-12-31T23:59:59Z", YEARS),
        ("2016-12-31T23:59:60Z", NO_SUCH),
        ("2026-02-30T00:00:00Z", NO_SUCH),
        ("2026-01-01T24:00:00Z", NO_SUCH),
        ("2026-01-01T00:00:00+24:00", NO_SUCH),
        ("2026-01-01", "is not ISO 8601"),
        ("", "is not ISO 8601"),
    ] {
        for column in ["second", "micro"] {
            cases.push(bad(column, quoted(time), TIME, limit));
        }
    }
    cases.push(bad("micro", "1764230400", "value_type", "is a number, not a string"));
    cases
}

fn epochs() -> Vec<Case> {
    let mut cases = Vec::new();
    let (first, last) = ("1000-01-01 00:00:00.000000", "9999-12-31 23:59:59.999999");
    let before = "1969-12-31 23:59:59.999999";
    for (column, number, shown) in [
        ("seconds", "0", "1970-01-01 00:00:00.000000"),
        ("seconds", "1764230400.120", "2025-11-27 08:00:00.120000"),
        ("seconds", "1.7642304e9", "2025-11-27 08:00:00.000000"),
        ("seconds", "-1", "1969-12-31 23:59:59.000000"),
        ("seconds", "-0.000001", before),
        ("seconds", "-0.0000001", before),
        ("seconds", "0.0000009", "1970-01-01 00:00:00.000000"),
        ("seconds", "-30610224000", first),
        ("seconds", "253402300799.999999", last),
        ("seconds", "253402300799.9999999", last),
        ("millis", "1764230400123.4567", "2025-11-27 08:00:00.123456"),
        ("millis", "-0.001", before),
        ("millis", "253402300799999.999", last),
        ("micros", "1764230400123456", "2025-11-27 08:00:00.123456"),
        ("micros", "-1", before),
        ("micros", "-30610224000000000", first),
        ("micros", "253402300799999999", last),
        ("nanos", "1764230400123456789", "2025-11-27 08:00:00.123456"),
        ("nanos", "-1", before),
        ("nanos", "999", "1970-01-01 00:00:00.000000"),
        ("nanos", "253402300799999999999", last),
        ("nanos", "-30610224000000000000", first),
        ("days", "0", "1970-01-01"),
        ("days", "-1", "1969-12-31"),
        ("days", "19782", "2024-02-29"),
        ("days", "-354285", "1000-01-01"),
        ("days", "2932896", "9999-12-31"),
        ("days", "1e1", "1970-01-11"),
        ("midnight", "-1", "1969-12-31 00:00:00"),
        ("day_of", "-1", "1969-12-31"),
        ("day_of", "86399999", "1970-01-01"),
        ("second_of", "-1", "1969-12-31 23:59:59"),
        ("second_of", "1999", "1970-01-01 00:00:01"),
    ] {
        cases.push(ok(column, number, shown));
        cases.push(ok(column, quoted(number), shown));
    }
    cases
}

fn epochs_beyond() -> Vec<Case> {
    let mut cases = Vec::new();
    for (column, number) in [
        ("seconds", "-30610224000.000001"),
        ("seconds", "-30610224000.0000001"),
        ("seconds", "253402300800"),
        ("seconds", "1e30"),
        ("seconds", "-1e300"),
        ("millis", "253402300800000"),
        ("micros", "9223372036854775808"),
        ("micros", "-30610224000000001"),
        ("nanos", "-30610224000000000001"),
        ("nanos", "18446744073709551616000"),
        ("days", "-354286"),
        ("days", "2932897"),
        ("days", "9223372036854775807"),
        ("midnight", "1e30"),
    ] {
        cases.push(bad(column, number, TIME, YEARS));
        cases.push(bad(column, quoted(number), TIME, YEARS));
    }
    for number in ["1.5", "-0.1", "1e-9"] {
        cases.push(bad("days", number, TIME, "is not a whole number of days"));
    }
    for column in ["seconds", "days"] {
        let wanted = "not a number, or a text of one";
        cases.push(bad(column, "true", "value_type", format!("is a boolean, {wanted}")));
        cases.push(bad(column, "\"NaN\"", "value_type", wanted));
        cases.push(bad(column, "\"2026-01-02\"", "value_type", wanted));
    }
    cases
}
