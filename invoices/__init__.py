"""Invoices: the sales of held tickets, and the voids with which staff undo sales.

A sale is an invoiced hold, so the claim itself stays in holds. Here are the facts of the sale.
"""
