"""How it is drawn. Knows no HTTP."""
