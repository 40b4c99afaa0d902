"""Numbers and tests of the spec as Python expressions that are right in every instance."""
