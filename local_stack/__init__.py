"""Real servers on one laptop, and synthetic sources with the real shape.

Here belongs what stands in for the outside world while somebody tries or tests a migration: PostgreSQL,
MongoDB, an S3 store and a Supabase Storage stand-in (`servers`, `storage_api`, `stack`), and the sources
that fill them (`sources`). Nothing of a migration itself belongs here, and no pipeline imports this
package: only tests and the demo do.
"""
