//! What arguments may be, beyond what clap knows: each function reads one, or says why it does not.

/// 0 to 1.
pub(crate) fn share(text: &str) -> Result<f64, String> {
    let share: f64 = text.parse().map_err(|_| "not a number")?;
    if (0.0..=1.0).contains(&share) { Ok(share) } else { Err("not between 0 and 1".to_owned()) }
}

/// So many a second.
pub(crate) fn rate(text: &str) -> Result<f64, String> {
    let rate: f64 = text.parse().map_err(|_| "not a number")?;
    if rate.is_finite() && rate > 0.0 { Ok(rate) } else { Err("not above 0".to_owned()) }
}

/// Seconds since 1970, for the years that generated ids can hold.
pub(crate) fn start(text: &str) -> Result<i64, String> {
    let time: jiff::Timestamp = text.parse().map_err(|_| "not a time like 2025-01-06T00:00:00Z")?;
    let seconds = time.as_second();
    if (0..=4_102_444_800).contains(&seconds) {
        Ok(seconds)
    } else {
        Err("not in the years 1970 to 2100".to_owned())
    }
}

/// `name=value`
pub(crate) fn property(text: &str) -> Result<(String, String), String> {
    let (name, value) = text.split_once('=').ok_or("not of the form property=value")?;
    Ok((name.to_owned(), value.to_owned()))
}
