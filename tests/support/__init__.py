"""What the tests share: fixtures, factories, a marketplace that calls, rivals, servers, files."""
