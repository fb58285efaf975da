//! When a sale price holds: `2026-11-24T11:00+0100/2026-11-29T23:00+0100`.

use jiff::{Timestamp, civil::Date, tz::TimeZone};

/// Whether the moment is in the interval, both ends included; none where that is no interval. Without an offset it is in UTC.
pub(crate) fn holds(interval: &str, now: Timestamp) -> Option<bool> {
    let (from, to) = interval.split_once('/')?;
    Some((moment(from, false)?..=moment(to, true)?).contains(&now))
}

/// A moment, or a day's first or last.
fn moment(text: &str, last: bool) -> Option<Timestamp> {
    let text = text.trim();
    if let Ok(moment) = text.parse::<Timestamp>() {
        return Some(moment);
    }
    if text.len() > 10 {
        let local = text.parse::<jiff::civil::DateTime>().ok()?;
        return Some(local.to_zoned(TimeZone::UTC).ok()?.timestamp());
    }
    let day: Date = text.parse().ok()?;
    let day = if last { day.tomorrow().ok()? } else { day };
    let start = day.to_zoned(TimeZone::UTC).ok()?.timestamp();
    if last { start.checked_sub(jiff::SignedDuration::from_nanos(1)).ok() } else { Some(start) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn intervals_with_and_without_times() {
        let now: Timestamp = "2026-11-26T12:00:00Z".parse().unwrap();
        for (interval, told) in [
            ("2026-11-24T11:07:31+0100/2026-11-29T23:07:31+0100", Some(true)),
            ("2026-11-26T13:00+01:00/2026-11-26T13:00+01:00", Some(true)),
            ("2026-11-26T13:01+0100/2026-11-27T13:00+0100", Some(false)),
            ("2026-11-24T13:00-0800 / 2026-11-26T03:59-0800", Some(false)),
            ("2026-11-26/2026-11-26", Some(true)),
            ("2026-11-27/2026-11-28", Some(false)),
            ("2026-11-20/2026-11-25", Some(false)),
            ("2026-11-26T11:00:00/2026-11-26T12:30:00", Some(true)),
            ("2026-11-24", None),
            ("soon/later", None),
            ("", None),
        ] {
            assert_eq!(holds(interval, now), told, "{interval}");
        }
    }
}
