"""The networks of the deep methods. Imported late (they import torch)."""
