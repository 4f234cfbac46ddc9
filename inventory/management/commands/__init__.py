"""The commands themselves, one module each.

The name of a module is the name of its command.
"""
