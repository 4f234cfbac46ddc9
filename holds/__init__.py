"""Holds: the claims on tickets that the marketplace and the broker's staff make.

Imports and exports of a broker's book live here and not in inventory, because they read the claims.
"""
