"""The REST API: the migration's endpoints as planned, and the registry's own over development. JSON in, JSON out.

Routes translate; what may be done, and how it is stored, is said in `steps`. Bearer tokens only, never a cookie.
"""
