"""What arrives, and how it is added up."""
