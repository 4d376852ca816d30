"""Synthetic sources, one package a migration: real shape, real counts, deterministic by seed.

Servers belong to ``local_stack.servers``.
"""
