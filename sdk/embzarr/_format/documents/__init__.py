"""The JSON that a store holds: manifests, pages, collections, Zarr's metadata, and their gate."""
