"""Maps of images by their metadata, as a picture (PNG) and as a page one can look around in."""
