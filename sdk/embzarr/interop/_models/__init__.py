"""What adapters of models share, whatever framework made them."""
