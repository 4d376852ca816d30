"""What the stages do, one module a stage: reads, calls the domain, writes, returns what happened. No Dagster."""
