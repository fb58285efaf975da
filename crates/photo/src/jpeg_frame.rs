//! What a JPEG's headers say about the memory that any decoder needs for it.

use crate::chunks::{Segment, jpeg_segments};

/// The frame of a JPEG: its size and its components.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct JpegFrame {
    width: u64,
    height: u64,
    components: usize,
    /// Of the first four components.
    sampling: [(u64, u64); 4],
    /// The coefficients of the whole picture are held until the last scan is read: it is progressive, or a scan leaves
    /// components out.
    is_buffered: bool,
}

impl JpegFrame {
    /// Walks the markers up to the first scan. `None` where no frame and scan are found, or a frame of more than four
    /// components.
    pub(crate) fn read(bytes: &[u8]) -> Option<Self> {
        let mut frame: Option<Self> = None;
        for Segment { marker, data, .. } in jpeg_segments(bytes) {
            match marker {
                // A second frame is no JPEG that decoders take; the first is what they took memory for.
                0xC0..=0xC3 | 0xC5..=0xC7 | 0xC9..=0xCB | 0xCD..=0xCF if frame.is_none() => {
                    frame = Some(Self::of_segment(marker, data)?);
                }
                0xDA => {
                    let in_scan = usize::from(*data.first()?);
                    let frame = frame?;
                    let is_buffered = frame.is_buffered || in_scan < frame.components;
                    return Some(Self { is_buffered, ..frame });
                }
                _ => {}
            }
        }
        None
    }

    fn of_segment(marker: u8, segment: &[u8]) -> Option<Self> {
        let [_, h0, h1, w0, w1, components] = *segment.first_chunk()?;
        let components = usize::from(components);
        let mut sampling = [(1, 1); 4];
        if components == 0 || components > sampling.len() {
            return None;
        }
        for (of, component) in sampling.iter_mut().zip(segment.get(6..)?.chunks_exact(3).take(components)) {
            *of = (u64::from(component[1] >> 4).max(1), u64::from(component[1] & 15).max(1));
        }
        Some(Self {
            width: u64::from(u16::from_be_bytes([w0, w1])),
            height: u64::from(u16::from_be_bytes([h0, h1])),
            components,
            sampling,
            is_buffered: matches!(marker, 0xC2 | 0xC6 | 0xCA | 0xCE),
        })
    }

    /// 1 of grey, 3 of colours, 4 of inks.
    pub(crate) fn components(&self) -> usize {
        self.components
    }

    /// Width × height.
    pub(crate) fn pixels(&self) -> u64 {
        self.width * self.height
    }

    /// Bytes of the coefficients that are held for the whole picture, of 16 bits each; 0 where they are not.
    pub(crate) fn coefficients(&self) -> u64 {
        if !self.is_buffered {
            return 0;
        }
        let used = &self.sampling[..self.components];
        let most = |of: fn(&(u64, u64)) -> u64| used.iter().map(of).max().unwrap_or(1);
        let (h_most, v_most) = (most(|s| s.0), most(|s| s.1));
        // Whole units of blocks, which the last column and row may fill in part.
        let units = self.width.div_ceil(8 * h_most) * self.height.div_ceil(8 * v_most);
        used.iter().map(|(h, v)| units * h * v * 64 * 2).sum()
    }

    /// Bytes of the rows that are under way at once, before and after they are brought to full size.
    pub(crate) fn rows(&self) -> u64 {
        // 64 rows: twice the largest unit of blocks; 4 bytes a value.
        (self.width + 64) * 64 * 4 * self.components as u64
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// A start, a frame and a scan of as many components.
    fn jpeg(marker: u8, size: (u16, u16), sampling: &[u8], in_scan: u8) -> Vec<u8> {
        let components: Vec<u8> = (1u8..).zip(sampling).flat_map(|(id, s)| [id, *s, 0]).collect();
        let mut bytes = vec![0xFF, 0xD8, 0xFF, 0xE0, 0, 4, 1, 2, 0xFF, marker];
        bytes.extend((8 + components.len() as u16).to_be_bytes());
        bytes.push(8);
        bytes.extend(size.1.to_be_bytes());
        bytes.extend(size.0.to_be_bytes());
        bytes.push(sampling.len() as u8);
        bytes.extend(components);
        bytes.extend([0xFF, 0xDA, 0, 3, in_scan]);
        bytes
    }

    #[test]
    fn coefficients_are_held_by_progressive_pictures_and_by_scans_that_leave_components_out() {
        let held = |marker, sampling: &[u8], in_scan| {
            JpegFrame::read(&jpeg(marker, (160, 80), sampling, in_scan)).unwrap().coefficients()
        };
        let full = 160 * 80 * 2;
        assert_eq!(held(0xC0, &[0x22, 0x11, 0x11], 3), 0);
        assert_eq!(held(0xC2, &[0x22, 0x11, 0x11], 3), full * 3 / 2);
        assert_eq!(held(0xC2, &[0x11, 0x11, 0x11], 1), full * 3);
        assert_eq!(held(0xC0, &[0x11, 0x11, 0x11], 1), full * 3);
        assert_eq!(held(0xC2, &[0x11, 0x11, 0x11, 0x11], 4), full * 4);
        // One unit of 16×16 for each pixel that the last column has.
        assert_eq!(
            JpegFrame::read(&jpeg(0xC2, (1, 1), &[0x22, 0x11, 0x11], 3)).unwrap().coefficients(),
            6 * 128
        );
    }

    #[test]
    fn what_lies_between_segments_is_skipped() {
        let plain = jpeg(0xC2, (16, 16), &[0x11], 1);
        let filled = [&plain[..2], &[9, 9, 0xFF, 0xFF, 0xFF, 0xD0, 0xFF, 0x01], &plain[2..]].concat();
        assert_eq!(JpegFrame::read(&filled), JpegFrame::read(&plain));
        assert!(JpegFrame::read(&plain).is_some());
    }

    proptest! {
        #[test]
        fn no_bytes_panic(bytes in any::<Vec<u8>>(), cut in 0usize..40) {
            let _ = JpegFrame::read(&bytes);
            let whole = jpeg(0xC2, (16, 16), &[0x22, 0x11, 0x11], 3);
            let _ = JpegFrame::read(&whole[..cut.min(whole.len())]);
        }
    }
}
