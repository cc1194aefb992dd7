"""What `embzarr.interop.spark` and `embzarr.interop.mllib` are made of."""
