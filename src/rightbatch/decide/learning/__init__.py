"""Learning: what runs tell of the cost to the goal, and the race that asks for them."""
