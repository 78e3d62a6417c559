"""A short measurement of what is installed: each library's path beside a copy, and beside what its users write without this package."""
