"""What exists before anybody knocks."""
