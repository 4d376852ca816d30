"""The pure domain of the asset registry: addresses, taxonomy, texts, findings, profiles and the transform.

What belongs here: functions over plain values. What does not: Dagster, pymongo/bson, files, clocks, the network.
"""
