"""The day's work: each step loads from an edge, lets the core decide, stores what it decided."""
