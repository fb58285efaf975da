//! Texts as shops write them → texts as shoppers read them.

/// The most characters of a text that are looked at.
const LONGEST: usize = 32_768;

/// The text less markup, entities decoded, spaces joined, control characters gone.
pub(crate) fn plain(text: &str) -> String {
    // Many times what any field may have: looking for the ends of tags takes the square of it.
    let text = cut(text, LONGEST);
    // Feeds escape once too often: what an entity hid may be markup again.
    let once = decoded(&without_tags(text));
    joined(&without_tags(&once))
}

/// Spaces of every kind joined into one, none at either end; control and invisible characters gone.
pub(crate) fn joined(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for word in text.split(|c: char| c.is_whitespace() || (c.is_control() && c != '\u{7f}')) {
        let before = out.len();
        if !out.is_empty() {
            out.push(' ');
        }
        let begun = out.len();
        out.extend(word.chars().filter(|&c| !invisible(c)));
        if out.len() == begun {
            out.truncate(before);
        }
    }
    out
}

/// Characters that nobody sees and that make equal texts differ.
fn invisible(c: char) -> bool {
    c.is_control() || matches!(c, '\u{ad}' | '\u{200b}'..='\u{200f}' | '\u{2060}' | '\u{feff}' | '\u{fffd}')
}

/// Entities as HTML has them; what is none stays as it is.
pub(crate) fn decoded(text: &str) -> String {
    if text.contains('&') { htmlize::unescape(text).into_owned() } else { text.to_owned() }
}

/// The text less whatever looks like a tag, a comment, or a script with what is in it. A `<` that begins none stays.
fn without_tags(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find('<') {
        let (before, tag) = rest.split_at(at);
        out.push_str(before);
        match tag_length(tag) {
            Some(length) => {
                out.push(' ');
                rest = tag.get(length..).unwrap_or_default();
            }
            None => {
                out.push('<');
                rest = tag.get(1..).unwrap_or_default();
            }
        }
    }
    out + rest
}

/// How many bytes of a text that begins with `<` are markup.
fn tag_length(tag: &str) -> Option<usize> {
    let past = |end: &str| tag.find(end).map(|at| at + end.len());
    if tag.starts_with("<!--") {
        return past("-->");
    }
    let name = tag.get(1..)?;
    if !name.starts_with(|c: char| c.is_ascii_alphabetic() || matches!(c, '/' | '!' | '?')) {
        return None;
    }
    for hidden in ["script", "style"] {
        let named = name.get(..hidden.len()).is_some_and(|start| start.eq_ignore_ascii_case(hidden));
        if named {
            let close = tag.to_ascii_lowercase().find(&format!("</{hidden}"));
            let end = close.and_then(|at| Some(at + tag.get(at..)?.find('>')? + 1));
            if end.is_some() {
                return end;
            }
        }
    }
    quoted_end(tag).or_else(|| past(">"))
}

/// Past the `>` of a tag that is in no attribute's quotes; none where a quote is not closed.
fn quoted_end(tag: &str) -> Option<usize> {
    let (mut quote, mut before) = (None, ' ');
    for (at, c) in tag.char_indices() {
        match (quote, c) {
            (None, '>') => return Some(at + 1),
            (None, '"' | '\'') if before == '=' => quote = Some(c),
            (Some(open), _) if open == c => quote = None,
            _ => {}
        }
        before = c;
    }
    None
}

/// At most so many characters.
pub(crate) fn cut(text: &str, most: usize) -> &str {
    text.char_indices().nth(most).map_or(text, |(at, _)| text.get(..at).unwrap_or(text))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn what_shops_write_as_shoppers_read_it() {
        for (written, read) in [
            ("  Dress,\u{a0} red\n", "Dress, red"),
            ("<b>Dress</b> <i class=\"a > b\">red</i>", "Dress red"),
            ("Dress<br/>red", "Dress red"),
            ("<a title=\"x>Dress</a>", "Dress"),
            ("Tom &amp; Jerry", "Tom & Jerry"),
            ("Tom &amp;amp; Jerry", "Tom &amp; Jerry"),
            ("&lt;p&gt;Dress&lt;/p&gt;", "Dress"),
            ("Caf&eacute; &#8211; 5 &euro;", "Café – 5 €"),
            ("size < M and > S", "size < M and > S"),
            ("a <3 you", "a <3 you"),
            ("open <b", "open <b"),
            ("<style>p { color: red }</style>Dress<script>x()</script>", "Dress"),
            ("<!-- no --> Dress", "Dress"),
            ("a\u{0}b\u{7}c", "a b c"),
            ("so\u{ad}ft\u{200b} \u{feff}", "soft"),
            ("&nbsp;", ""),
            ("R&D &unknown; &", "R&D &unknown; &"),
        ] {
            assert_eq!(plain(written), read, "{written}");
        }
        assert_eq!((cut("äöü", 2), cut("äöü", 3), cut("", 0)), ("äö", "äöü", ""));
    }

    proptest! {
        #[test]
        fn no_text_keeps_controls_or_double_spaces(text in "[<>&;a-z \u{0}-\u{20}\u{a0}!/#-]{0,40}") {
            let plain = plain(&text);
            prop_assert!(!plain.chars().any(char::is_control) && !plain.contains("  "));
            prop_assert_eq!(plain.trim(), &plain);
        }
    }
}
