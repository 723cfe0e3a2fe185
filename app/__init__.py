"""Who asks and how we answer. Contains no SQL."""
