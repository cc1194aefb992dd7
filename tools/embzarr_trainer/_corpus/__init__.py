"""From text, wherever it lies and however it is packed, to word ids on disk."""
