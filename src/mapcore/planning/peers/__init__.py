"""Placing copies so that a node exchanges data with few others: `maxPeers`."""
