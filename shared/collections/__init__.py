"""Collections: folders with rules and a schedule, of which every run classifies only what is new or changed."""
