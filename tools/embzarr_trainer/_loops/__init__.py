"""The compiled loops, and the gate before them."""
