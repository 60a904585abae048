"""Photographs as cameras and programs write them: with where, when and by whom they were made."""

from __future__ import annotations

import zlib
from io import BytesIO
from typing import Any, NamedTuple

from hypothesis import strategies as st
from PIL import ExifTags, Image, ImageOps, PngImagePlugin

from memory.pictures import picture

OWNER = "Jane Doe, 1 Harbour Lane"
XMP = (
    '<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-'
    f'syntax-ns#"><rdf:Description photoshop:City="{OWNER}"/></rdf:RDF></x:xmpmeta>'
).encode()
PROFILE = b"ICC " * 40


def exif(orientation: int | None = None, *, said: bool = True) -> Image.Exif:
    """Return an Exif with a name, a camera, a time and a place, turned or not."""
    tags = Image.Exif()
    if said:
        tags[ExifTags.Base.Artist] = OWNER
        tags[ExifTags.Base.Make] = "Camera of " + OWNER
        tags.get_ifd(ExifTags.IFD.Exif)[ExifTags.Base.DateTimeOriginal] = "2024:01:02 03:04:05"
        place = {1: "N", 2: (47.0, 22.0, 1.5), 3: "E", 4: (8.0, 32.0, 2.5), 29: "2024:01:02"}
        tags.get_ifd(ExifTags.IFD.GPSInfo).update(place)
    if orientation is not None:
        tags[ExifTags.Base.Orientation] = orientation
    return tags


def jpeg_segment(code: int, payload: bytes) -> bytes:
    return bytes([0xFF, code]) + (len(payload) + 2).to_bytes(2) + payload


def png_chunk(kind: bytes, data: bytes) -> bytes:
    return len(data).to_bytes(4) + kind + data + zlib.crc32(kind + data).to_bytes(4)


def webp_chunk(kind: bytes, data: bytes) -> bytes:
    return kind + len(data).to_bytes(4, "little") + data + bytes(len(data) % 2)


class Seen(NamedTuple):
    """What a reader sees of an image."""

    mode: str
    size: tuple[int, int]
    pixels: bytes
    upright: bytes
    profile: bytes | None


def seen(content: bytes) -> Seen:
    with Image.open(BytesIO(content)) as image:
        image.load()
        upright = ImageOps.exif_transpose(image)
        profile = image.info.get("icc_profile")
        return Seen(image.mode, image.size, image.tobytes(), upright.tobytes(), profile)


def personal(content: bytes) -> dict[Any, Any]:
    """Return what an image says beside its picture, its orientation left out."""
    with Image.open(BytesIO(content)) as image:
        image.load()
        tags = image.getexif()
        found: dict[Any, Any] = dict(tags)
        found.pop(ExifTags.Base.Orientation, None)
        for ifd in (ExifTags.IFD.GPSInfo, ExifTags.IFD.Exif, ExifTags.IFD.IFD1):
            found.update(tags.get_ifd(ifd))
        words = (
            "xmp",
            "comment",
            "photoshop",
            "mp",
            "XML:com.adobe.xmp",
            "Software",
            "parsed_exif",
        )
        found.update({word: image.info[word] for word in words if word in image.info})
        found.update(getattr(image, "text", {}))
        return found


@st.composite
def pictures(draw: st.DrawFn) -> Image.Image:
    size = (draw(st.integers(1, 40)), draw(st.integers(1, 40)))
    image = Image.open(BytesIO(picture(seed=draw(st.integers(0, 9)), size=size)))
    return image.convert(draw(st.sampled_from(["RGB", "L"])))


@st.composite
def jpegs(draw: st.DrawFn, orientation: int | None) -> bytes:
    image, content = draw(pictures()), BytesIO()
    options: dict[str, object] = {
        "quality": draw(st.sampled_from([30, 75, 95])),
        "progressive": draw(st.booleans()),
        "restart_marker_blocks": draw(st.integers(0, 3)),
    }
    if draw(st.booleans()):
        options["icc_profile"] = PROFILE
    if image.mode == "RGB" and draw(st.booleans()):
        image = image.convert("CMYK")  # with an Adobe segment, which inverts it
    image.save(content, "JPEG", **options)
    return _with_segments(draw, content.getvalue(), orientation)


def _with_segments(draw: st.DrawFn, plain: bytes, orientation: int | None) -> bytes:
    makers = [
        jpeg_segment(0xE1, exif(said=draw(st.booleans())).tobytes()),
        jpeg_segment(0xE1, b"http://ns.adobe.com/xap/1.0/\0" + XMP),
        jpeg_segment(0xED, b"Photoshop 3.0\08BIM\x04\x04\0\0\0\0\0\x18" + OWNER.encode()),
        jpeg_segment(0xFE, OWNER.encode()),
        jpeg_segment(0xE4, b"Ducky" + OWNER.encode()),
        jpeg_segment(0xEB, b"JP" + OWNER.encode()),
    ]
    extra = draw(st.lists(st.sampled_from(makers), max_size=4))
    if orientation is not None:
        extra.insert(0, jpeg_segment(0xE1, exif(orientation).tobytes()))
    fill = b"\xff" * draw(st.integers(0, 3))
    place = draw(st.sampled_from([2, 20]))  # before the JFIF segment, or behind it
    place = place if plain[2:4] == b"\xff\xe0" else 2
    tail = draw(st.sampled_from([b"", b"\0\0\0\x18ftypmp42" + OWNER.encode()]))
    return plain[:place] + b"".join(fill + piece for piece in extra) + plain[place:] + tail


@st.composite
def pngs(draw: st.DrawFn, orientation: int | None) -> bytes:
    image, content = draw(pictures()), BytesIO()
    words = PngImagePlugin.PngInfo()
    if draw(st.booleans()):
        words.add_text("Author", OWNER)
        words.add_text("Comment", OWNER * 9, zip=True)
    if draw(st.booleans()):
        words.add_itxt("XML:com.adobe.xmp", XMP.decode())
    options: dict[str, object] = {"pnginfo": words}
    if draw(st.booleans()):
        options["icc_profile"] = PROFILE
    image = image.convert(draw(st.sampled_from([image.mode, "P", "1", "RGBA"])))
    if image.mode == "P":
        options["transparency"] = 0
    image.save(content, "PNG", **options)
    plain = content.getvalue()
    made = [png_chunk(b"tIME", b"\x07\xe8\x01\x02\x03\x04\x05"), png_chunk(b"caBX", XMP)]
    extra = draw(st.lists(st.sampled_from(made), max_size=2))
    if orientation is not None:
        said = exif(orientation).tobytes().removeprefix(b"Exif\0\0")
        extra.append(png_chunk(b"eXIf", said))
    place = 33 if draw(st.booleans()) else len(plain) - 12  # behind the header, or before the end
    tail = draw(st.sampled_from([b"", OWNER.encode()]))
    return plain[:place] + b"".join(extra) + plain[place:] + tail


@st.composite
def webps(draw: st.DrawFn, orientation: int | None) -> bytes:
    image, content = draw(pictures()), BytesIO()
    options: dict[str, object] = {"lossless": draw(st.booleans()), "method": 0}
    if draw(st.booleans()):
        options["icc_profile"] = PROFILE
    if orientation is not None:
        options["exif"] = exif(orientation, said=draw(st.booleans())).tobytes()
    elif draw(st.booleans()):
        options["exif"] = exif().tobytes()
    if draw(st.booleans()):
        options["xmp"] = XMP
    image = image.convert(draw(st.sampled_from(["RGB", "RGBA"])))
    image.save(content, "WEBP", **options)
    body = content.getvalue()[8:] + b"".join(
        draw(st.lists(st.just(webp_chunk(b"JUNK", OWNER.encode())), max_size=1))
    )
    tail = draw(st.sampled_from([b"", OWNER.encode()]))
    return b"RIFF" + len(body).to_bytes(4, "little") + body + tail
