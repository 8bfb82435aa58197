"""Pages for people: what a campaign did and found."""
