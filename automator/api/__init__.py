"""What every call under /api shares: who is calling, how a body is read, how an error looks."""
