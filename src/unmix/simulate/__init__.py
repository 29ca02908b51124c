"""Pseudobulk with known fractions."""
