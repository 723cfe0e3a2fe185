"""What may leave, and what it says."""
