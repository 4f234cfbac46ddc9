"""The management commands of the inventory.

Django looks for commands in this package.
"""
