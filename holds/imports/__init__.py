"""Imports a broker's book: a file is checked as a whole, and then applied in short batches.

The package is part of holds and not of inventory, because an import must respect the live claims.
"""
