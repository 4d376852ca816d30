"""The outside world that songs are looked up in: music services and pictures at addresses that people or services name.

Here belongs how it is asked, how often, and what must never be fetched. How well an answer fits is told in
`registry.song_matches`; what becomes of a picture is for `steps.album_art`.
"""
