"""One View of an Advice: terminal, JSON, one HTML file."""
