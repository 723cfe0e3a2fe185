"""A simulated city, its month of fieldwork, and devices that send it: seeded, and known to the last household."""
