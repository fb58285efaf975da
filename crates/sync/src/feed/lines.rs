//! JSON lines: an item a line, with its `photo`.

use std::io::BufRead;

use serde_json::{Map, Value};

use crate::{feed::bounds::Mark, record::Place};

/// Hands on each line's object; a line that is none, as a reason.
///
/// # Errors
/// Where it cannot be read, or its last line is cut off.
pub(crate) fn read(
    mut input: impl BufRead,
    mark: &Mark,
    mut take: impl FnMut(Place, Result<Map<String, Value>, String>),
) -> Result<(), String> {
    let mut line = String::new();
    for number in 1.. {
        line.clear();
        mark.reset();
        if input.read_line(&mut line).map_err(|e| format!("{e}, in line {number}"))? == 0 {
            break;
        }
        if line.trim().is_empty() {
            continue;
        }
        let read = serde_json::from_str::<Map<String, Value>>(&line);
        if let Err(e) = &read
            && e.is_eof()
            && !line.ends_with('\n')
        {
            return Err(format!("line {number}, its last, is cut off: {e}"));
        }
        take(Place::Line(number), read.map_err(|e| format!("it is no JSON object: {e}")));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_objects_or_refused_and_none_is_cut_off() {
        let read = |text: &str| {
            let mut all = Vec::new();
            super::read(text.as_bytes(), &Mark::default(), |place, line| all.push((place, line.is_ok())))
                .map(|()| all)
        };
        let told = |lines: &[(u64, bool)]| Ok(lines.iter().map(|(n, ok)| (Place::Line(*n), *ok)).collect());
        assert_eq!(
            read("{\"id\":\"1\"}\r\n\n[]\n{\"id\"\n{}"),
            told(&[(1, true), (3, false), (4, false), (5, true)])
        );
        assert!(read("{}\n{\"id\":\"1").is_err_and(|e| e.contains("line 2")));
    }
}
