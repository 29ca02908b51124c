"""Classical methods: signatures, solvers, scores."""
