"""Plans in words, documents and pictures, and why they are what they are."""
