"""Measurements: how fast the migrations are, and how much memory they take. ``python -m benchmarks`` runs them.

Each module named in ``__main__`` offers ``run(environment) -> figures``. What must be true, whatever the speed,
belongs to the tests.
"""
