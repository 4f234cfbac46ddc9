"""The other ways to write the three calls. Each module is served in a process of its own."""
