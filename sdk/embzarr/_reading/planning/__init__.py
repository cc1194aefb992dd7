"""What to fetch: which rows are wanted, in which chunks they lie, and the requests for those."""
