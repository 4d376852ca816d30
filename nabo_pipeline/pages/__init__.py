"""What people look at: the summary page and its charts. Figures in, text out; nothing is read or written here."""
