"""The pure domain: dialects of the old schema, the mapping, e-mail addresses, rules for test rows, twins, months.

The Python here is the specification; the SQL that does the work is held equal to it by tests. No Dagster, no
client library, no I/O.
"""
