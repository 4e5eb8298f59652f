"""Where safe tables go."""
