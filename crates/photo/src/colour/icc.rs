//! An ICC profile, made harmless: only what is needed of it is left for the library that reads it.

use moxcms::{ColorProfile, DataColorSpace, ParsingOptions, ProfileClass};

/// Bytes that a profile may have. Those of printers have up to 3 MB; what is larger counts as none.
pub(crate) const MAX_PROFILE: usize = 4 << 20;

const HEADER: usize = 128;
const TAG: usize = 12;

/// Entries that a profile's table of tags may have. Those of printers have some 20.
const MAX_TAGS: usize = 200;

/// What is read of a profile: matrix and curves, and the table from the device to the space between.
const NEEDED: [&[u8; 4]; 9] =
    [b"rXYZ", b"gXYZ", b"bXYZ", b"rTRC", b"gTRC", b"bTRC", b"kTRC", b"A2B0", b"A2B1"];

/// The colour space that a profile's header states, e.g. `RGB `.
pub(crate) fn space(profile: &[u8]) -> Option<&[u8]> {
    profile.get(16..20)
}

/// Reads what is needed of a profile of devices (cameras, screens, printers). Takes as much memory again as the profile has.
/// `None` where it is broken, or no such profile.
pub(crate) fn read(mut profile: Vec<u8>) -> Option<ColorProfile> {
    keep_needed(&mut profile)?;
    let options = ParsingOptions {
        max_profile_size: MAX_PROFILE + 1,
        max_allowed_clut_size: MAX_PROFILE,
        max_allowed_trc_size: 40_000,
    };
    let profile = ColorProfile::new_from_slice_with_options(&profile, options).ok()?;
    let of_device = matches!(
        profile.profile_class,
        ProfileClass::InputDevice
            | ProfileClass::DisplayDevice
            | ProfileClass::OutputDevice
            | ProfileClass::ColorSpace
    );
    let between = matches!(profile.pcs, DataColorSpace::Xyz | DataColorSpace::Lab);
    (of_device && between).then_some(profile)
}

/// Leaves the first of each needed tag in the table. A table may name one place many times, to be read anew each time: that, and
/// texts and tables for the way back, would cost a multiple of the profile.
fn keep_needed(profile: &mut [u8]) -> Option<()> {
    let number = |bytes: &[u8]| Some(u32::from_be_bytes(*bytes.first_chunk()?) as usize);
    let tags = number(profile.get(HEADER..)?)?;
    let table = profile.get(HEADER + 4..)?;
    if tags > MAX_TAGS || profile.get(36..40)? != b"acsp" || table.len() < tags * TAG {
        return None;
    }
    let entries: Vec<[u8; TAG]> = table.as_chunks().0[..tags].to_vec();
    let first = |name: &[u8]| entries.iter().find(|entry| entry[..4] == *name);
    // The second table only where there is not the first.
    let needed = NEEDED.iter().filter(|name| **name != b"A2B1" || first(b"A2B0").is_none());
    let kept: Vec<_> = needed.filter_map(|name| first(*name)).collect();
    for entry in &kept {
        let (at, length) = (number(&entry[4..])?, number(&entry[8..])?);
        profile.get(at..at.checked_add(length)?)?;
    }
    profile[HEADER..HEADER + 4].copy_from_slice(&(kept.len() as u32).to_be_bytes());
    let table = profile[HEADER + 4..].as_chunks_mut::<TAG>().0;
    table.iter_mut().zip(kept).for_each(|(to, entry)| *to = *entry);
    Some(())
}
