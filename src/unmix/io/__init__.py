"""Reading and writing: tables, h5ad, gene identifiers, units, fractions, published files."""
