"""Files and their pixels: formats, decoding, quality."""
