"""The curators' desk: pages and a REST API over what the registry's migration keeps. FastAPI is imported only here.

HTTP belongs here: who asks, what is shown, which status. What a decision is and how it is stored belongs to `steps`.
"""
