-- What the migration knows of rows in the clean table, when there is none any more. Decisions, and tokens that were
-- made for rows without one, stay: the next expansion gives the same tokens.
DROP INDEX IF EXISTS public.artwork_migration_address;
DELETE FROM artwork_migration.outcomes;
DELETE FROM artwork_migration.set_aside;
DELETE FROM artwork_migration.cursors;
DELETE FROM artwork_migration.routing;
DELETE FROM artwork_migration.merged_users;
DELETE FROM artwork_migration.repointed;
DELETE FROM artwork_migration.made_users;
DELETE FROM artwork_migration.made;
DELETE FROM artwork_migration.publications;
DELETE FROM artwork_migration.verdicts;
DELETE FROM artwork_migration.installation;
