"""What the forms know: the fields of a record as people fill them in. Pure modules first, widgets beside them."""
