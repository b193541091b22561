"""What is said of a tuned model beyond its metrics: baselines, errors, comparisons, pictures."""
