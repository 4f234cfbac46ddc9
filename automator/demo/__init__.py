"""The demo: a broker with a believable day of trade, and what its owner needs to know."""
