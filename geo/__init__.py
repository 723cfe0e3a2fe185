"""What is true on the ground. Knows the database; knows no HTTP and no colours."""
