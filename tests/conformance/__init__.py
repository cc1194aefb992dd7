"""The corpus of ``spec/v1`` run against the SDK, against plain zarr, and against the text."""
