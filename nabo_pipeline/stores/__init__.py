"""Where things live: the backup, Supabase Storage, the target's tables and this migration's own.

Clients and SQL stand here and nowhere else; what is done with what they give is the steps' matter.
"""
