"""Deep methods: preprocessing, networks, training."""
