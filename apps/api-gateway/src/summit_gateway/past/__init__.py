"""The past, which fabric keeps: pictures of a moment, exports, bundles."""
