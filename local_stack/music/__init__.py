"""A stand-in for iTunes' search, MusicBrainz, the Cover Art Archive and their pictures: one application, over TLS.

Here belongs what the real services would answer, as far as a look-up reads it: their addresses, fields, statuses and
redirects; `tests/contract` holds stand-in and real services to them. It knows the songs of `sources.registry` and a few
real ones. Faults and further songs for tests are ordered through addresses of their own (`control`).
"""
