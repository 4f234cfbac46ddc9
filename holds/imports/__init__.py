"""Importing a broker's book: check it as a whole, then apply it in short batches."""
