"""The three roles: each reads through ports, decides in the domain, writes through ports."""
