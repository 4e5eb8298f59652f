"""Column functions, one module for each treatment."""
