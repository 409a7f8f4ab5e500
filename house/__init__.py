"""What the project makes and measures of itself: the skeleton of a new lab, its lines, its imports, a catalogue of its words."""
