"""A contest of this project with a peer: same records, same base model, same epochs and learning rate, one scorer for both.

`jobs` says what is played, `projects` makes a project of a recipe and runs its stages, `exports` gives the peer the prepared
records, `rounds` plays by turns and keeps every finished run, `said` brings what both predicted into one form, `scoring`
measures it, and `tables` writes it down. `benchmarks.tasks` is the way in.
"""
