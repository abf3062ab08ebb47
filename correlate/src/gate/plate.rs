//! From a text as read to a plate: what a camera saw, made to fit a format.

use gemba_schemas::id::Name;
use regex::Regex;
use std::collections::BTreeMap;

/// Longest text in which look-alikes are tried: each character that has one doubles the work.
const LONGEST: usize = 12;

/// Name and pattern of a format; of several that match the first counts.
pub type Format = (Name, String);

/// Patterns, compiled once; one that does not compile matches nothing (the site file was checked).
#[derive(Default)]
pub struct Patterns(BTreeMap<String, Option<Regex>>);

impl Patterns {
    /// The plate that a text is read as, and its format.
    pub fn plate(&mut self, formats: &[Format], text: &str) -> Option<(String, Name)> {
        let kept: Vec<u8> =
            text.bytes().filter(u8::is_ascii_alphanumeric).map(|byte| byte.to_ascii_uppercase()).collect();
        candidates(&kept).find_map(|plate| {
            let format = formats.iter().find(|(_, pattern)| self.matches(pattern, &plate))?.0;
            Some((plate, format))
        })
    }

    fn matches(&mut self, pattern: &str, plate: &str) -> bool {
        if !self.0.contains_key(pattern) {
            self.0.insert(pattern.to_owned(), Regex::new(&format!(r"\A(?:{pattern})\z")).ok());
        }
        self.0.get(pattern).is_some_and(|regex| regex.as_ref().is_some_and(|regex| regex.is_match(plate)))
    }
}

fn look_alike(byte: u8) -> Option<u8> {
    const PAIRS: [(u8, u8); 6] = [(b'O', b'0'), (b'I', b'1'), (b'B', b'8'), (b'S', b'5'), (b'Z', b'2'), (b'G', b'6')];
    PAIRS.iter().find_map(|&(letter, digit)| match byte {
        _ if byte == letter => Some(digit),
        _ if byte == digit => Some(letter),
        _ => None,
    })
}

/// The text itself, then with ever more characters taken for their look-alikes, in the order of the alphabet.
fn candidates(text: &[u8]) -> impl Iterator<Item = String> {
    let places: Vec<usize> = (0..text.len()).filter(|&i| look_alike(text[i]).is_some()).collect();
    let most = if text.len() <= LONGEST { places.len() } else { 0 };
    // Made only as far as they are asked for: most reads match as they are.
    (0..=most).flat_map(move |swaps| {
        let mut variants: Vec<String> = (0u32..1 << most)
            .filter(|mask| mask.count_ones() as usize == swaps)
            .map(|mask| {
                let mut variant = text.to_vec();
                for (bit, &i) in places[..most].iter().enumerate() {
                    if mask & (1 << bit) != 0 {
                        variant[i] = look_alike(variant[i]).unwrap_or(variant[i]);
                    }
                }
                variant.into_iter().map(char::from).collect()
            })
            .collect();
        variants.sort_unstable();
        variants
    })
}
