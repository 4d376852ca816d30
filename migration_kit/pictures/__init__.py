"""Pictures of unknown origin: what a file is, whether it may be decoded, decoding it under limits, showing it smaller.

Nothing here knows where a picture comes from or goes to, and nothing imports Pillow until it decodes. What
is decoded is decoded in a process of its own (`isolation`).
"""
