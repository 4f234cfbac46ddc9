"""The published results of the bench, as a page and as charts.

The service shows them, so nothing here imports the bench, which writes `results.json`.
"""
