"""Tools of the house: the artifact, the locks, the generated pages."""
