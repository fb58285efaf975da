//! Fields of soft noise, and the blur that makes shadows soft.

use crate::dice::Dice;

/// Soft noise in `[-1, 1]` over `w` × `h` pixels, its bumps about `cell` pixels in size.
pub fn field(w: usize, h: usize, cell: (f32, f32), dice: &mut Dice) -> Vec<f32> {
    let (columns, rows) = ((w as f32 / cell.0) as usize + 2, (h as f32 / cell.1) as usize + 2);
    let grid: Vec<f32> = (0..columns * rows).map(|_| dice.around(1.0)).collect();
    let across: Vec<(usize, f32)> = (0..w).map(|x| place(x as f32 / cell.0)).collect();
    let mut out = Vec::with_capacity(w * h);
    let mut line = vec![0.0; columns];
    for y in 0..h {
        let (row, t) = place(y as f32 / cell.1);
        for (c, value) in line.iter_mut().enumerate() {
            let (a, b) = (grid[row * columns + c], grid[(row + 1) * columns + c]);
            *value = a + (b - a) * t;
        }
        out.extend(across.iter().map(|&(c, t)| line[c] + (line[c + 1] - line[c]) * t));
    }
    out
}

fn place(at: f32) -> (usize, f32) {
    let t = at.fract();
    (at as usize, t * t * (3.0 - 2.0 * t))
}

/// Two box blurs of the radius, in both directions, in place: near enough to a Gaussian for a shadow.
pub fn blur(pixels: &mut [f32], w: usize, radius: usize) {
    if w == 0 || radius == 0 {
        return;
    }
    let h = pixels.len() / w;
    if h == 0 {
        return;
    }
    let mut copy = vec![0.0; pixels.len()];
    for _ in 0..2 {
        rows(pixels, &mut copy, w, radius);
        columns(&copy, pixels, w, h, radius);
    }
}

/// Beyond the border lies what lies on it: a shape cut off by the frame has no edge there.
fn rows(from: &[f32], to: &mut [f32], w: usize, radius: usize) {
    let share = 1.0 / (2 * radius + 1) as f32;
    for (from, to) in from.chunks_exact(w).zip(to.chunks_exact_mut(w)) {
        let at = |x: usize| from[x.min(w - 1)];
        let mut sum = from[0] * (radius + 1) as f32 + (0..radius).map(at).sum::<f32>();
        for x in 0..w {
            sum += at(x + radius) - from[x.saturating_sub(radius + 1)];
            to[x] = sum * share;
        }
    }
}

/// Goes along the rows all the same, one sum a column: memory is read in order.
fn columns(from: &[f32], to: &mut [f32], w: usize, h: usize, radius: usize) {
    let share = 1.0 / (2 * radius + 1) as f32;
    let row = |y: usize| &from[y.min(h - 1) * w..][..w];
    let mut sums: Vec<f32> = row(0).iter().map(|v| v * (radius + 1) as f32).collect();
    for y in 0..radius {
        sums.iter_mut().zip(row(y)).for_each(|(sum, v)| *sum += v);
    }
    for y in 0..h {
        let (come, go) = (row(y + radius), row(y.saturating_sub(radius + 1)));
        let to = &mut to[y * w..][..w];
        for (((sum, to), come), go) in sums.iter_mut().zip(to).zip(come).zip(go) {
            *sum += come - go;
            *to = *sum * share;
        }
    }
}
