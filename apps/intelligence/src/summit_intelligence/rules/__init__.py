"""What observations mean: pure rules, each named and versioned, without clock, network or state of their own."""
