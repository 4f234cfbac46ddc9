"""Management commands that concern more than one app, and what they share."""
