"""A stand-in for Supabase Storage: the REST API that the `supabase` client uses, on a folder.

Here belongs what the real server would answer: statuses, error bodies, limits, key rules. The facts come from
measurements of a real server and from its published source; `tests/contract` holds both servers to them.
What the stand-in leaves out, it does not pretend to have: image transformation, row-level rules for other
roles than the service role, the S3 protocol, vector and analytics buckets. Their addresses answer 404.
Faults for tests are switched on through addresses of their own (`control`), never through the protocol.
"""
