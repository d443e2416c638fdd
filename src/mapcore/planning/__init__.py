"""From the map as it is to the map as it should be, with proof."""
