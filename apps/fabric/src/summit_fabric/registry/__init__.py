"""The registry: who may speak, with which credential, on which subjects; who is there, and who was denied."""
