"""Where things live: staging (read only), development, the migration's own collections, files. No decisions."""
