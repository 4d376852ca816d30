"""The artworks: rows of a live PostgreSQL table brought to a clean schema in the same database, while people write."""
