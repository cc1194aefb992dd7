"""The stores themselves, a module for each library or kind, and what only they need."""
