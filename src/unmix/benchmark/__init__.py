"""How methods do on samples of known composition: cases, fits, the store of their estimates, and figures from it.

A case is a folder with a reference and samples of known composition. A fit is one training of a method on a case, and
its estimates of all samples of the case. What a fit gives is kept in a store, so that work that is done is not done
again, and every figure is computed from the store afterwards.
"""
