"""How far off an estimate may be."""
