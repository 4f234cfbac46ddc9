"""The migrations of users, API keys and log-in attempts."""
