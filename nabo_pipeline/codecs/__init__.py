"""Decoding, encoding and comparing pictures (Pillow, scikit-image), and the isolated processes it happens in.

The rules it follows stand in `media.compression`. No Dagster, no network, no files.
"""
