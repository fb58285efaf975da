//! Photos that stay in memory once they are decoded and resized, as long as there is room.

use std::sync::{
    Arc, OnceLock,
    atomic::{AtomicU64, Ordering},
};

use lookalike_photo::Photo;

/// Room for decoded photos, shared by several sets.
#[derive(Clone, Debug)]
pub struct Room(Arc<AtomicU64>);

impl Room {
    /// Of so many bytes.
    pub fn new(bytes: u64) -> Self {
        Self(Arc::new(AtomicU64::new(bytes)))
    }

    fn take(&self, bytes: u64) -> bool {
        self.0.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |left| left.checked_sub(bytes)).is_ok()
    }
}

/// A place for each photo of a set. What is kept is what would be made anew: it changes no result.
#[derive(Debug)]
pub(crate) struct Kept {
    places: Vec<OnceLock<Arc<Photo>>>,
    room: Room,
}

impl Kept {
    pub fn new(photos: usize, room: Room) -> Self {
        Self { places: (0..photos).map(|_| OnceLock::new()).collect(), room }
    }

    /// The photo at `place`, made where it is not kept.
    pub fn get<E>(&self, place: usize, make: impl FnOnce() -> Result<Photo, E>) -> Result<Arc<Photo>, E> {
        let place = self.places.get(place);
        if let Some(photo) = place.and_then(OnceLock::get) {
            return Ok(photo.clone());
        }
        let photo = Arc::new(make()?);
        if let Some(place) = place
            && self.room.take(photo.rgb().as_raw().len() as u64)
        {
            let _ = place.set(photo.clone()); // another thread was first: the same photo
        }
        Ok(photo)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use image::RgbImage;

    #[test]
    fn what_has_room_is_made_once_the_rest_each_time() {
        let kept = Kept::new(3, Room::new(2 * 300));
        let mut made = 0;
        for _ in 0..4 {
            for place in 0..3 {
                let make = || {
                    made += 1;
                    Photo::from_rgb(RgbImage::from_pixel(10, 10, image::Rgb([place as u8; 3]))).ok_or(())
                };
                assert_eq!(kept.get(place, make).unwrap().rgb().get_pixel(3, 3).0, [place as u8; 3]);
            }
        }
        assert_eq!(made, 2 + 4);
    }
}
