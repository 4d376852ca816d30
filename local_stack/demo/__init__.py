"""The demo: all three migrations on the local stack, launched through Dagster, accounted for at the end.

Servers and sources belong to ``local_stack``; here is only the order of the show and what it says.
"""
