"""Who may do what at the desk: tokens, sessions, forgery, headers, limits. What pages and API need is in `access`."""
