"""The door: REST, streams, sign-in and the files of the console."""
