"""Detection metrics: overlaps of boxes, matching, average precision as COCO counts it, and what each mistake costs."""
