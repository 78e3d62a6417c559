"""Accelerated backends, one file for each library, found through entry points like anyone's."""
