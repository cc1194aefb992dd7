"""Words in memory, in their order, in the lookup, and in the order that rows lie in."""
