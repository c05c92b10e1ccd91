"""Local learning rules and the loop that runs them."""
