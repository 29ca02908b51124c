"""What a method is, and the model that it gives."""
