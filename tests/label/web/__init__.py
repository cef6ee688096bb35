"""The page of a labelling project."""
