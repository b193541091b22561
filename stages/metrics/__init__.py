"""One file per family of metrics, each with confidence intervals."""
