"""The bench: a short measurement of each installed library against a copy and against the code that users write without this package."""
