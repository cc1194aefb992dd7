"""The command line ``embzarr``: presentation of what `embzarr` and `embzarr_trainer` do."""
