"""What it means while the work runs."""
