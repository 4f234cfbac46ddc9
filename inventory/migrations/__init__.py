"""The migrations of the inventory's tables.

Constraints and triggers that Django's models cannot express are raw SQL here.
"""
