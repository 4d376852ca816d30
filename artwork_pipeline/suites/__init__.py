"""The suites of the artwork migration, one module a stage. Data only; nothing is imported or run."""
