//! Timestamps of the contract into the text of a UTC `DATETIME(6)`.

/// `2025-01-06T00:30:00.1234567+02:00` → `2025-01-05 22:30:00.123456`; nothing if the text is not such a timestamp.
///
/// `YYYY-MM-DD`, then `T` or one blank, then `HH:MM:SS`, then maybe `.` and 1 to 9 digits, then `Z`, `±HH:MM`, `±HHMM`,
/// `±HH` or nothing. The year limits, 1000 to 9999, are those of the column and so hold for the year in UTC.
pub fn to_utc(text: &str) -> Option<String> {
    let mut rest = text;
    let mut date = Date { year: digits(&mut rest, 4)?, month: 0, day: 0 };
    literal(&mut rest, "-")?;
    date.month = digits(&mut rest, 2)?;
    literal(&mut rest, "-")?;
    date.day = digits(&mut rest, 2)?;
    literal(&mut rest, "T").or_else(|| literal(&mut rest, " "))?;
    let hour = digits(&mut rest, 2)?;
    literal(&mut rest, ":")?;
    let minute = digits(&mut rest, 2)?;
    literal(&mut rest, ":")?;
    let second = digits(&mut rest, 2)?;
    let micros = micros(&mut rest)?;
    let offset = offset_minutes(rest)?;
    if !date.is_real() || hour > 23 || minute > 59 || second > 59 {
        return None;
    }

    let mut minutes = hour * 60 + minute - offset;
    if minutes < 0 {
        minutes += 24 * 60;
        date = date.yesterday();
    } else if minutes >= 24 * 60 {
        minutes -= 24 * 60;
        date = date.tomorrow();
    }
    let Date { year, month, day } = date;
    let (hour, minute) = (minutes / 60, minutes % 60);
    (1000..=9999).contains(&year).then(|| {
        format!("{year:04}-{month:02}-{day:02} {hour:02}:{minute:02}:{second:02}.{micros}")
    })
}

struct Date {
    year: i32,
    month: i32,
    day: i32,
}

impl Date {
    fn is_real(&self) -> bool {
        (1..=12).contains(&self.month) && (1..=days_of(self.year, self.month)).contains(&self.day)
    }

    fn yesterday(self) -> Self {
        match self {
            Self { year, month: 1, day: 1 } => Self { year: year - 1, month: 12, day: 31 },
            Self { year, month, day: 1 } => {
                Self { year, month: month - 1, day: days_of(year, month - 1) }
            }
            Self { year, month, day } => Self { year, month, day: day - 1 },
        }
    }

    fn tomorrow(self) -> Self {
        match self {
            Self { year, month: 12, day: 31 } => Self { year: year + 1, month: 1, day: 1 },
            Self { year, month, day } if day == days_of(year, month) => {
                Self { year, month: month + 1, day: 1 }
            }
            Self { year, month, day } => Self { year, month, day: day + 1 },
        }
    }
}

pub(super) fn days_of(year: i32, month: i32) -> i32 {
    let is_leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    match month {
        2 if is_leap => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

/// Six digits: what comes after the sixth is cut, not rounded.
fn micros(rest: &mut &str) -> Option<String> {
    let Some(tail) = rest.strip_prefix('.') else {
        return Some("000000".to_owned());
    };
    let (fraction, tail) = tail.split_at(tail.bytes().take_while(u8::is_ascii_digit).count());
    *rest = tail;
    (1..=9).contains(&fraction.len()).then(|| format!("{fraction:0<6.6}"))
}

/// How far local time is ahead of UTC.
fn offset_minutes(text: &str) -> Option<i32> {
    if text.is_empty() || text == "Z" {
        return Some(0);
    }
    let (sign, mut rest) = match text.strip_prefix('+') {
        Some(rest) => (1, rest),
        None => (-1, text.strip_prefix('-')?),
    };
    let hours = digits(&mut rest, 2)?;
    let mut minutes = 0;
    if !rest.is_empty() {
        rest = rest.strip_prefix(':').unwrap_or(rest);
        minutes = digits(&mut rest, 2)?;
    }
    (rest.is_empty() && hours <= 23 && minutes <= 59).then_some(sign * (hours * 60 + minutes))
}

fn digits(rest: &mut &str, count: usize) -> Option<i32> {
    let (digits, tail) = rest.split_at_checked(count)?;
    if !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    *rest = tail;
    digits.parse().ok()
}

fn literal(rest: &mut &str, text: &str) -> Option<()> {
    *rest = rest.strip_prefix(text)?;
    Some(())
}
