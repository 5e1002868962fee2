"""Data-driven cases and what makes them: nothing here imports the product."""
