"""From raw data in any format to clean splits: reading, cleaning, cutting, checking, describing. No torch.

In order of use: `readers` give `blocks`, `columns` maps and types them, `source` finds the files and makes `records`'
drafts, `cleaning` mends texts, `assembling` makes the corpus with `duplicates`, `near_duplicates`, `splitting` and
`leakage`, `profile` describes it and `picture` draws it, `publishing` puts it under its name.
"""
