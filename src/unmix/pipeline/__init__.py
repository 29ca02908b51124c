"""Inputs of the Nextflow pipeline."""
