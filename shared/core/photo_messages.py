"""The sentences of `messages.py` about single photos: why one failed, and notes on one that was read."""

from __future__ import annotations

PHOTO_SENTENCES: dict[str, str] = {
    # photos
    "not_an_image": "This file is not an image.",
    "unsupported_format": "{format} images are not supported; export them as JPEG or PNG.",
    "unsupported_variant": "This {format} file is damaged or of a variant that is not supported; export the image as JPEG or PNG.",
    "raw_without_preview": "This camera RAW file ({format}) contains no large preview; develop it and export it as JPEG.",
    "video": "This is a video ({format}), not a photo; save a still image of it as JPEG.",
    "archive_inside": "This is a {format} archive; unpack it and send the photos themselves, or pack them as a zip file.",
    "document": "This is a document ({format}); save the images in it as JPEG or PNG.",
    "sidecar": "This file ({format}) contains only the edit settings of a photo; send the photo itself.",
    "web_page": "This is a web page ({format}), not the image on it; save the image itself.",
    "lfs_pointer": "This is only a pointer to a file in {format}; download the file itself (git lfs pull).",
    "not_a_photo": "This is not a photo but a file of the type {format}.",
    "truncated": "The image is incomplete or damaged; copy or export it again.",
    "partly_missing": "{percent} % of the image is there; the rest is missing.",
    "file_damaged": "The file is damaged, but the whole image could be read.",
    "raw_preview": "The RAW file's embedded preview ({width} × {height} pixels) was used.",
    "raw_developed": "The RAW file ({width} × {height} pixels) was developed with default settings.",
    "empty_file": "The file is empty (0 bytes).",
    "too_many_pixels": "The image has {pixels} pixels; the limit is {limit}.",
    "too_large": "The file is larger than {limit} bytes.",
    "unreadable": "The file could not be read: {reason}",
    "missing_file": "The file no longer exists.",
    "card_changed": "The photo of the swatch card was changed after its swatches were found; classify its folder again.",
    "outside_roots": "This path is outside the allowed folders.",
    "poison": "This photo crashed the program that reads it; it was skipped.",
    "photo_too_costly": (
        "Decoding this photo takes more memory or processor time than a photo may; export it again, smaller."
    ),
    "timeout": "Reading this photo took too long; it was skipped.",
    "internal": "Internal error.",
    # notes on photos that were read
    "colour_profile_damaged": "The colour profile is damaged and was ignored.",
    "colour_profile_unsuitable": "The colour profile does not fit the image and was ignored.",
    "hdr_tone_mapped": "HDR image; its brightness was reduced to that of ordinary screens.",
    "exif_damaged": "The EXIF data is damaged and was ignored.",
    "first_of_several": "The first of {count} frames or pages was classified.",
    # photos that should be taken again (`shared.bank.photo_gate`)
    "retake_blurred": "Blurred: photograph it again, and hold the camera still.",
    "retake_overexposed": "Overexposed: photograph it again with less light.",
    "retake_dark": "Too dark: photograph it again with more light.",
    "retake_glare": "Glare: photograph it again without the lamp's reflection.",
    "retake_far": "Too far away: photograph it again from 20 cm.",
    "retake_several": "Several cloths: photograph each of them by itself.",
    "retake_tiny": "Too few pixels: send the photo itself, at full size, not a small preview of it.",
    "retake_no_fabric": "Hardly any structure of a cloth: photograph the fabric itself.",
}
