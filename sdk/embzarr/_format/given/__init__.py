"""What callers pass where words, numbers, arrays and metadata belong."""
