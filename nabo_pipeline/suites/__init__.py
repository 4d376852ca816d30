"""Great Expectations suites of the media migration, one module a stage. Data only; nothing is imported or run."""
