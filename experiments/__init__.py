"""Scripts that make the figures and tables of `reports/`."""
