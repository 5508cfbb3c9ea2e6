"""A small world to try the desk on: blogs with feeds, an SMTP server, readers who react."""
