//! Time zones as offsets from UTC, such as `+08:00`.

use time::UtcOffset;
use time::format_description::{BorrowedFormatItem, parse_borrowed};

fn form() -> Vec<BorrowedFormatItem<'static>> {
    parse_borrowed::<2>("[offset_hour sign:mandatory]:[offset_minute]").expect("a form that `time` knows")
}

/// The seconds east of UTC of a text such as `+08:00`; `None` if it is not a valid zone.
pub(crate) fn parse(text: &str) -> Option<i32> {
    let zone = UtcOffset::parse(text, &form()).ok()?;
    (zone.whole_hours().abs() <= 14).then(|| zone.whole_seconds())
}

/// The text of the zone `seconds` east of UTC; `None` if it is not valid.
#[cfg(feature = "mysql")]
pub(crate) fn format(seconds_east: i32) -> Option<String> {
    let zone = UtcOffset::from_whole_seconds(seconds_east).ok()?;
    zone.format(&form()).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn zones_are_east_or_west() {
        for (text, seconds) in
            [("+00:00", 0), ("+08:00", 28_800), ("-03:30", -12_600), ("-00:30", -1_800), ("+14:00", 50_400)]
        {
            assert_eq!(parse(text), Some(seconds), "{text}");
            #[cfg(feature = "mysql")]
            assert_eq!(format(seconds).as_deref(), Some(text));
        }
        for bad in ["", "+", "8", "+8:00", "+08:60", "+15:00", "08:00", "+0800", "UTC", "+-1:00", "+08:00:00"] {
            assert_eq!(parse(bad), None, "{bad}");
        }
    }
}
