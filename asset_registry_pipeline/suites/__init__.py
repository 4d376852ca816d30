"""Great Expectations suites, one module a stage: what must hold before anything is published or called verified."""
