"""unmix: cell-type deconvolution of bulk RNA-seq."""

__version__ = "0.1.0"
