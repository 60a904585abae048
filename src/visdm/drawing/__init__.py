"""What every page of ViSDM is drawn with: markup, marks, colours, the document around them."""
