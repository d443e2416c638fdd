"""Whether a plan is the best there is: checked from prices, by code of its own."""
