//! Files of few bytes that a decoder takes much memory for.

use std::io::Write;

/// A PNG of zeros, of this colour type and depth, its rows without a filter.
pub fn flat_png(size: (u32, u32), colour_type: u8, depth: u8) -> Vec<u8> {
    png(size, [depth, colour_type, 0], &[size])
}

/// A PNG of zeros, RGBA of 16 bits, in the seven passes of Adam7.
pub fn interlaced_png((width, height): (u32, u32)) -> Vec<u8> {
    // Where each pass begins, and its steps.
    let passes =
        [(0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2), (0, 1, 1, 2)];
    let sizes = passes.map(|(x, y, by_x, by_y)| ((width - x).div_ceil(by_x), (height - y).div_ceil(by_y)));
    png((width, height), [16, 6, 1], &sizes)
}

fn png(
    (width, height): (u32, u32),
    [depth, colour_type, interlaced]: [u8; 3],
    passes: &[(u32, u32)],
) -> Vec<u8> {
    let channels = [1, 0, 3, 1, 2, 0, 4][usize::from(colour_type)];
    let mut pixels = flate2::write::ZlibEncoder::new(Vec::new(), flate2::Compression::fast());
    for (columns, rows) in passes {
        let row = vec![0; 1 + (*columns as usize * channels * usize::from(depth)).div_ceil(8)];
        (0..*rows).for_each(|_| pixels.write_all(&row).unwrap());
    }
    let head =
        [&width.to_be_bytes()[..], &height.to_be_bytes(), &[depth, colour_type, 0, 0, interlaced]].concat();
    let mut png = b"\x89PNG\r\n\x1a\n".to_vec();
    for (name, data) in [(b"IHDR", head), (b"IDAT", pixels.finish().unwrap()), (b"IEND", Vec::new())] {
        png.extend((data.len() as u32).to_be_bytes());
        let mut sum = flate2::Crc::new();
        sum.update(name);
        sum.update(&data);
        png.extend([&name[..], &data, &sum.sum().to_be_bytes()].concat());
    }
    png
}

/// Bits, the lowest first.
#[derive(Default)]
struct Bits {
    bytes: Vec<u8>,
    used: usize,
}

impl Bits {
    fn put(&mut self, value: u32, bits: usize) {
        for bit in 0..bits {
            if self.used.is_multiple_of(8) {
                self.bytes.push(0);
            }
            *self.bytes.last_mut().unwrap() |= ((value >> bit & 1) as u8) << (self.used % 8);
            self.used += 1;
        }
    }

    /// A code of one symbol of 8 bits, which takes no bits where it is used.
    fn one_symbol(&mut self, symbol: u32) {
        self.put(0b101, 3); // simple, one symbol, of 8 bits
        self.put(symbol, 8);
    }

    /// A code of eleven symbols, of 1 to 10 bits: a table of 1,024 entries.
    fn deep_code(&mut self) {
        self.put(0, 1);
        // Lengths of the codes for the lengths, in the format's own order: 1 to 6 by three bits, 7 to 10 by four.
        let lengths = [0, 0, 0, 3, 3, 3, 3, 3, 0, 3, 4, 4, 4, 4];
        self.put(lengths.len() as u32 - 4, 4);
        lengths.iter().for_each(|length| self.put(*length, 3));
        self.put(1, 1); // not all symbols have a length:
        self.put(1, 3); // in 4 bits
        self.put(11 - 2, 4); // eleven of them
        for length in [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 10] {
            let (code, bits): (u32, u32) = if length <= 6 { (length - 1, 3) } else { (12 + length - 7, 4) };
            self.put(code.reverse_bits() >> (32 - bits), bits as usize);
        }
    }
}

/// A lossless WebP of one pixel with so many groups of five codes: some 60 bytes of the file a group, 20 KB in memory.
pub fn webp_of_many_codes(groups: u32) -> Vec<u8> {
    let mut bits = Bits::default();
    bits.put(0x2F, 8);
    bits.put(0, 14 + 14 + 1 + 3); // 1×1, opaque, version 0
    bits.put(0, 1); // no transform
    bits.put(0, 1); // no cache of colours
    bits.put(1, 1); // groups of codes, by blocks
    bits.put(0, 3); // of 4×4
    bits.put(0, 1); // their picture has no cache, and one group: the number of the last group, in green and red
    let last = groups - 1;
    [last & 0xFF, last >> 8, 0, 0, 0].into_iter().for_each(|symbol| bits.one_symbol(symbol));
    (0..5 * groups).for_each(|_| bits.deep_code());
    bits.put(0, 64);
    let mut data = bits.bytes;
    let length = data.len() as u32;
    data.resize(data.len() + data.len() % 2, 0);
    let body = [&b"WEBPVP8L"[..], &length.to_le_bytes(), &data].concat();
    [&b"RIFF"[..], &(body.len() as u32).to_le_bytes(), &body].concat()
}
