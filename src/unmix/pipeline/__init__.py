"""What the Nextflow pipeline is given."""
