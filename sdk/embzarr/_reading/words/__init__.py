"""Words to rows and back, and vectors of words that no row has."""
