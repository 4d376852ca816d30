-- Triggers of one event fire in the order of their names, foreign keys' own (RI_...) among them: what is carried to the
-- old table by the reverse trigger, and what the deletion of a user looks up there, is between two of ours.
CREATE OR REPLACE TRIGGER artwork_migration_count_from_here AFTER INSERT OR UPDATE OR DELETE ON @clean@
    FOR EACH ROW WHEN (current_setting('artwork_migration.carrying', true) IS DISTINCT FROM 'on')
    EXECUTE FUNCTION artwork_migration.count_from_here('clean');
CREATE OR REPLACE TRIGGER artwork_migration_thus_far AFTER INSERT OR UPDATE OR DELETE ON @clean@
    FOR EACH ROW WHEN (current_setting('artwork_migration.carrying', true) IS DISTINCT FROM 'on')
    EXECUTE FUNCTION artwork_migration.count_to_here('clean');
-- Around the forward trigger, too: the deletion of a user changes old rows, which is nobody's reading. Whoever changes or
-- deletes rows there themselves has scanned the table for it; who only inserts is given away by the forward trigger.
CREATE OR REPLACE TRIGGER artwork_migration_count_from_here AFTER UPDATE OR DELETE ON @old@
    FOR EACH ROW WHEN (current_setting('artwork_migration.carrying', true) IS DISTINCT FROM 'on')
    EXECUTE FUNCTION artwork_migration.count_from_here('old');
CREATE OR REPLACE TRIGGER artwork_migration_thus_far AFTER UPDATE OR DELETE ON @old@
    FOR EACH ROW WHEN (current_setting('artwork_migration.carrying', true) IS DISTINCT FROM 'on')
    EXECUTE FUNCTION artwork_migration.count_to_here('old');
CREATE OR REPLACE TRIGGER "Artwork_migration_count_from_here" AFTER DELETE ON public.users
    FOR EACH ROW EXECUTE FUNCTION artwork_migration.count_from_here('users');
CREATE OR REPLACE TRIGGER artwork_migration_thus_far AFTER DELETE ON public.users
    FOR EACH ROW EXECUTE FUNCTION artwork_migration.count_to_here('users');
