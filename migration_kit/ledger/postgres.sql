-- The ledger of a migration in PostgreSQL; {schema} is put in by PostgresLedger as a quoted identifier.
CREATE SCHEMA IF NOT EXISTS {schema};

CREATE TABLE IF NOT EXISTS {schema}.outcomes (
    item        text PRIMARY KEY,
    partition   text NOT NULL,
    state       text NOT NULL
        CHECK (state IN ('migrated', 'already_present', 'excluded', 'quarantined', 'held', 'merged')),
    reason      text,
    source_hash text,
    target_hash text,
    detail      jsonb NOT NULL DEFAULT '{{}}',
    run_id      text NOT NULL,
    batch_id    text NOT NULL,
    first_at    timestamptz NOT NULL DEFAULT now(),
    updated_at  timestamptz NOT NULL DEFAULT now(),
    CHECK (state NOT IN ('excluded', 'quarantined', 'held') OR reason IS NOT NULL)
);
CREATE INDEX IF NOT EXISTS outcomes_partition_state ON {schema}.outcomes (partition, state, reason);

CREATE TABLE IF NOT EXISTS {schema}.plans (
    partition          text PRIMARY KEY,
    fingerprint        text NOT NULL,
    source_fingerprint text NOT NULL,
    items              bigint NOT NULL,
    summary            jsonb NOT NULL,
    run_id             text NOT NULL,
    made_at            timestamptz NOT NULL DEFAULT now()
);

-- Verdicts are a history: the newest of a stage and partition is the one that counts.
CREATE TABLE IF NOT EXISTS {schema}.verdicts (
    id        bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    stage     text NOT NULL,
    partition text NOT NULL,
    candidate text NOT NULL,
    status    text NOT NULL CHECK (status IN ('running', 'passed', 'failed', 'rolled_back')),
    run_id    text NOT NULL,
    at        timestamptz NOT NULL
);
CREATE INDEX IF NOT EXISTS verdicts_newest ON {schema}.verdicts (stage, partition, id DESC);

CREATE TABLE IF NOT EXISTS {schema}.publications (
    stage     text NOT NULL,
    partition text NOT NULL,
    candidate text NOT NULL,
    run_id    text NOT NULL,
    at        timestamptz NOT NULL,
    PRIMARY KEY (stage, partition)
);
