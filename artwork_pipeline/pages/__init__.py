"""Pictures for people: drawn from what the stores found, without any look of their own at the database."""
