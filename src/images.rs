//! Images in other sizes, as Odoo makes them, and the pictures that stand in where there is none.

use std::io::Cursor;
use std::sync::LazyLock;

use image::codecs::jpeg::JpegEncoder;
use image::codecs::png::PngEncoder;
use image::imageops::FilterType;
use image::{
    DynamicImage, ExtendedColorType, GrayImage, ImageDecoder as _, ImageEncoder as _, ImageFormat, ImageReader, Luma,
};
use tokio::sync::Semaphore;

/// As Odoo's `IMAGE_MAX_RESOLUTION`.
const MOST_PIXELS: u64 = 50_000_000;
/// The bytes that the pixels of one image may have.
const MOST_BYTES: u64 = 4 * MOST_PIXELS;
/// The quality of JPEG images that are written.
const QUALITY: u8 = 95;
/// No side of a picture that stands in is longer.
const SIDE: u32 = 256;
/// So many images are unpacked at once, in all servers of the process, since each may take much memory.
static UNPACKED: Semaphore = Semaphore::const_new(2);

/// The part of an image that stays when it is cut.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Crop {
    Top,
    Center,
    Bottom,
}

/// The size that is asked for; a side of 0 follows the other. An image is never enlarged.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Size {
    pub width: u32,
    pub height: u32,
    /// Both sides are filled, and what does not fit is cut off.
    pub crop: Option<Crop>,
}

impl Size {
    /// The size that the name of a field says: `image_128`.
    #[must_use]
    pub fn of_field(name: &str) -> Self {
        let side = match name {
            "image" => Some(1024),
            name if name.starts_with("x_") => None,
            name => name.rsplit_once('_').and_then(|(_, side)| side.parse().ok()).filter(|side| *side >= 16),
        };
        let side = side.unwrap_or_default();
        Self { width: side, height: side, crop: None }
    }

    /// Whether any size will do.
    #[must_use]
    pub fn is_open(self) -> bool {
        self.width == 0 && self.height == 0
    }
}

/// Why an image cannot be changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unusable {
    /// It is none, or one of an unknown kind, or broken.
    NotAnImage,
    /// It has too many pixels.
    TooLarge,
}

/// Width and height of an image, as far as they can be told.
#[must_use]
pub fn size(content: &[u8]) -> (u32, u32) {
    let reader = ImageReader::new(Cursor::new(content)).with_guessed_format();
    reader.ok().and_then(|reader| reader.into_dimensions().ok()).unwrap_or_default()
}

/// Whether an image is left as it is: nothing, a drawing, or WebP, which Odoo passes on, too.
fn stays(content: &[u8]) -> bool {
    content.is_empty()
        || content.starts_with(b"<")
        || content.starts_with(b"RIFF") && content.get(8..12) == Some(b"WEBP")
}

/// An image in another size, in its own format.
///
/// # Errors
/// It is no image, or a too large one.
pub async fn resize(content: Vec<u8>, size: Size) -> Result<Vec<u8>, Unusable> {
    in_sizes(content, vec![size]).await.map(|sized| sized.into_iter().next().unwrap_or_default())
}

/// An image in several sizes, each in its own format; it is unpacked once.
///
/// # Errors
/// It is no image, or a too large one.
pub async fn in_sizes(content: Vec<u8>, sizes: Vec<Size>) -> Result<Vec<Vec<u8>>, Unusable> {
    if stays(&content) {
        return Ok(vec![content; sizes.len()]);
    }
    let _permit = UNPACKED.acquire().await;
    let unpacked = tokio::task::spawn_blocking(move || {
        let (image, format) = unpack(&content)?;
        sizes.iter().map(|size| resized(&content, &image, format, *size)).collect()
    });
    unpacked.await.unwrap_or(Err(Unusable::NotAnImage))
}

fn resized(content: &[u8], image: &DynamicImage, format: ImageFormat, size: Size) -> Result<Vec<u8>, Unusable> {
    let part = match size.crop {
        Some(crop) if size.width > 0 && size.height > 0 => cut(image, (size.width, size.height), crop),
        _ => None,
    };
    let is_cut = part.is_some();
    let part = part.as_ref().unwrap_or(image);
    let own = (part.width(), part.height());
    let (width, height) = fitting(own, size);
    match (width, height) == own {
        true if is_cut => pack(part, format),
        true => Ok(content.to_vec()),
        false => pack(&part.resize_exact(width, height, FilterType::Lanczos3), format),
    }
}

fn unpack(content: &[u8]) -> Result<(DynamicImage, ImageFormat), Unusable> {
    let broken = |_| Unusable::NotAnImage;
    let reader = ImageReader::new(Cursor::new(content)).with_guessed_format().map_err(|_| Unusable::NotAnImage)?;
    let format = reader.format().ok_or(Unusable::NotAnImage)?;
    let mut decoder = reader.into_decoder().map_err(broken)?;
    let (width, height) = decoder.dimensions();
    if u64::from(width) * u64::from(height) > MOST_PIXELS || decoder.total_bytes() > MOST_BYTES {
        return Err(Unusable::TooLarge);
    }
    let orientation = decoder.orientation().map_err(broken)?;
    let mut image = DynamicImage::from_decoder(decoder).map_err(broken)?;
    image.apply_orientation(orientation);
    Ok((image, format))
}

fn pack(image: &DynamicImage, format: ImageFormat) -> Result<Vec<u8>, Unusable> {
    let mut out = Cursor::new(Vec::new());
    let packed = match format {
        ImageFormat::Jpeg => {
            let encoder = JpegEncoder::new_with_quality(&mut out, QUALITY);
            match image {
                DynamicImage::ImageLuma8(gray) => gray.write_with_encoder(encoder),
                other => other.to_rgb8().write_with_encoder(encoder),
            }
        }
        ImageFormat::Gif => DynamicImage::from(image.to_rgba8()).write_to(&mut out, format),
        _ => image.write_to(&mut out, ImageFormat::Png),
    };
    packed.map(|()| out.into_inner()).map_err(|_| Unusable::NotAnImage)
}

/// `number * times / by`, at least 1.
fn scaled(number: u32, times: u32, by: u32) -> u32 {
    let scaled = u64::from(number) * u64::from(times) / u64::from(by.max(1));
    u32::try_from(scaled).unwrap_or(u32::MAX).max(1)
}

/// The largest part of an image with the proportions of `wanted`, where that is not the whole.
fn cut(image: &DynamicImage, wanted: (u32, u32), crop: Crop) -> Option<DynamicImage> {
    let (w, h) = (image.width(), image.height());
    let is_wider = u64::from(w) * u64::from(wanted.1) > u64::from(h) * u64::from(wanted.0);
    let (width, height) =
        if is_wider { (scaled(wanted.0, h, wanted.1).min(w), h) } else { (w, scaled(wanted.1, w, wanted.0).min(h)) };
    let top = match crop {
        Crop::Top => 0,
        Crop::Center => (h - height) / 2,
        Crop::Bottom => h - height,
    };
    ((width, height) != (w, h)).then(|| image.crop_imm((w - width) / 2, top, width, height))
}

/// The size of an image of the size `own` that fits.
fn fitting(own: (u32, u32), size: Size) -> (u32, u32) {
    let (w, h) = own;
    if size.is_open() || w == 0 || h == 0 {
        return own;
    }
    let width = if size.width == 0 { scaled(w, size.height, h) } else { size.width };
    let height = if size.height == 0 { scaled(h, size.width, w) } else { size.height };
    if width >= w && height >= h {
        return own;
    }
    if u64::from(width) * u64::from(h) < u64::from(height) * u64::from(w) {
        (width, rounded(h, width, w))
    } else {
        (rounded(w, height, h), height)
    }
}

/// `number * times / by`, rounded, at least 1.
fn rounded(number: u32, times: u32, by: u32) -> u32 {
    let twice = (2 * u64::from(number) * u64::from(times) + u64::from(by)) / (2 * u64::from(by));
    u32::try_from(twice).unwrap_or(u32::MAX).max(1)
}

/// What stands in for a record's image.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StandIn {
    /// A picture in its frame.
    Picture,
    /// Head and shoulders.
    Person,
    /// A house.
    Company,
}

impl StandIn {
    /// The name of its file.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Picture => "placeholder.png",
            Self::Person => "avatar_grey.png",
            Self::Company => "company_image.png",
        }
    }

    /// It as a PNG.
    #[must_use]
    pub fn png(self) -> &'static [u8] {
        static DRAWN: LazyLock<[Vec<u8>; 3]> = LazyLock::new(|| {
            [StandIn::Picture, StandIn::Person, StandIn::Company].map(|what| {
                let drawing = GrayImage::from_fn(SIDE, SIDE, |x, y| Luma([what.shade(f64::from(x), f64::from(y))]));
                let mut png = Vec::new();
                let written = PngEncoder::new(&mut png).write_image(&drawing, SIDE, SIDE, ExtendedColorType::L8);
                written.expect("a drawing can be written to memory");
                png
            })
        });
        match self {
            Self::Picture => &DRAWN[0],
            Self::Person => &DRAWN[1],
            Self::Company => &DRAWN[2],
        }
    }

    fn shade(self, x: f64, y: f64) -> u8 {
        let disc = |cx: f64, cy: f64, r: f64| (x - cx).hypot(y - cy) <= r;
        let block = |left: f64, top: f64, right: f64, bottom: f64| x >= left && x < right && y >= top && y < bottom;
        let is_drawn = match self {
            Self::Picture => {
                let framed = block(40.0, 56.0, 216.0, 200.0) && !block(52.0, 68.0, 204.0, 188.0);
                let hill = y < 188.0 && y > 100.0 + (x - 112.0).abs() && block(52.0, 68.0, 204.0, 188.0);
                framed || hill || disc(172.0, 100.0, 16.0)
            }
            Self::Person => disc(128.0, 100.0, 44.0) || disc(128.0, 236.0, 80.0),
            Self::Company => {
                let window = (block(104.0, 80.0, 120.0, 200.0) || block(136.0, 80.0, 152.0, 200.0)) && y % 40.0 < 20.0;
                block(80.0, 56.0, 176.0, 216.0) && !window
            }
        };
        if is_drawn { 0xb0 } else { 0xe8 }
    }
}

/// A drawing with the first letter of a name, in a colour of its own.
#[must_use]
pub fn avatar(name: &str, key: &str) -> String {
    let initial = name.trim().chars().next().unwrap_or('?').to_uppercase().to_string();
    let initial = initial.replace('&', "&amp;").replace('<', "&lt;");
    // FNV-1a: any hash that stays the same would do.
    let hash = key.bytes().fold(0x811c_9dc5_u32, |hash, byte| (hash ^ u32::from(byte)).wrapping_mul(0x0100_0193));
    let hue = hash % 360;
    format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"180\" height=\"180\" viewBox=\"0 0 180 180\">\
         <rect width=\"180\" height=\"180\" fill=\"hsl({hue}, 45%, 45%)\"/>\
         <text x=\"90\" y=\"122\" fill=\"#fff\" font-family=\"sans-serif\" font-size=\"92\" text-anchor=\"middle\">\
         {initial}</text></svg>"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn picture(width: u32, height: u32, format: ImageFormat) -> Vec<u8> {
        pack(&DynamicImage::new_rgb8(width, height), format).unwrap()
    }

    fn sized(width: u32, height: u32, crop: Option<Crop>) -> Size {
        Size { width, height, crop }
    }

    #[test]
    fn sizes_that_fit() {
        for (own, size, fits) in [
            ((100, 50), sized(50, 50, None), (50, 25)),
            ((100, 50), sized(0, 25, None), (50, 25)),
            ((100, 50), sized(10, 0, None), (10, 5)),
            ((100, 50), sized(100_000, 100_000, None), (100, 50)),
            ((100, 50), Size::default(), (100, 50)),
            ((1, 5000), sized(16, 16, None), (1, 16)),
        ] {
            assert_eq!(fitting(own, size), fits, "{own:?} {size:?}");
        }
        assert_eq!(Size::of_field("image_128"), sized(128, 128, None));
        assert_eq!(Size::of_field("image"), sized(1024, 1024, None));
        assert!(Size::of_field("x_photo_128").is_open());
        assert!(Size::of_field("line_2").is_open());
    }

    #[tokio::test]
    async fn images_keep_their_format_and_are_not_enlarged() {
        for format in [ImageFormat::Png, ImageFormat::Jpeg, ImageFormat::Gif] {
            let original = picture(40, 20, format);
            let small = resize(original.clone(), sized(10, 10, None)).await.unwrap();
            assert_eq!(image::guess_format(&small).unwrap(), format);
            assert_eq!(size(&small), (10, 5));
            let cut = resize(original.clone(), sized(10, 10, Some(Crop::Top))).await.unwrap();
            assert_eq!(size(&cut), (10, 10));
            let same = resize(original.clone(), sized(100_000, 100_000, Some(Crop::Center))).await.unwrap();
            assert_eq!(size(&same), (20, 20));
            assert_eq!(resize(original.clone(), sized(100_000, 100_000, None)).await.unwrap(), original);
        }
        for kept in [b"".as_slice(), b"<svg/>", b"RIFF\0\0\0\0WEBPVP8 "] {
            assert_eq!(resize(kept.to_vec(), sized(1, 1, None)).await.unwrap(), kept);
        }
    }

    #[tokio::test]
    async fn what_is_broken_or_too_large_is_refused() {
        let mut broken = picture(40, 20, ImageFormat::Png);
        broken.truncate(50);
        for content in [broken, b"words".to_vec(), b"RIFF".to_vec(), b"\x89PNG\r\n\x1a\n".to_vec()] {
            assert_eq!(resize(content, sized(1, 1, None)).await, Err(Unusable::NotAnImage));
        }
        // A GIF that says that it has 65,535 × 65,535 pixels.
        let mut bomb = picture(1, 1, ImageFormat::Gif);
        bomb[6..10].copy_from_slice(&[0xff; 4]);
        assert_eq!(resize(bomb, sized(1, 1, None)).await, Err(Unusable::TooLarge));
    }

    #[test]
    fn stand_ins() {
        for what in [StandIn::Picture, StandIn::Person, StandIn::Company] {
            assert_eq!(size(what.png()), (SIDE, SIDE));
        }
        assert!(avatar("<b", "1").contains("&lt;"));
        assert!(avatar("", "").contains('?'));
    }
}
