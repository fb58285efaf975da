//! The body of `POST /items`: written to a file while it comes in, and read line by line when it is a line's turn, so that memory
//! holds some of its photos and not all.

use std::{fs::File, io, os::unix::fs::FileExt};

use axum::{
    body::Body,
    extract::{FromRequest, Request},
    http::header,
};
use futures_util::StreamExt;
use tokio::io::AsyncWriteExt;

use crate::{
    http::{
        app::App,
        error::ApiError,
        upload::{essence, in_time, media_type},
    },
    ingest::IngestError,
};

/// The most bytes of such a body.
pub(crate) const BODY: usize = 64 << 20;

/// The most lines of it.
pub(crate) const LINES: usize = 1_000;

/// The lines of `application/x-ndjson`, in a file; empty ones are none.
pub(crate) struct Lines {
    file: File,
    cut: Vec<Line>,
}

/// Where a line lies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Line {
    start: u64,
    len: usize,
}

impl Lines {
    /// How many there are.
    pub(crate) fn count(&self) -> usize {
        self.cut.len()
    }

    /// Reads one. It waits for the disk.
    pub(crate) fn read(&self, place: usize) -> io::Result<Vec<u8>> {
        let Line { start, len } = self.cut.get(place).copied().ok_or(io::ErrorKind::UnexpectedEof)?;
        let mut line = vec![0; len];
        self.file.read_exact_at(&mut line, start)?;
        Ok(line)
    }
}

impl FromRequest<App> for Lines {
    type Rejection = ApiError;

    async fn from_request(request: Request, app: &App) -> Result<Self, ApiError> {
        if essence(&request) != "application/x-ndjson" {
            return Err(media_type(&request, "send application/x-ndjson, an operation a line"));
        }
        let declared = request.headers().get(header::CONTENT_LENGTH);
        let declared = declared.and_then(|length| length.to_str().ok()?.parse().ok()).unwrap_or(0u64);
        if declared > BODY as u64 {
            return Err(ApiError::TooLarge(BODY));
        }
        let ingest = app.recommender().ingest().ok_or(ApiError::NoRoute)?;
        let file = tokio::task::spawn_blocking(move || ingest.spool()).await.map_err(IngestError::from)??;
        in_time(app, spooled(request.into_body(), file, app.options().max_body)).await
    }
}

/// The whole body in the file, no line of it longer than `longest`.
async fn spooled(body: Body, file: File, longest: usize) -> Result<Lines, ApiError> {
    let failed = |e| ApiError::from(IngestError::Spool(e));
    let (mut body, mut file) = (body.into_data_stream(), tokio::fs::File::from_std(file));
    let mut cutter = Cutter::new(longest);
    while let Some(chunk) = body.next().await {
        let chunk = chunk.map_err(|_| ApiError::Incomplete)?;
        cutter.take(&chunk)?;
        file.write_all(&chunk).await.map_err(failed)?;
    }
    file.flush().await.map_err(failed)?;
    Ok(Lines { file: file.into_std().await, cut: cutter.end()? })
}

/// Finds the lines of a body that comes in in pieces.
struct Cutter {
    longest: usize,
    lines: Vec<Line>,
    /// Of the line that has no end yet.
    start: usize,
    blank: bool,
    at: usize,
}

impl Cutter {
    fn new(longest: usize) -> Self {
        Self { longest, lines: Vec::new(), start: 0, blank: true, at: 0 }
    }

    fn take(&mut self, piece: &[u8]) -> Result<(), ApiError> {
        if self.at + piece.len() > BODY {
            return Err(ApiError::TooLarge(BODY));
        }
        for part in piece.split_inclusive(|&byte| byte == b'\n') {
            self.blank &= part.trim_ascii().is_empty();
            self.at += part.len();
            if part.ends_with(b"\n") {
                self.cut()?;
            } else if self.at - self.start > self.longest {
                return Err(self.too_long());
            }
        }
        Ok(())
    }

    fn cut(&mut self) -> Result<(), ApiError> {
        let line = Line { start: self.start as u64, len: self.at - self.start };
        if line.len > self.longest {
            return Err(self.too_long());
        }
        if !self.blank {
            self.lines.push(line);
        }
        if self.lines.len() > LINES {
            return Err(ApiError::Json(format!("it has more than {LINES} lines: split it")));
        }
        (self.start, self.blank) = (self.at, true);
        Ok(())
    }

    fn too_long(&self) -> ApiError {
        let (line, longest) = (self.lines.len() + 1, self.longest);
        ApiError::Json(format!("line {line} is longer than {longest} bytes: make its photo smaller"))
    }

    fn end(mut self) -> Result<Vec<Line>, ApiError> {
        self.cut()?;
        if self.lines.is_empty() { Err(ApiError::Json("it has no lines".into())) } else { Ok(self.lines) }
    }
}

#[cfg(test)]
mod tests {
    use proptest::{collection::vec, prelude::*};

    use super::*;

    fn cut(pieces: &[&[u8]], longest: usize) -> Result<Vec<Line>, ApiError> {
        let mut cutter = Cutter::new(longest);
        pieces.iter().try_for_each(|piece| cutter.take(piece))?;
        cutter.end()
    }

    proptest! {
        /// However a body comes in, its lines are those of its text.
        #[test]
        fn lines_are_those_of_the_text(lines in vec("[a \r]{0,6}", 0..20), places in vec(0usize..100, 0..8)) {
            let text = lines.join("\n");
            let mut places: Vec<usize> = places.into_iter().map(|place| place.min(text.len())).collect();
            places.extend([0, text.len()]);
            places.sort_unstable();
            let pieces: Vec<&[u8]> = places.windows(2).map(|two| &text.as_bytes()[two[0]..two[1]]).collect();
            let expected: Vec<&str> = text.split('\n').map(str::trim).filter(|line| !line.is_empty()).collect();
            match cut(&pieces, 100) {
                Ok(found) => {
                    let of = |line: &Line| text[line.start as usize..][..line.len].trim();
                    prop_assert_eq!(found.iter().map(of).collect::<Vec<_>>(), expected);
                }
                Err(_) => prop_assert!(expected.is_empty()),
            }
        }
    }

    #[test]
    fn what_is_too_much_is_refused_before_it_is_all_there() {
        let many = "x\n".repeat(LINES + 1);
        assert!(matches!(cut(&[many.as_bytes()], 9), Err(ApiError::Json(_))));
        assert_eq!(cut(&[&many.as_bytes()[2..]], 9).map(|lines| lines.len()).ok(), Some(LINES));
        assert!(matches!(cut(&[b"12345", b"67890"], 9), Err(ApiError::Json(_))));
        assert!(matches!(cut(&[b"1234567890\n"], 9), Err(ApiError::Json(_))));
        assert!(cut(&[b"12345678\n", b"12345678\n"], 9).is_ok());
        let mut cutter = Cutter::new(usize::MAX);
        let piece = vec![b'x'; BODY / 2];
        assert!(cutter.take(&piece).is_ok() && cutter.take(&piece).is_ok());
        assert!(matches!(cutter.take(b"x"), Err(ApiError::TooLarge(BODY))));
    }
}
