"""Router tiers: which proxies a client connects to, and which nodes a proxy connects to."""
