"""Whether a candidate may replace what is there: rules on paired predictions, and a report that says why."""
