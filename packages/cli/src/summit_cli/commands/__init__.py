"""One file for each command of `summit`."""
