"""The names of the gated stages, as the ledger's verdicts and publications carry them; nothing else."""

INVENTORY, BACKUP, APPLY, VERIFY = "inventory", "backup", "apply", "verify"
