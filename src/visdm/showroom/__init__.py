"""Describes images for anyone to read: a table, a Croissant document and a page, offline."""
