"""What an operation may ask for, decided before any of it runs. Knows the document and the schema, no transport."""
