"""What is saved as a caller gives it: checked before anything is sent."""
