-- The triggers themselves, part of the expansion's transaction. They stay with their tables through every rename.

CREATE OR REPLACE TRIGGER artwork_migration_forward AFTER INSERT OR UPDATE OR DELETE ON @old@
    FOR EACH ROW WHEN (current_setting('artwork_migration.carrying', true) IS DISTINCT FROM 'on')
    EXECUTE FUNCTION artwork_migration.forward();
CREATE OR REPLACE TRIGGER artwork_migration_reverse AFTER INSERT OR UPDATE OR DELETE ON @clean@
    FOR EACH ROW WHEN (current_setting('artwork_migration.carrying', true) IS DISTINCT FROM 'on')
    EXECUTE FUNCTION artwork_migration.reverse();
CREATE OR REPLACE TRIGGER artwork_migration_no_truncate BEFORE TRUNCATE ON @clean@
    FOR EACH STATEMENT EXECUTE FUNCTION artwork_migration.refuse_truncate();
CREATE OR REPLACE TRIGGER artwork_migration_no_truncate BEFORE TRUNCATE ON @old@
    FOR EACH STATEMENT EXECUTE FUNCTION artwork_migration.refuse_truncate();
@reference_triggers@
