"""What touches the world: database, HTTP, SMTP, files. Nothing here decides about the business."""
