"""What a browser or a mail client asks for: tracking, unsubscribe, the letter online."""
