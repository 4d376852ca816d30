"""Media migration: pictures from an S3 backup to Supabase Storage and PostgreSQL, every file accounted for."""
